"""Scores of a species distribution model, and the bootstrap interval around them.

Every function takes ``y_true`` of shape (n,) with 0 and 1 (1 = presence) and ``score`` of shape (n,), where higher is
more suitable. Wrong shapes, NaN, empty input or a single class raise ``ValueError``. Each docstring states the result
for constant scores.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MetricFunction = Callable[[NDArray[np.int64], Floats], float]


def validated(y_true: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    """Return labels and scores as arrays of int and float, after validation.

    Parameters
    ----------
    y_true : array-like, shape (n,)
        0 or 1, both present.
    score : array-like, shape (n,)
        Finite scores.

    Returns
    -------
    y_true : ndarray of int, shape (n,)
    score : ndarray of float, shape (n,)

    Raises
    ------
    ValueError
        Shapes differ, there are no records, a score is not finite, or a class is missing.
    """
    labels = np.asarray(y_true)
    scores = np.asarray(score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise ValueError(f"y_true and score must be of one shape (n,), got {labels.shape} and {scores.shape}")
    if not labels.size:
        raise ValueError("no records to score")
    if not np.isfinite(scores).all():
        raise ValueError("score contains NaN or infinity")
    presence = labels == 1
    if not (presence | (labels == 0)).all():
        raise ValueError("y_true may only hold 0 and 1")
    if presence.all() or not presence.any():
        raise ValueError("y_true holds one class only: both presences and absences (or background) are needed")
    return presence.astype(np.int64), scores


def auc_roc(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the ROC curve: the probability that a presence scores above an absence, ties counting half.

    Constant scores give 0.5.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)

    References
    ----------
    Hanley & McNeil 1982, Radiology 143: 29-36.
    """
    y, s = validated(y_true, score)
    absent, present = np.sort(s[y == 0]), s[y == 1]
    below = np.searchsorted(absent, present, side="left")
    not_above = np.searchsorted(absent, present, side="right")
    return float((below + not_above).sum() / (2.0 * present.size * absent.size))


def auc_prg(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the area under the precision-recall-gain curve.

    Precision gain is ``1 - n1·FP / (n0·TP)`` and recall gain ``1 - n1·FN / (n0·TP)`` with n1 presences and n0 absences.
    Records of equal score enter together. Where the curve crosses recall gain 0 a point is interpolated on the counts
    (recall gain 0 is exactly TP = n1²/n), and the area over recall gain in 0..1 is taken by trapezoids. As in the
    authors' own package, precision gain below zero counts as negative area, so a model worse than the
    always-positive one is below zero. Constant scores give 0.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)

    References
    ----------
    Flach & Kull 2015, Precision-Recall-Gain Curves: PR Analysis Done Right, NIPS 28.
    """
    y, s = validated(y_true, score)
    n1, n0 = int(y.sum()), int((1 - y).sum())
    order = np.argsort(-s, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(s[order])), y.size - 1)
    tp = np.concatenate([[0.0], np.cumsum(y[order], dtype=np.float64)[last_of_tie]])
    fp = np.concatenate([[0.0], np.cumsum(1 - y[order], dtype=np.float64)[last_of_tie]])
    crossing = n1 * n1 / y.size
    after = int(np.searchsorted(tp, crossing, side="left"))
    if tp[after] > crossing:
        share = (crossing - tp[after - 1]) / (tp[after] - tp[after - 1])
        fp_there = fp[after - 1] + share * (fp[after] - fp[after - 1])
        tp = np.concatenate([[crossing], tp[after:]])
        fp = np.concatenate([[fp_there], fp[after:]])
    else:
        tp, fp = tp[after:], fp[after:]
    ratio = n1 / n0
    precision_gain, recall_gain = 1.0 - ratio * fp / tp, 1.0 - ratio * (n1 - tp) / tp
    return float(np.trapezoid(precision_gain, recall_gain))


def cor(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the point-biserial correlation of score with presence (Elith et al. 2006, Ecography 29: 129-151).

    Constant scores give 0.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)
    """
    y, s = validated(y_true, score)
    if s.min() == s.max():
        return 0.0
    # Scores are scaled first, so that squares of tiny or huge scores do not under- or overflow.
    s = (s - s.min()) / (s.max() - s.min())
    from_mean, presence = s - s.mean(), y - y.mean()
    spread = float(np.sqrt((from_mean**2).sum() * (presence**2).sum()))
    return float(np.clip((from_mean * presence).sum() / spread, -1.0, 1.0))


def sensitivity_specificity(y_true: ArrayLike, score: ArrayLike, threshold: float) -> tuple[float, float]:
    """Return the share of presences at or above `threshold`, and of absences (or background) below it.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)
    threshold : float
        Suitable when ``score >= threshold``, the rule of `ml.serving.threshold.ThresholdValue.reached_by`.
    """
    y, s = validated(y_true, score)
    if np.isnan(threshold):
        raise ValueError("threshold is NaN")
    suitable = s >= threshold
    return float(suitable[y == 1].mean()), float((~suitable[y == 0]).mean())


def tss(y_true: ArrayLike, score: ArrayLike, threshold: float) -> float:
    """Return sensitivity + specificity - 1 at `threshold` (Allouche et al. 2006, J. Appl. Ecol. 43: 1223-1232).

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)
    threshold : float
        Suitable when ``score >= threshold``.
    """
    sensitivity, specificity = sensitivity_specificity(y_true, score, threshold)
    return sensitivity + specificity - 1.0


def brier(y_true: ArrayLike, score: ArrayLike) -> float:
    """Return the mean squared difference of probability and outcome (Brier 1950), meaningful with true absences only.

    Parameters
    ----------
    y_true : array-like, shape (n,)
    score : array-like, shape (n,)
        Probabilities in 0..1; anything outside raises ValueError.
    """
    y, s = validated(y_true, score)
    if s.min() < 0.0 or s.max() > 1.0:
        raise ValueError("the Brier score needs probabilities between 0 and 1")
    return float(np.mean((s - y) ** 2))


def _fast_auc_samples(present: Floats, absent: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return the AUC of `n` stratified resamples, shape (n,).

    A resample is represented by how often each distinct score is drawn; after one sort its AUC takes linear time.
    """
    levels, inverse = np.unique(np.concatenate([present, absent]), return_inverse=True)
    of_present, of_absent = inverse[: present.size], inverse[present.size :]
    samples = np.empty(n)
    for i in range(n):
        ones = np.bincount(of_present[rng.integers(0, present.size, present.size)], minlength=levels.size)
        zeros = np.bincount(of_absent[rng.integers(0, absent.size, absent.size)], minlength=levels.size)
        below = np.cumsum(zeros) - zeros / 2.0
        samples[i] = ones @ below / (present.size * absent.size)
    return samples


def bootstrap_interval(
    metric: MetricFunction, y_true: ArrayLike, score: ArrayLike, n: int = 500, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a metric, resampled within each class (Efron & Tibshirani 1993).

    Parameters
    ----------
    metric : callable
        ``metric(y_true, score) -> float``; `auc_roc` is computed by a faster method with the same result.
    y_true : array-like, shape (n_records,)
    score : array-like, shape (n_records,)
    n, seed : int
        Number of resamples; the same seed gives the same interval.
    level : float
        Coverage, between 0 and 1.

    Returns
    -------
    low, high : float
        Resamples for which the metric is undefined (ValueError) are left out.

    Raises
    ------
    ValueError
        The metric is undefined for half of the resamples or more.
    """
    y, s = validated(y_true, score)
    if n < 1 or not 0.0 < level < 1.0:
        raise ValueError("n must be at least 1 and level between 0 and 1")
    rng = np.random.default_rng(seed)
    present, absent = s[y == 1], s[y == 0]
    if metric is auc_roc:
        samples = _fast_auc_samples(present, absent, n, rng)
    else:
        labels = np.repeat(np.array([1, 0]), [present.size, absent.size])
        values = []
        for _ in range(n):
            ones = present[rng.integers(0, present.size, present.size)]
            zeros = absent[rng.integers(0, absent.size, absent.size)]
            try:
                values.append(metric(labels, np.concatenate([ones, zeros])))
            except ValueError:
                continue
        if 2 * len(values) <= n:
            raise ValueError("the metric is undefined for most resamples")
        samples = np.asarray(values)
    low, high = np.quantile(samples, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
