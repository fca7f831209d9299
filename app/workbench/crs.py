"""Check of typed names of CRSs and datums. PROJ knows them, so the workbench looks them up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.errors import ValidationFailed
from app.workbench import runner

_TIMEOUT_S = 60.0


def check(kind: Literal["crs", "datum"], texts: Mapping[str, str | None]) -> None:
    """Refuse texts that name no CRS or datum.

    Parameters
    ----------
    kind : str
    texts : mapping of str to str or None
        Texts by the pointers of their fields.

    Raises
    ------
    ValidationFailed
    """
    typed = {pointer: text for pointer, text in texts.items() if text}
    if not typed:
        return
    unknown = runner.run("crs", {"kind": kind, "texts": list(typed.values())}, _TIMEOUT_S)["unknown"]
    what = "CRS" if kind == "crs" else "datum or CRS"
    errors = [
        (pointer, f"“{text[:60]}” is not a {what} that is known; type a code, as EPSG:4326")
        for pointer, text in typed.items()
        if text in unknown
    ]
    if errors:
        raise ValidationFailed(errors)
