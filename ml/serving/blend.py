"""The blend: forest, MaxEnt-type model and network as plain arrays, and their common suitability.

Every member gives its score in the same unit: the logarithm of the ratio of two densities, that of the presences and
that of the background, under the same conditions. It is the logit of suitability when presences and background have the
same weight. This module does not need scikit-learn, so that serving starts fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.kernels.logit import SHARE_LIMIT, calibrate_scores, logit_variance, share_logit
from ml.kernels.network import forward, network_inputs
from ml.kernels.terms import sum_terms
from ml.serving.forest import Forest


@dataclass(frozen=True)
class MaxentTerms:
    """A penalised MaxEnt-type model: its terms with non-zero coefficients.

    Attributes
    ----------
    terms : structured ndarray of `TERM`, shape (n_terms,)
    coefficients : ndarray of float64, shape (n_terms,)
    centres : ndarray of float64, shape (n_terms,)
        Each term's mean over the background, from which contributions are measured.
    low, span : ndarray of float64, shape (n_predictors,)
        Minimum and width of each predictor's training range, to which values are clamped.
    offset : float
        Subtracted from the sum, so that the mean density ratio over the background is 1.
    """

    terms: NDArray[np.void]
    coefficients: NDArray[np.float64]
    centres: NDArray[np.float64]
    low: NDArray[np.float64]
    span: NDArray[np.float64]
    offset: float


@dataclass(frozen=True)
class Network:
    """Several small networks with one output each: one species' part of the multi-species network.

    Attributes
    ----------
    quantiles, positions : ndarray of float64, shape (n_predictors, N_QUANTILES)
        Each predictor's values and their ranks in 0..1; zeros for a categorical one.
    mean, scale : ndarray of float64, shape (n_predictors,)
    n_levels : ndarray of int32, shape (n_predictors,)
        Number of levels of a categorical predictor, 0 for a continuous one.
    hidden_1 : ndarray of float32, shape (n_networks, n_inputs + 1, width)
        Weights of the first layer; the last row is the bias.
    hidden_2 : ndarray of float32, shape (n_networks, width + 1, width)
    output : ndarray of float32, shape (n_networks, width + 1)
    reference : ndarray of float32, shape (n_predictors,)
        Typical conditions, from which contributions are measured.
    """

    quantiles: NDArray[np.float64]
    positions: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    n_levels: NDArray[np.int32]
    hidden_1: NDArray[np.float32]
    hidden_2: NDArray[np.float32]
    output: NDArray[np.float32]
    reference: NDArray[np.float32]


def sampling_variance(forest: Forest, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the variance of the forest's score over samples of records, from the spread between half samples.

    Parameters
    ----------
    forest : Forest
    rows : ndarray of float32, shape (n, n_predictors)

    Returns
    -------
    ndarray of float64, shape (n,)

    References
    ----------
    Sexton & Laake 2009, Computational Statistics & Data Analysis 53: 801-811, doi 10.1016/j.csda.2008.08.007;
    Athey, Tibshirani & Wager 2019, Annals of Statistics 47: 1148-1178, doi 10.1214/18-AOS1709.
    """
    return logit_variance(*forest.shares_and_variances(rows))


def maxent_logit(model: MaxentTerms, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of the MaxEnt-type model's density ratio for encoded rows, shape (n,)."""
    total = np.zeros(len(rows))
    sum_terms(model.terms, model.coefficients, model.low, model.span, rows, total)
    # The offset is subtracted last, as in `explain`, so that one row and many rows give the same bits.
    return total - model.offset


def network_logit(model: Network, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of the network's density ratio for encoded rows, shape (n,)."""
    inputs = np.empty((len(rows), model.hidden_1.shape[1] - 1), np.float32)
    network_inputs(model.quantiles, model.positions, model.mean, model.scale, model.n_levels, rows, inputs)
    out = np.empty(len(rows))
    forward(model.hidden_1, model.hidden_2, model.output, inputs, out)
    return out


@dataclass(frozen=True)
class BlendMeasures:
    """The score of many rows, and what their intervals need.

    Attributes
    ----------
    score : ndarray of float64, shape (n,)
        Weighted mean of the members' logarithms of density ratios.
    sampling : ndarray of float64, shape (n,)
        Variance of the forest's score over samples of records.
    disagreement : ndarray of float64, shape (n,)
        Weighted variance of the members' scores.
    """

    score: NDArray[np.float64]
    sampling: NDArray[np.float64]
    disagreement: NDArray[np.float64]


@dataclass(frozen=True)
class Blend:
    """The members of one species' model, their weights and their calibration.

    Attributes
    ----------
    forest : Forest
    maxent : MaxentTerms or None
    network : Network or None
    weights : tuple of float
        Of forest, MaxEnt-type model and network; 0 for a member that is missing.
    intercept, slope : float
        Suitability is the logistic function of intercept + slope · weighted mean of the members' scores.
    share_limit : float
        The forest's share of presences is clamped to this distance from 0 and 1.
    """

    forest: Forest
    maxent: MaxentTerms | None = None
    network: Network | None = None
    weights: tuple[float, float, float] = (1.0, 0.0, 0.0)
    intercept: float = 0.0
    slope: float = 1.0
    share_limit: float = SHARE_LIMIT

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the weighted mean of the members' logarithms of density ratios.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)
            Encoded predictors.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        rows = np.ascontiguousarray(rows, np.float32)
        total = self.weights[0] * share_logit(self.forest.shares_of(rows), self.share_limit)
        for weight, score in self._scores_of_others(rows):
            total += weight * score
        return total

    def measure(self, rows: NDArray[np.float32]) -> BlendMeasures:
        """Return the score of encoded rows with what an interval needs: the parts of `explain` without effects.

        Parameters
        ----------
        rows : ndarray of float32, shape (n, n_predictors)

        Returns
        -------
        BlendMeasures
        """
        rows = np.ascontiguousarray(rows, np.float32)
        share, variance = self.forest.shares_and_variances(rows)
        parts = [(self.weights[0], share_logit(share, self.share_limit)), *self._scores_of_others(rows)]
        mean = np.zeros(len(rows))
        for weight, score in parts:
            mean += weight * score
        disagreement = np.zeros(len(rows))
        for weight, score in parts:
            distance = score - mean
            disagreement += weight * (distance * distance)
        return BlendMeasures(mean, logit_variance(share, variance), disagreement)

    def score_along(
        self,
        row: NDArray[np.float32],
        feature: int,
        values: NDArray[np.float32],
        others: NDArray[np.float64],
        more: NDArray[np.float32],
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the score of a row as one predictor varies: exact for the forest, interpolated for other members.

        Parameters
        ----------
        row : ndarray of float32, shape (n_predictors,)
            Encoded.
        feature : int
            Column of the predictor.
        values : ndarray of float32, shape (m,)
            Encoded, ascending.
        others : ndarray of float64, shape (m,)
            `score_of_others` of the row with these values.
        more : ndarray of float32
            Further values between the first and the last.

        Returns
        -------
        points : ndarray of float32, shape (n,)
            All values, and both sides of every step of the forest between them, ascending.
        score : ndarray of float64, shape (n,)
        """
        at, share = self.forest.steps(row, feature, values[0], values[-1])
        points = np.unique(np.concatenate([values, more, at, np.nextafter(at, np.float32(np.inf))]))
        forest = share_logit(share[np.searchsorted(at, points, side="left")], self.share_limit)
        return points, self.weights[0] * forest + np.interp(points, values, others)

    def score_of_others(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the part of the score of encoded rows that is not the forest's, shape (n,)."""
        total = np.zeros(len(rows))
        for weight, score in self._scores_of_others(rows):
            total += weight * score
        return total

    @property
    def other_members(self) -> list[tuple[float, MaxentTerms | Network]]:
        """Weight and member, except the forest, in order; a member of weight 0 changes no number and is left out."""
        members = zip(self.weights[1:], (self.maxent, self.network), strict=True)
        return [(weight, member) for weight, member in members if member is not None and weight != 0]

    def _scores_of_others(self, rows: NDArray[np.float32]) -> list[tuple[float, NDArray[np.float64]]]:
        """Return weight and scores of the members except the forest."""
        return [
            (weight, maxent_logit(member, rows) if isinstance(member, MaxentTerms) else network_logit(member, rows))
            for weight, member in self.other_members
        ]

    def suitability(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the suitability of encoded rows, shape (n,)."""
        return self.suitability_of(self.score(rows))

    def suitability_of(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the suitability that belongs to each score: that of `suitability_at`; shape (n,)."""
        suitability = np.empty(len(score))
        calibrate_scores(np.ascontiguousarray(score, np.float64), self.intercept, self.slope, suitability)
        return suitability

    def suitability_at(self, score: float) -> float:
        """Return the suitability that belongs to a score.

        `suitability_of` computes the same for many scores.
        """
        x = self.intercept + self.slope * score
        return 1 / (1 + math.exp(-min(max(x, -700.0), 700.0)))
