"""The fast path: one row through all members of a model in microseconds, with everything an answer needs.

scikit-learn's `predict_proba` spends about 20 ms on one row through 500 trees, nearly all of it in Python. Here the
members are flat arrays that compiled code evaluates, equal to the fitted estimators within 1e-6, which is checked
whenever a model is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ml.card import ModelCard
from ml.contributions import Explanation, explain
from ml.members import Blend, logistic
from ml.transforms import encode_column

# two-sided 90 % of a normal distribution
_Z90 = 1.6448536269514722
_SAFE = 1e38
# nearer to 0 and 1 the logit of the forest's share is too steep to carry its variance over
_LEAST_SHARE = 0.02


@dataclass(frozen=True)
class SuitabilityAnswer:
    """Everything one row's answer says.

    Attributes
    ----------
    suitability : float
        0..1.
    interval : (float, float)
        90 % of where another sample of records would have put the suitability.
    suitable : bool
        Whether suitability reaches the threshold.
    threshold : (float, str)
        Its value and rule.
    in_area_of_applicability : bool
        Whether every predictor lies within its training range.
    mess : float
        Multivariate environmental similarity, 0..100 inside the range of each predictor and negative outside it.
    most_dissimilar : str or None
        The predictor with the lowest similarity.
    outside_range : list of str
        Predictors outside their training range.
    contributions : list of (str, value, float)
        Predictor, its value as given, and its effect; largest effect first.
    baseline : float
        Suitability before any predictor is known; baseline and effects sum to the suitability.
    """

    suitability: float
    interval: tuple[float, float]
    suitable: bool
    threshold: tuple[float, str]
    in_area_of_applicability: bool
    mess: float
    most_dissimilar: str | None
    outside_range: list[str]
    contributions: list[tuple[str, float | str, float]]
    baseline: float


@njit(cache=True, nogil=True)
def _similarity(reference, offsets, row, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """MESS similarity of each continuous predictor (Elith et al. 2010); categorical ones are 100."""
    for j in range(row.shape[0]):
        begin, end = offsets[j], offsets[j + 1]
        n = end - begin
        if n == 0:
            out[j] = 100.0
            continue
        low, high, p = reference[begin], reference[end - 1], row[j]
        span = high - low
        if p < low or p > high:
            # a constant predictor has no span to measure by: any other value is fully dissimilar
            distance = p - low if p < low else high - p
            out[j] = 100.0 * distance / span if span > 0 else -100.0
            continue
        below = np.searchsorted(reference[begin:end], p)
        share = 100.0 * below / n
        # a training value itself is inside; the paper's f = 0 case yields 0 only at or below the minimum
        out[j] = 2.0 * share if share <= 50.0 else 2.0 * (100.0 - share)


class FastPredictor:
    """Answers rows for one model.

    Parameters
    ----------
    card : ModelCard
        The model's card.
    blend : Blend
        Its members.
    reference : list of ndarray
        For each predictor the sorted training values in natural units; empty for a categorical one.
    """

    def __init__(self, card: ModelCard, blend: Blend, reference: list[NDArray[np.float32]]) -> None:
        self.card = card
        self.blend = blend
        self._reference = np.concatenate([*reference, np.zeros(0, np.float32)]).astype(np.float32)
        self._offsets = np.cumsum([0, *(len(values) for values in reference)]).astype(np.int64)
        group = blend.forest.group
        self._n_groups = int(group.max()) + 1
        self._group_size = np.bincount(group, minlength=self._n_groups).astype(np.float64)
        self._n_members = sum(weight > 0 for weight in blend.weights)
        rule = card.threshold_rule
        self._threshold = (card.thresholds[rule].value, rule)
        self._names = [p.name for p in card.predictors]
        self._continuous = [p.type == "continuous" for p in card.predictors]
        self._log1p = np.array([p.transform == "log1p" for p in card.predictors])
        self._plain = all(self._continuous)

    def encode(self, row: Sequence[float | str]) -> NDArray[np.float32]:
        """Encode one row of natural values.

        Parameters
        ----------
        row : sequence of float or str, length n_predictors
            In the order of the card's predictors.

        Returns
        -------
        ndarray of float32, shape (n_predictors,)

        Raises
        ------
        EnvironmentValueError
            A value that is missing, infinite or not a known level.
        """
        if len(row) != len(self._names):
            raise ValueError(f"{len(self._names)} values are needed, {len(row)} were given")
        if self._plain:
            numbers = np.array(row, dtype=np.float64)
            # values that would not survive single precision take the slow way, which names the predictor
            if np.abs(numbers).max() < _SAFE and (numbers[self._log1p] > -1).all():
                numbers[self._log1p] = np.log1p(numbers[self._log1p])
                return numbers.astype(np.float32)
        return np.array(
            [encode_column(p, [value])[0] for p, value in zip(self.card.predictors, row, strict=True)], np.float32
        )

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Suitability of many rows.

        Parameters
        ----------
        X : ndarray, shape (n, n_predictors)
            Natural units (level names where categorical), in the order of the card's predictors.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != len(self._names):
            raise ValueError(f"a table with {len(self._names)} columns is needed")
        rows = np.column_stack([encode_column(p, X[:, j]) for j, p in enumerate(self.card.predictors)])
        return self.predict_encoded(rows)

    def predict_encoded(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Suitability of rows that are encoded already.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return self.blend.suitability(rows)

    def answer(self, row: Sequence[float | str]) -> SuitabilityAnswer:
        """Answer one row in full.

        Parameters
        ----------
        row : sequence of float or str, length n_predictors
            Natural units, in the order of the card's predictors.

        Returns
        -------
        SuitabilityAnswer

        Raises
        ------
        EnvironmentValueError
            A value that is missing, infinite or not a known level.
        """
        blend, encoded = self.blend, self.encode(row)
        found = explain(blend, encoded, self._n_groups)
        score, suitability = found.score, self._suitability(found.score)
        baseline = self._suitability(found.base)
        # effects on the scores become effects on the suitability in one proportion, so that they still sum to it
        distance = score - found.base
        steepness = (
            (suitability - baseline) / distance
            if abs(distance) > 1e-9
            else blend.slope * suitability * (1 - suitability)
        )
        effects = found.effects * steepness
        margin = _Z90 * self._spread(found)

        natural = np.array(
            [value if ok else 0.0 for value, ok in zip(row, self._continuous, strict=True)], dtype=np.float32
        )
        similarity = np.empty(len(natural))
        _similarity(self._reference, self._offsets, natural, similarity)
        lowest = int(np.argmin(similarity))
        outside = [name for name, s in zip(self._names, similarity, strict=True) if s < 0]
        value, rule = self._threshold
        order = np.argsort(-np.abs(effects), kind="stable")
        return SuitabilityAnswer(
            suitability=suitability,
            interval=(self._suitability(score - margin), self._suitability(score + margin)),
            suitable=suitability >= value,
            threshold=(value, rule),
            in_area_of_applicability=not outside,
            mess=float(similarity[lowest]),
            most_dissimilar=self._names[lowest],
            outside_range=outside,
            contributions=[(self._names[j], row[j], float(effects[j])) for j in order],
            baseline=baseline,
        )

    def _suitability(self, score: float) -> float:
        return float(logistic(self.blend.intercept + self.blend.slope * score))

    def _spread(self, found: Explanation) -> float:
        """Standard deviation of the score over samples of records, and of what the members disagree on.

        The members learn from the same records, so the forest's spread between half samples stands for all of them.
        """
        share = min(1 - _LEAST_SHARE, max(_LEAST_SHARE, found.share))
        sampling = self._variance(found.share, found.group_sum, found.group_square) / (share * (1 - share)) ** 2
        return math.sqrt(sampling + found.disagreement / self._n_members)

    def _variance(self, mean: float, sums: NDArray[np.float64], squares: NDArray[np.float64]) -> float:
        """Variance of the suitability over samples of records, from the spread between half samples.

        The spread between groups also holds the luck of a group's few trees, estimated from the spread within the
        groups and taken off. The difference can be negative by chance; the mean of a normal distribution around it,
        cut at zero, is used instead, as in Athey et al. (2019).
        """
        if self._n_groups < 2:
            return 0.0
        means = sums / self._group_size
        between = float(np.mean((means - mean) ** 2))
        size = float(self._group_size.mean())
        if size <= 1:
            return between
        within = float(np.mean(squares / self._group_size - means**2)) * size / (size - 1)
        noise = within / size
        spread = max(between, noise) * math.sqrt(2 / self._n_groups)
        if spread <= 0:
            return 0.0
        ratio = (between - noise) / spread
        density = math.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
        return max(0.0, between - noise + spread * density / (0.5 * math.erfc(-ratio / math.sqrt(2))))
