"""Bioclimatic variables from monthly means of temperature and precipitation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """Description of a layer: label, unit, and the limits beyond which a value is an error."""

    name: str
    label: str
    unit: str
    lowest_possible: float
    highest_possible: float
    description: str


#: Quarters tie if their mean temperatures differ by no more than this share of the largest monthly temperature. Sums of
#: decimal numbers that are equal in exact arithmetic differ by about 1e-16 of it.
_TIE = 1e-9
_T, _P = (-100.0, 70.0), (0.0, 50_000.0)
_MEANS = "From monthly means."
_QUARTER = "From monthly means; a quarter is any three months in a row, the turn of the year included."

#: Bioclimatic variables that follow from monthly mean temperature and monthly precipitation. bio2 and bio3 are left out
#: because they need daily extremes, bio8 and bio9 because they have discontinuities in space.
LAYERS: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        Layer("bio1", "Annual mean air temperature", "°C", *_T, _MEANS),
        Layer(
            "bio4",
            "Temperature seasonality",
            "°C × 100",
            0.0,
            5_000.0,
            "Standard deviation of the monthly means, times 100 as in WorldClim.",
        ),
        Layer("bio5", "Mean temperature of the warmest month", "°C", *_T, f"{_MEANS} WorldClim uses daily maxima."),
        Layer("bio6", "Mean temperature of the coldest month", "°C", *_T, f"{_MEANS} WorldClim uses daily minima."),
        Layer("bio7", "Annual temperature range", "°C", 0.0, 120.0, "Warmest month minus coldest, monthly means."),
        Layer("bio10", "Mean temperature of the warmest quarter", "°C", *_T, _QUARTER),
        Layer("bio11", "Mean temperature of the coldest quarter", "°C", *_T, _QUARTER),
        Layer("bio12", "Annual precipitation", "mm", *_P, _MEANS),
        Layer("bio13", "Precipitation of the wettest month", "mm", *_P, _MEANS),
        Layer("bio14", "Precipitation of the driest month", "mm", *_P, _MEANS),
        Layer(
            "bio15",
            "Precipitation seasonality",
            "%",
            0.0,
            400.0,
            "Coefficient of variation of the monthly sums, 1 mm added to their mean as in WorldClim.",
        ),
        Layer("bio16", "Precipitation of the wettest quarter", "mm", *_P, _QUARTER),
        Layer("bio17", "Precipitation of the driest quarter", "mm", *_P, _QUARTER),
        Layer("bio18", "Precipitation of the warmest quarter", "mm", *_P, _QUARTER),
        Layer("bio19", "Precipitation of the coldest quarter", "mm", *_P, _QUARTER),
    )
}


def bioclim(temperature: ArrayLike, precipitation: ArrayLike) -> dict[str, Floats]:
    """Compute the bioclimatic variables from monthly means.

    Parameters
    ----------
    temperature : array-like, shape (12, n)
        Monthly mean air temperature, °C. Masked and infinite values count as NaN.
    precipitation : array-like, shape (12, n)
        Monthly precipitation, mm; likewise.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Every name in `LAYERS`, as defined by WorldClim and dismo's ``biovars``; if quarters tie, the one that begins
        first in the year. Quarters tie if their temperatures differ by no more than the rounding of decimal numbers.
        NaN where a month that the variable needs is NaN.

    Raises
    ------
    ValueError
        The shapes differ or are not (12, n).

    References
    ----------
    Hijmans et al. 2005, International Journal of Climatology 25: 1965-1978, doi 10.1002/joc.1276.
    """
    t, p = _floats(temperature), _floats(precipitation)
    if t.shape != p.shape or t.ndim != 2 or t.shape[0] != 12:
        raise ValueError(f"temperature and precipitation must be of one shape (12, n), got {t.shape} and {p.shape}")
    t_quarter = (t + np.roll(t, -1, axis=0) + np.roll(t, -2, axis=0)) / 3.0
    p_quarter = p + np.roll(p, -1, axis=0) + np.roll(p, -2, axis=0)
    columns = np.arange(t.shape[1])
    known = ~np.isnan(t_quarter).any(axis=0)
    tolerance = _TIE * np.abs(t).max(axis=0)
    # argmax of booleans returns the first True, so the first quarter of those that tie.
    warmest = (t_quarter >= t_quarter.max(axis=0) - tolerance).argmax(axis=0)
    coldest = (t_quarter <= t_quarter.min(axis=0) + tolerance).argmax(axis=0)
    return {
        "bio1": t.mean(axis=0),
        "bio4": 100.0 * t.std(axis=0, ddof=1),
        "bio5": t.max(axis=0),
        "bio6": t.min(axis=0),
        "bio7": t.max(axis=0) - t.min(axis=0),
        "bio10": t_quarter.max(axis=0),
        "bio11": t_quarter.min(axis=0),
        "bio12": p.sum(axis=0),
        "bio13": p.max(axis=0),
        "bio14": p.min(axis=0),
        "bio15": 100.0 * p.std(axis=0, ddof=1) / (1.0 + p.mean(axis=0)),
        "bio16": p_quarter.max(axis=0),
        "bio17": p_quarter.min(axis=0),
        "bio18": np.where(known, p_quarter[warmest, columns], np.nan),
        "bio19": np.where(known, p_quarter[coldest, columns], np.nan),
    }


def _floats(values: ArrayLike) -> Floats:
    """Return values as float64, NaN where they are masked or infinite."""
    floats = np.ma.asarray(values, dtype=np.float64).filled(np.nan)
    return np.where(np.isfinite(floats), floats, np.nan)
