"""The verdict of an answer: the side of the threshold, and whether the interval crosses it."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ml.serving.threshold import ThresholdValue

Verdict = Literal["suitable", "probably_suitable", "probably_unsuitable", "unsuitable", "cannot_say"]
#: In the order of suitability; `cannot_say` is last.
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
#: The words of the verdicts on pages.
WORDS: Final[dict[Verdict, str]] = {
    "suitable": "Suitable",
    "probably_suitable": "Probably suitable",
    "probably_unsuitable": "Probably unsuitable",
    "unsuitable": "Unsuitable",
    "cannot_say": "Cannot say",
}


def judge(
    suitability: float,
    interval: tuple[float, float],
    threshold: ThresholdValue,
    *,
    inside: bool,
    better_than_chance: bool,
) -> Verdict:
    """Return the verdict of an answer.

    Parameters
    ----------
    suitability : float
        0..1.
    interval : (float, float)
        Low and high.
    threshold : ThresholdValue
    inside : bool
        Whether the model can be applied: the conditions lie in its area of applicability, or the request allows
        extrapolation.
    better_than_chance : bool
        Whether the cross-validation shows that the model is better than chance.

    Returns
    -------
    Verdict
        ``cannot_say`` where the model cannot be applied or is not better than chance. Otherwise ``suitable`` at or
        above the threshold and ``unsuitable`` below it; "probably" where the interval crosses the threshold.
    """
    if not (inside and better_than_chance):
        return "cannot_say"
    low, high = interval
    if threshold.reached_by(suitability):
        return "suitable" if threshold.reached_by(low) else "probably_suitable"
    return "probably_unsuitable" if threshold.reached_by(high) else "unsuitable"


def judge_rows(
    suitability: NDArray[np.float64],
    interval: tuple[NDArray[np.float64], NDArray[np.float64]],
    threshold: ThresholdValue,
    *,
    inside: NDArray[np.bool_],
    better_than_chance: bool,
) -> NDArray[np.uint8]:
    """Return the verdicts of many answers: what `judge` returns for each of them.

    Parameters
    ----------
    suitability : ndarray of float64, shape (n,)
    interval : (ndarray, ndarray), each of float64, shape (n,)
    threshold : ThresholdValue
    inside : ndarray of bool, shape (n,)
    better_than_chance : bool

    Returns
    -------
    ndarray of uint8, shape (n,)
        Indices into `VERDICTS`.
    """
    low, high = interval
    suitable, probably_suitable, probably_unsuitable, unsuitable, cannot_say = range(len(VERDICTS))
    verdicts = np.where(
        threshold.reached_by(suitability),
        np.where(threshold.reached_by(low), suitable, probably_suitable),
        np.where(threshold.reached_by(high), probably_unsuitable, unsuitable),
    )
    return np.where(inside & better_than_chance, verdicts, cannot_say).astype(np.uint8)


def is_suitable(verdict: Verdict) -> bool | None:
    """Return the side of the threshold; None for ``cannot_say``."""
    return None if verdict == "cannot_say" else verdict in ("suitable", "probably_suitable")
