"""The digits of figures by accepted observations: the one place that rounds them where a species is sensitive.

Whoever knows a figure exactly before and after one observation knows what the model said there. A public map of
suitability has this value in few cells.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel

from app.catalogue import sensitive

Figures = TypeVar("Figures", bound=BaseModel)
_DIGITS: Final = 2


def shown(figures: Figures, study: str) -> Figures:
    """Return figures with two digits where a species of their study is sensitive, whoever asks.

    Parameters
    ----------
    figures : BaseModel
        Every float in it is rounded, also in its parts.
    study : str
        Slug.
    """
    if not sensitive.is_marked(study):
        return figures
    return type(figures).model_validate(_rounded(figures.model_dump()))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
