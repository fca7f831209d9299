"""Figures by accepted observations where a species is sensitive: the one place that rounds them and leaves some out.

Whoever knows a figure exactly before and after one observation knows what the model said there. A public map of
suitability has this value in few cells. The number of observations at training places tells after one more whether
there is a record at its place.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel

from app.catalogue import sensitive

Figures = TypeVar("Figures", bound=BaseModel)
_DIGITS: Final = 2
#: The member of figures that tells training places apart.
_SPLIT: Final = "away"


def shown(figures: Figures, study: str) -> Figures:
    """Return figures with two digits, and not by training places, where a species of their study is sensitive.

    Whoever asks.

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
        return {name: None if name == _SPLIT else _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, list) else value
