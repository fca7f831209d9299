"""The predictor: complete answers for one row, and suitability and novelty for many rows.

scikit-learn's `predict_proba` takes about 20 ms for one row and 500 trees, nearly all of it in Python. This predictor
evaluates flat arrays with compiled code. Its results equal those of the fitted estimators within 1e-6; training checks
that whenever it writes a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.card import ModelCard
from ml.serving.answers import RowMeasures, SuitabilityAnswer
from ml.serving.blend import Blend
from ml.serving.contributions import Explanation, explain
from ml.serving.interval import IntervalModel, Z, member_spread
from ml.serving.memory import arrays_in
from ml.serving.nearest_records import NearRecord, PointRecords, find_nearest
from ml.serving.novelty import Area, NoveltyGauge
from ml.serving.rows import RowEncoder
from ml.serving.threshold import OWN, Cutoff, HeldOutSuitability
from ml.serving.training_places import CellsOf, is_training_place


class FastPredictor:
    """Predictions of one model.

    Parameters
    ----------
    card : ModelCard
    blend : Blend
    reference : list of ndarray of float32
        For each predictor the sorted training values in natural units; empty for a categorical one.
    area : Area or None
        Area of applicability; None for a model of format 1 or 2.
    held_out : HeldOutSuitability or None
        From which the rates of a user's own threshold follow; None for a model of format 1 or 2.
    records : PointRecords or None
        Of the area's points; None for a model of format 1, 2 or 3.
    """

    def __init__(
        self,
        card: ModelCard,
        blend: Blend,
        reference: list[NDArray[np.float32]],
        area: Area | None = None,
        held_out: HeldOutSuitability | None = None,
        records: PointRecords | None = None,
    ) -> None:
        self.card = card
        self.blend = blend
        self._held_out = held_out
        self._records = records
        self._names = [p.name for p in card.predictors]
        self.encoder = RowEncoder(card.predictors)
        self.gauge = NoveltyGauge(self._names, reference, area)
        self._n_members = sum(weight > 0 for weight in blend.weights)
        self._threshold = self.cutoff()
        report = card.interval
        self._interval = (
            IntervalModel() if report is None else IntervalModel(report.scale, report.place, report.few_records)
        )

    @property
    def reference(self) -> list[NDArray[np.float32]]:
        """For each predictor the sorted training values in natural units; empty for a categorical one."""
        return self.gauge.reference

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """All arrays of the model; other models of the study share some of them."""
        return list(arrays_in(self.blend, self.gauge.values, self.gauge.area, self._held_out, self._records))

    @property
    def missing(self) -> list[str]:
        """Parts of an answer that this model lacks because its format is older; empty for the current format."""
        parts = {
            "area of applicability": self.gauge.area is not None,
            "checked interval": self.card.interval is not None,
            "sensitivity and specificity at your own threshold": self._held_out is not None,
            "nearest records": self._records is not None,
        }
        return [name for name, present in parts.items() if not present]

    def cutoff(self, threshold: float | str | None = None) -> Cutoff:
        """Return a threshold with its rates.

        Parameters
        ----------
        threshold : float or str, optional
            A user's own value or the name of a rule; the card's rule by default.

        Returns
        -------
        Cutoff

        Raises
        ------
        KeyError
            The card has no such rule.
        """
        if isinstance(threshold, int | float):
            rates = self._held_out.rates(threshold) if self._held_out is not None else (None, None)
            return Cutoff(float(threshold), OWN, *rates)
        rule = threshold or self.card.threshold_rule
        entry = self.card.thresholds[rule]
        return Cutoff(entry.value, rule, entry.sensitivity, entry.specificity)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the suitability of many rows.

        Parameters
        ----------
        X : ndarray, shape (n, n_predictors)
            Natural units (level names where categorical), in the order of the card's predictors.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return self.predict_encoded(self.encoder.encode_rows(X))

    def predict_encoded(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the suitability of rows that are already encoded.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return self.blend.suitability(rows)

    def answer(self, row: Sequence[float | str]) -> SuitabilityAnswer:
        """Return the complete answer for one row.

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
        blend, encoded = self.blend, self.encoder.encode_row(row)
        explanation = explain(blend, encoded)
        suitability = blend.suitability_at(explanation.score)
        baseline = blend.suitability_at(explanation.base)
        # One factor turns effects on the score into effects on the suitability, so that they still sum to it.
        distance = explanation.score - explanation.base
        steepness = (
            (suitability - baseline) / distance
            if abs(distance) > 1e-9
            else blend.slope * suitability * (1 - suitability)
        )
        effects = explanation.effects * steepness
        interval, sources = self._interval_of(explanation)
        order = np.argsort(-np.abs(effects), kind="stable")
        return SuitabilityAnswer(
            suitability=suitability,
            interval=interval,
            sources=sources,
            threshold=self._threshold,
            novelty=self.gauge.measure(self.encoder.natural_row(row), encoded),
            contributions=[(self._names[j], row[j], float(effects[j])) for j in order],
            baseline=baseline,
        )

    def measure_rows(self, natural: NDArray[np.float32], encoded: NDArray[np.float32]) -> RowMeasures:
        """Measure many rows: the numbers that `answer` gives for each of them.

        Parameters
        ----------
        natural : ndarray of float32, shape (n, n_predictors)
            Natural units; entries of categorical predictors are ignored.
        encoded : ndarray of float32, shape (n, n_predictors)

        Returns
        -------
        RowMeasures
        """
        measures = self.blend.measure(encoded)
        spread = member_spread(measures.sampling, measures.disagreement, self._n_members, self.blend.slope)
        margin = Z * self._interval.deviation(spread) / self.blend.slope
        novelty = self.gauge.measure_rows(natural, encoded)
        return RowMeasures(
            self.blend.suitability_of(measures.score),
            self.blend.suitability_of(measures.score - margin),
            self.blend.suitability_of(measures.score + margin),
            novelty.inside,
            novelty.index,
            novelty.mess,
            novelty.most_dissimilar,
        )

    def nearest_records(self, row: Sequence[float | str], n: int = 3) -> list[NearRecord]:
        """Return the training records that are most like a row, by the dissimilarity index.

        Parameters
        ----------
        row : sequence of float or str, length n_predictors
            Natural units, in the order of the card's predictors.
        n : int

        Returns
        -------
        list of NearRecord
            Nearest first, in the order of the training rows where equally near. Empty for a model of an older format.

        Raises
        ------
        EnvironmentValueError
            A value that is missing, infinite or not a known level.
        """
        area, records = self.gauge.area, self._records
        if area is None or records is None:
            return []
        return find_nearest(self.card.predictors, area, records, self.encoder.encode_row(row), n)

    def was_trained_at(self, longitude: float, latitude: float, cells_of: CellsOf | None = None) -> bool | None:
        """Return whether a place is one of the training records, as `is_training_place`; None if it is not known."""
        if self._records is None:
            return None
        return is_training_place(self.card, self._records, longitude, latitude, cells_of)

    def _interval_of(self, explanation: Explanation) -> tuple[tuple[float, float], dict[str, float]]:
        """Return the interval and the shares of its variance by source."""
        slope, n_members = self.blend.slope, self._n_members
        sampling, disagreement = explanation.sampling, explanation.disagreement
        spread = member_spread(np.asarray(sampling), np.asarray(disagreement), n_members, slope)
        # Division by the slope converts a deviation on the logit scale to the scale of the score.
        margin = Z * float(self._interval.deviation(spread)) / slope
        low, high = (self.blend.suitability_at(end) for end in (explanation.score - margin, explanation.score + margin))
        return (low, high), self._interval.sources(slope**2 * sampling, slope**2 * disagreement / n_members)
