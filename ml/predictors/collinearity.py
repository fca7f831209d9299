"""Collinear predictors: strongly correlated pairs, and predictors that the others determine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.card import Collinear, Predictor

#: Absolute rank correlation from which single effects are estimated badly (Dormann et al. 2013).
PAIR = 0.7
#: Variance inflation factor from which the other predictors determine a predictor.
INFLATION = 10.0
_LARGEST_FACTOR = 1e6


def find_collinear(rows: NDArray[np.float32], predictors: list[Predictor]) -> list[Collinear]:
    """Find predictors whose effects the records cannot separate.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, n_predictors)
        Encoded. Categorical and constant predictors are ignored.
    predictors : list of Predictor

    Returns
    -------
    list of Collinear
        Pairs with an absolute Spearman correlation of 0.7 or more, strongest first, then predictors with a variance
        inflation factor of 10 or more that are in none of the pairs.

    References
    ----------
    Dormann et al. 2013, Ecography 36: 27-46, doi 10.1111/j.1600-0587.2012.07348.x.
    """
    used = [j for j, p in enumerate(predictors) if p.type == "continuous" and np.ptp(rows[:, j]) > 0]
    if len(used) < 2:
        return []
    names, labels = [predictors[j].name for j in used], [predictors[j].label for j in used]
    ranks = np.column_stack([rankdata(rows[:, j]) for j in used])
    correlation = np.corrcoef(ranks, rowvar=False)
    pairs = [
        Collinear(
            predictors=[names[a], names[b]],
            measure="spearman",
            value=float(correlation[a, b]),
            warning=_together(labels[a], labels[b], float(correlation[a, b])),
        )
        for a in range(len(used))
        for b in range(a + 1, len(used))
        if abs(correlation[a, b]) >= PAIR
    ]
    pairs.sort(key=lambda one: -abs(one.value))
    paired = {name for one in pairs for name in one.predictors}
    factors = _inflation(rows[:, used].astype(np.float64))
    return pairs + [
        Collinear(predictors=[name], measure="vif", value=factor, warning=_determined(label, factor))
        for name, label, factor in zip(names, labels, factors, strict=True)
        if factor >= INFLATION and name not in paired
    ]


def _together(first: str, second: str, correlation: float) -> str:
    how = "rise and fall together" if correlation > 0 else "move against each other"
    return (
        f"{first} and {second} {how} in the records (rank correlation {correlation:.2f}): what one of them does cannot "
        "be told from what the other does."
    )


def _determined(label: str, factor: float) -> str:
    return (
        f"{label} follows almost completely from the other predictors (variance inflation factor {factor:,.0f}): its "
        "own part cannot be told from theirs."
    )


def _inflation(values: NDArray[np.float64]) -> list[float]:
    """Return the variance inflation factor of each column, at most a million.

    `values` is a float64 array of shape (n, n_predictors) without constant columns.
    """
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    out = []
    for j in range(values.shape[1]):
        others = np.delete(standard, j, axis=1)
        fitted = others @ np.linalg.lstsq(others, standard[:, j], rcond=None)[0]
        left = float(np.mean((standard[:, j] - fitted) ** 2))
        out.append(min(_LARGEST_FACTOR, 1 / left) if left > 0 else _LARGEST_FACTOR)
    return out
