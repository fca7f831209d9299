"""The quantities of a map: how each is stored, and what its numbers mean."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.card import ModelCard
from ml.serving.bulk import BulkAnswers
from ml.serving.verdict import VERDICTS, WORDS, Verdict

Colour = tuple[int, int, int]
#: Suitability is stored as a whole number of these.
SCALE: Final = 1e-4
_STEPS: Final = 10_000
#: Tones of the scale of suitability (viridis); grey for cells of which the model cannot say anything.
VERDICT_COLOURS: Final[dict[Verdict, Colour]] = {
    "suitable": (253, 231, 37),
    "probably_suitable": (94, 201, 98),
    "probably_unsuitable": (49, 104, 142),
    "unsuitable": (68, 1, 84),
    "cannot_say": (160, 164, 168),
}
_INSIDE_COLOURS: Final[tuple[Colour, Colour]] = ((160, 164, 168), (31, 158, 137))
#: Most predictors that have a colour each; the indices of more take two bytes.
_MOST_BYTES = 255


@dataclass(frozen=True)
class Category:
    """One value of a quantity that has categories."""

    value: int
    name: str
    label: str
    colour: Colour


@dataclass(frozen=True)
class Quantity:
    """One quantity of a map.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    title : str
    description : str
        What the numbers mean, in a sentence.
    dtype : str
        Of numpy, little-endian.
    nodata : float
        In cells without an answer.
    scale : float or None
        The number is the stored value times it; None: the stored value is the number.
    resampling : str
        GDAL's method for overviews.
    categories : tuple of Category
    """

    name: str
    title: str
    description: str
    dtype: str
    nodata: float
    scale: float | None = None
    resampling: str = "AVERAGE"
    categories: tuple[Category, ...] = ()

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.name}.tif"

    @property
    def itemsize(self) -> int:
        """Bytes of a cell."""
        return int(np.dtype(self.dtype).itemsize)

    def empty(self, *shape: int) -> NDArray[Any]:
        """Return cells without an answer."""
        return np.full(shape, self.nodata, self.dtype)


def quantities_of(card: ModelCard) -> tuple[Quantity, ...]:
    """Return the quantities of the maps of a model."""
    names = [predictor.name for predictor in card.predictors]
    bytes_ = len(names) <= _MOST_BYTES
    return (
        _portion(
            "suitability",
            "Suitability",
            "Suitability of the conditions of the cell, from 0 to 1. Mask it by inside.tif: where that is 0, the model "
            "has seen no such conditions, and the number says nothing.",
        ),
        _portion("low", "Suitability, low end", "Low end of the interval of the suitability, from 0 to 1."),
        _portion("high", "Suitability, high end", "High end of the interval of the suitability, from 0 to 1."),
        Quantity(
            "verdict",
            "Verdict",
            "The side of the threshold, and whether the interval crosses it; cannot_say outside the area of "
            "applicability, or where the model is not better than chance.",
            "|u1",
            255,
            resampling="MODE",
            categories=tuple(
                Category(value, name, WORDS[name], VERDICT_COLOURS[name]) for value, name in enumerate(VERDICTS)
            ),
        ),
        Quantity(
            "inside",
            "Area of applicability",
            "1 where the cell lies in the area of applicability of the model, 0 outside it.",
            "|u1",
            255,
            resampling="MODE",
            categories=(
                Category(0, "outside", "Outside the area of applicability", _INSIDE_COLOURS[0]),
                Category(1, "inside", "Inside the area of applicability", _INSIDE_COLOURS[1]),
            ),
        ),
        Quantity(
            "index",
            "Dissimilarity index",
            "Distance to the training records in the space of the predictors (Meyer & Pebesma 2021); no value for a "
            "model without an area of applicability.",
            "<f4",
            float("nan"),
        ),
        Quantity(
            "mess",
            "MESS",
            "Multivariate environmental similarity surface (Elith et al. 2010): negative outside the training ranges.",
            "<f4",
            float("nan"),
        ),
        Quantity(
            "most_dissimilar",
            "Most dissimilar predictor",
            "The predictor that is least like the training records.",
            "|u1" if bytes_ else "<u2",
            255 if bytes_ else 65535,
            resampling="MODE",
            categories=tuple(
                Category(value, name, name, colour)
                for value, (name, colour) in enumerate(zip(names, _distinct_colours(len(names)), strict=True))
            ),
        ),
    )


def _portion(name: str, title: str, description: str) -> Quantity:
    return Quantity(name, title, description, "<u2", 65535, SCALE)


def _distinct_colours(n: int) -> Sequence[Colour]:
    # Steps of the golden section, so that neighbours differ whatever their number is.
    tones = (colorsys.hsv_to_rgb(0.08 + 0.618034 * k % 1.0, 0.55, 0.85 - 0.25 * (k % 2)) for k in range(n))
    return [(round(255 * red), round(255 * green), round(255 * blue)) for red, green, blue in tones]


def stored(quantity: Quantity, answers: BulkAnswers) -> NDArray[Any]:
    """Return a quantity of some answers as it is stored.

    Parameters
    ----------
    quantity : Quantity
    answers : BulkAnswers
        Of n rows.

    Returns
    -------
    ndarray, shape (n,)
        Suitabilities are rounded to the nearest step, a tie to the even one.
    """
    values = getattr(answers, quantity.name)
    if quantity.scale is not None:
        values = np.rint(values * _STEPS)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(quantity.dtype)
