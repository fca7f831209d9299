"""Colours of the quantities of a map: up to 256 of them, the first of which is transparent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.serving.verdict import VERDICTS

Colours = NDArray[np.uint8]
#: The ten colours of suitability on all pages (`components.css`), between which colours are linear.
VIRIDIS = (
    *((68, 1, 84), (72, 40, 120), (62, 73, 137), (49, 104, 142), (38, 130, 142)),
    *((31, 158, 137), (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37)),
)
#: Orange below 0, beyond the training ranges, and blue above it.
_DIVERGING = ((179, 88, 6), (241, 163, 64), (247, 247, 247), (103, 169, 207), (33, 102, 172))
_DISTANCE = ((255, 247, 236), (253, 187, 132), (227, 74, 51), (127, 0, 0))
CLEAR = 0
#: Steps of a scale, from index 1 on.
STEPS = 240
#: Hatching of cells of which the model cannot say anything: ground and lines.
GROUND, HATCH = 254, 255
_GREYS = {GROUND: (206, 209, 212), HATCH: (138, 143, 148)}
CANNOT_SAY = VERDICTS.index("cannot_say")


@dataclass(frozen=True)
class Scale:
    """A quantity with numbers.

    Attributes
    ----------
    factor : float
        From stored values to numbers.
    low, high : float
        Numbers with the first and the last colour; others beyond them have the same colours.
    colours : tuple
        At equal steps.
    is_hatched : bool
        Whether cells of which the model cannot say anything are hatched.
    """

    factor: float
    low: float
    high: float
    colours: tuple[tuple[int, int, int], ...]
    is_hatched: bool = False


SCALES: Mapping[str, Scale] = {
    "suitability": Scale(1e-4, 0.0, 1.0, VIRIDIS, is_hatched=True),
    "low": Scale(1e-4, 0.0, 1.0, VIRIDIS, is_hatched=True),
    "high": Scale(1e-4, 0.0, 1.0, VIRIDIS, is_hatched=True),
    "spread": Scale(1e-4, 0.0, 1.0, _DISTANCE, is_hatched=True),
    "index": Scale(1.0, 0.0, 1.0, _DISTANCE),
    "mess": Scale(1.0, -100.0, 100.0, _DIVERGING),
}


def ramp(colours: tuple[tuple[int, int, int], ...], n: int = STEPS) -> Colours:
    """Return `n` colours of a scale, shape (n, 3)."""
    steps, share = np.linspace(0.0, 1.0, len(colours)), np.linspace(0.0, 1.0, n)
    table = np.array(colours, dtype=np.float64)
    return np.rint(np.stack([np.interp(share, steps, table[:, k]) for k in range(3)], axis=1)).astype(np.uint8)


def palette_of(quantity: str, colour_table: Mapping[int, tuple[int, int, int]]) -> Colours:
    """Return the palette of a quantity, shape (256, 3).

    Parameters
    ----------
    quantity : str
    colour_table : mapping
        Of a file with categories, by value.
    """
    palette = np.zeros((256, 3), dtype=np.uint8)
    scale = SCALES.get(quantity)
    if scale is not None:
        palette[1 : STEPS + 1] = ramp(scale.colours)
    else:
        for value, colour in colour_table.items():
            if 0 <= value < GROUND - 1:
                palette[value + 1] = colour
    for index, grey in _GREYS.items():
        palette[index] = grey
    return palette


def indices_of(quantity: str, values: NDArray[Any], nodata: float | None) -> Colours:
    """Return the colours of stored values as indices of the palette; `CLEAR` where there is none."""
    clear = np.isnan(values) if values.dtype.kind == "f" else values == nodata
    scale = SCALES.get(quantity)
    if scale is None:
        indices = np.minimum(values.astype(np.int64) + 1, GROUND - 1)
    else:
        numbers = np.where(clear, scale.low, values).astype(np.float64) * scale.factor
        share = (np.clip(numbers, scale.low, scale.high) - scale.low) / (scale.high - scale.low)
        indices = 1 + np.rint(share * (STEPS - 1)).astype(np.int64)
    return np.where(clear, CLEAR, indices).astype(np.uint8)


def hatching(height: int, width: int) -> Colours:
    """Return diagonal lines, which go on from tile to tile."""
    y, x = np.ogrid[0:height, 0:width]
    return np.where((x + y) % 8 < 2, HATCH, GROUND).astype(np.uint8)
