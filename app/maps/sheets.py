"""The words on the picture of a finished map."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from app.maps.legends import legends_of
from app.maps.schemas import MapDetail
from app.maps.sheet import SheetText


def text_of(found: MapDetail, quantity: str, site: str, labels: Mapping[str, str]) -> SheetText | None:
    """Return the words on the picture of a quantity, or None before the map is finished.

    Parameters
    ----------
    found : MapDetail
    quantity : str
    site : str
        Address of the pages, without a trailing slash.
    labels : mapping
        Of the predictors, by name.
    """
    content = found.content
    if content is None:
        return None
    legend = next(one for one in legends_of(content, labels) if one.name == quantity)
    unsure, valid = content.area_km2["by_verdict"]["cannot_say"], content.area_km2["valid"]
    sentences = [content.beyond.sentence]
    if unsure:
        sentences.append(f"The model cannot say anything on {unsure:,.0f} of {valid:,.0f} km².")
    return SheetText(
        species=found.species.scientific_name,
        conditions=found.scenario or "Conditions of the training (today)",
        legend=legend,
        sentences=sentences,
        citation=[
            content.citation,
            f"Licences: {'; '.join(content.licences) or 'none stated'}.",
            f"Model {found.model.id}, map of {found.created_at:%Y-%m-%d}.",
            f"{site}/maps/{found.id}",
        ],
    )


def digest(text: SheetText) -> str:
    """Return a short name of the words: they contain the address of the site."""
    return hashlib.sha256(repr(text).encode()).hexdigest()[:16]
