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
from numpy.typing import NDArray

from ml.card import ModelCard
from ml.predictors.encoding import encode_column
from ml.serving.blend import Blend
from ml.serving.contributions import Explanation, explain
from ml.serving.interval import IntervalModel, Z, member_spread
from ml.serving.memory import arrays_in
from ml.serving.novelty import Area, Novelty, NoveltyGauge
from ml.serving.threshold import OWN, Cutoff, HeldOutSuitability

_SAFE = 1e38


@dataclass(frozen=True)
class SuitabilityAnswer:
    """Everything one row's answer says.

    Attributes
    ----------
    suitability : float
        0..1.
    interval : (float, float)
        Where the share of places like this one that have the species lies in nine cases of ten, by held-out records.
    sources : dict of str to float
        Shares of the interval's variance by where it comes from: ``records`` (another sample of them), ``members``
        (their disagreement), ``places`` (what differs between places and no predictor tells). They sum to 1;
        all are 0 where nothing disagrees.
    threshold : Cutoff
        Of the card's rule.
    novelty : Novelty
    contributions : list of (str, value, float)
        Predictor, its value as given, and its effect; largest effect first.
    baseline : float
        Suitability before any predictor is known; baseline and effects sum to the suitability.
    """

    suitability: float
    interval: tuple[float, float]
    sources: dict[str, float]
    threshold: Cutoff
    novelty: Novelty
    contributions: list[tuple[str, float | str, float]]
    baseline: float

    @property
    def suitable(self) -> bool:
        """Whether the suitability reaches the threshold."""
        return self.suitability >= self.threshold.value


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
    area : Area or None
        Area of applicability; a model of format 1 or 2 has none.
    held_out : HeldOutSuitability or None
        By which a user's own threshold is judged; a model of format 1 or 2 has none.
    """

    def __init__(
        self,
        card: ModelCard,
        blend: Blend,
        reference: list[NDArray[np.float32]],
        area: Area | None = None,
        held_out: HeldOutSuitability | None = None,
    ) -> None:
        self.card = card
        self.blend = blend
        self._held_out = held_out
        self._names = [p.name for p in card.predictors]
        self.gauge = NoveltyGauge(self._names, reference, area)
        self._n_members = sum(weight > 0 for weight in blend.weights)
        self._threshold = self.cutoff()
        checked = card.interval
        self._interval = IntervalModel() if checked is None else IntervalModel(checked.scale, checked.place)
        self._continuous = [p.type == "continuous" for p in card.predictors]
        self._log1p = np.array([p.transform == "log1p" for p in card.predictors])
        self._plain = all(self._continuous)

    @property
    def reference(self) -> list[NDArray[np.float32]]:
        """For each predictor the sorted training values in natural units; empty for a categorical one."""
        return self.gauge.reference

    @property
    def arrays(self) -> list[NDArray]:
        """Every array that takes memory; other models of the study may hold some of the very same."""
        return list(arrays_in(self.blend, self.gauge.values, self.gauge.area, self._held_out))

    @property
    def missing(self) -> list[str]:
        """What this model cannot say because its format is older; empty for one that says everything."""
        said = {
            "area of applicability": self.gauge.area is not None,
            "checked interval": self.card.interval is not None,
            "sensitivity and specificity at your own threshold": self._held_out is not None,
        }
        return [name for name, there in said.items() if not there]

    def cutoff(self, wanted: float | str | None = None) -> Cutoff:
        """Return a threshold.

        Parameters
        ----------
        wanted : float or str, optional
            A value of the user's own or the name of a rule; the card's rule when left out.

        Returns
        -------
        Cutoff

        Raises
        ------
        KeyError
            The card has no such rule.
        """
        if isinstance(wanted, int | float):
            rates = self._held_out.rates(wanted) if self._held_out is not None else (None, None)
            return Cutoff(float(wanted), OWN, *rates)
        rule = wanted or self.card.threshold_rule
        found = self.card.thresholds[rule]
        return Cutoff(found.value, rule, found.sensitivity, found.specificity)

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

    def encode_values(self, j: int, values: Sequence[float | str]) -> NDArray[np.float32]:
        """Encode values of the predictor in column j, shape (n,); EnvironmentValueError as for `encode`."""
        return encode_column(self.card.predictors[j], values)

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
        found = explain(blend, encoded)
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
        interval, sources = self._spread(found)
        natural = np.array(
            [value if ok else 0.0 for value, ok in zip(row, self._continuous, strict=True)], dtype=np.float32
        )
        order = np.argsort(-np.abs(effects), kind="stable")
        return SuitabilityAnswer(
            suitability=suitability,
            interval=interval,
            sources=sources,
            threshold=self._threshold,
            novelty=self.gauge.measure(natural, encoded),
            contributions=[(self._names[j], row[j], float(effects[j])) for j in order],
            baseline=baseline,
        )

    def _suitability(self, score: float) -> float:
        # the same as `logistic`, which takes several times as long for one number
        x = self.blend.intercept + self.blend.slope * score
        return 1 / (1 + math.exp(-min(max(x, -700.0), 700.0)))

    def _spread(self, found: Explanation) -> tuple[tuple[float, float], dict[str, float]]:
        """Return the interval, and the shares of its variance by source."""
        slope, n_members = self.blend.slope, self._n_members
        spread = member_spread(np.asarray(found.sampling), np.asarray(found.disagreement), n_members, slope)
        # The deviation is on the logit scale; the unit of the score is `slope` times smaller.
        margin = Z * float(self._interval.deviation(spread)) / slope
        sources = self._interval.sources(slope**2 * found.sampling, slope**2 * found.disagreement / n_members)
        return (self._suitability(found.score - margin), self._suitability(found.score + margin)), sources
