"""A MaxEnt-type model: a penalised density ratio of presences to background.

Its logarithm is a sum of linear, quadratic, product and hinge terms, and of one term for each level of a category.
The same model as Maxent (Phillips et al. 2006, doi 10.1016/j.ecolmodel.2005.03.026; Elith et al. 2011,
doi 10.1111/j.1472-4642.2010.00725.x), fitted by a proximal Newton method on the few terms that matter instead of by
thousands of gradient steps on all of them.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from ml.estimators.presence import PresenceClassifier
from ml.kernels.logit import logistic
from ml.kernels.terms import CATEGORY, FALLING, LINEAR, PRODUCT, QUADRATIC, RISING, TERM, expand_terms

# Penalty of a term by the number of presences, in standard errors of its mean at the presences: Maxent's own tables
# (Phillips & Dudik 2008, doi 10.1111/j.0906-7590.2008.5203.x).
_SMOOTH = ([0, 10, 30, 100], [2.6, 1.6, 0.9, 0.55])
_LEVELS = ([0, 10, 17], [0.65, 0.5, 0.25])
_HINGE = 0.5
# Least penalty of a term that is constant at the presences, as a share of its spread over the background.
_LEAST_SPREAD = 0.1
# Presences also count as background, with this total weight, so that the ratio is finite where only presences are.
_PRESENCES_IN_BACKGROUND = 1e-3
_WORKING_SET = 200
_TOLERANCE = 1e-6


class Maxent(PresenceClassifier):
    """MaxEnt-type model with an L1 penalty.

    Minimises ``-mean of f over presences + log(mean of exp(f) over background) + sum of penalty·|coefficient|``,
    the likelihood of presences as draws from the background tilted by ``exp(f)``.

    Parameters
    ----------
    regularization : float
        Multiplies every penalty; Maxent's own default is 1.
    n_knots : int
        Inner knots of the hinges of a predictor, at its quantiles.
    products : bool
        Whether products of two predictors are among the terms.
    categorical : tuple of int
        Columns that hold level codes.
    max_iter : int
        Newton steps.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
    terms_ : structured ndarray of `ml.kernels.terms.TERM`, shape (n_terms,)
    coef_ : ndarray, shape (n_terms,)
    centre_ : ndarray, shape (n_terms,)
        Mean of each term over the background.
    low_, span_ : ndarray, shape (n_features,)
        Lower ends and widths of the training ranges, to which rows are clamped.
    offset_ : float
    n_iter_ : int
    """

    def __init__(
        self,
        regularization: float = 4.0,
        n_knots: int = 10,
        products: bool = True,
        categorical: tuple[int, ...] = (),
        max_iter: int = 30,
    ) -> None:
        self.regularization = regularization
        self.n_knots = n_knots
        self.products = products
        self.categorical = categorical
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike, background_weight: ArrayLike | None = None) -> Self:
        """Fit the coefficients.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)
            Encoded predictors.
        y : array-like, shape (n_samples,)
            Two classes; the larger label is presence.
        background_weight : array-like, shape (n_samples,), optional
            Weight of a background point or absence; entries of presences are not used.

        Returns
        -------
        Maxent

        Raises
        ------
        ValueError
            The labels are not two classes, values are missing or infinite, or a parameter is not above 0.
        """
        rows, present, weight = self._read(X, y, background_weight)
        if self.regularization <= 0 or self.n_knots < 1 or self.max_iter < 1:
            raise ValueError("regularization, n_knots and max_iter must be above 0")
        self.low_ = rows.min(axis=0).astype(np.float64)
        spread = rows.max(axis=0) - self.low_
        self.span_ = np.where(spread > 0, spread, 1.0)
        used = np.concatenate((rows[present], rows[weight > 0]))
        self.terms_ = self._terms(used)
        self.n_iter_ = 0
        self.coef_, self.centre_, self.offset_ = np.zeros(len(self.terms_)), np.zeros(len(self.terms_)), 0.0
        if not len(self.terms_):
            return self

        at_presences, at_background = self._expand(rows[present]), self._expand(rows[weight > 0])
        share = weight[weight > 0]
        self.centre_ = share @ at_background
        background_spread = np.sqrt(np.maximum(share @ at_background**2 - self.centre_**2, 0))
        n = int(present.sum())
        spread = at_presences.std(axis=0, ddof=1) if n > 1 else np.zeros(len(self.terms_))
        penalty = (
            self.regularization
            * np.maximum(self._factors(n) * np.maximum(spread, 1e-3), _LEAST_SPREAD * background_spread)
            / np.sqrt(n)
        )
        table = np.concatenate((at_background, at_presences))
        share = np.concatenate((share, np.full(n, _PRESENCES_IN_BACKGROUND / n)))
        self.coef_, self.offset_, self.n_iter_ = _solve(
            table, share / share.sum(), at_presences.mean(axis=0), penalty, self.max_iter
        )
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithm of the density ratio of presences to background.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples,)
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        return self._expand(rows) @ self.coef_ - self.offset_

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the share of presences where presences and background have equal weight.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, 2)
            Columns as `classes_`.
        """
        presence = logistic(self.decision_function(X))
        return np.column_stack((1 - presence, presence))

    def _terms(self, rows: NDArray[np.float32]) -> NDArray[np.void]:
        """List the terms; a constant predictor has none."""
        terms: list[tuple[int, int, int, float]] = []
        varying = [j for j in range(rows.shape[1]) if j not in self.categorical and rows[:, j].min() < rows[:, j].max()]
        for kind in (LINEAR, QUADRATIC):
            terms += [(kind, j, j, 0.0) for j in varying]
        if self.products:
            terms += [(PRODUCT, j, k, 0.0) for j in varying for k in varying if j < k]
        for j in varying:
            scaled = (rows[:, j] - self.low_[j]) / self.span_[j]
            knots = np.unique(np.quantile(scaled, np.linspace(0, 1, self.n_knots + 2)))
            terms += [(RISING, j, j, float(knot)) for knot in knots[:-1] if knot < 1]
            terms += [(FALLING, j, j, float(knot)) for knot in knots[1:] if knot > 0]
        for j in self.categorical:
            levels = np.unique(rows[:, j])
            terms += [(CATEGORY, j, j, float(level)) for level in levels if len(levels) > 1]
        return np.array(terms, dtype=TERM)

    def _expand(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        # The solver reads whole columns.
        out = np.empty((len(rows), len(self.terms_)), order="F")
        expand_terms(self.terms_, self.low_, self.span_, np.ascontiguousarray(rows), out)
        return out

    def _factors(self, n: int) -> NDArray[np.float64]:
        """Return the penalty of each term in standard errors, shape (n_terms,)."""
        kind = self.terms_["kind"]
        factor = np.full(len(kind), np.interp(n, *_SMOOTH))
        factor[(kind == RISING) | (kind == FALLING)] = _HINGE
        factor[kind == CATEGORY] = np.interp(n, *_LEVELS)
        return factor


def _solve(
    table: NDArray[np.float64],
    share: NDArray[np.float64],
    target: NDArray[np.float64],
    penalty: NDArray[np.float64],
    max_iter: int,
) -> tuple[NDArray[np.float64], float, int]:
    """Minimise the penalised negative log likelihood by proximal Newton steps on a working set.

    Parameters
    ----------
    table : ndarray, shape (n_background, n_terms)
    share : ndarray, shape (n_background,)
        Sums to 1.
    target : ndarray, shape (n_terms,)
        Mean of each term at the presences.
    penalty : ndarray, shape (n_terms,)
        Above 0.
    max_iter : int

    Returns
    -------
    coefficients : ndarray, shape (n_terms,)
    normaliser : float
        Logarithm of the mean of exp(f) over the background.
    n_iter : int
    """
    coefficients = np.zeros(table.shape[1])
    scores = np.zeros(len(table))
    normaliser, tilted = _tilt(scores, share)
    for step in range(1, max_iter + 1):  # noqa: B007  the last step's number is returned
        gradient = tilted @ table - target
        active = coefficients != 0
        violation = np.where(
            active, np.abs(gradient + penalty * np.sign(coefficients)), np.maximum(np.abs(gradient) - penalty, 0)
        )
        if (violation / penalty).max() < 1e-3:
            break
        candidates = np.flatnonzero(~active & (violation > 0))
        worst = candidates[np.argsort(-(violation / penalty)[candidates], kind="stable")[:_WORKING_SET]]
        chosen = np.union1d(np.flatnonzero(active), worst)
        columns = table[:, chosen]
        mean = tilted @ columns
        weighted = columns * np.sqrt(tilted)[:, None]
        curvature = weighted.T @ weighted - np.outer(mean, mean)
        solution = _descend(curvature, mean - target[chosen], coefficients[chosen], penalty[chosen])
        change = solution - coefficients[chosen]
        moved = columns @ change
        before = normaliser - target @ coefficients + penalty @ np.abs(coefficients)
        length = 1.0
        while True:
            trial = coefficients.copy()
            trial[chosen] += length * change
            trial_normaliser, trial_tilted = _tilt(scores + length * moved, share)
            after = trial_normaliser - target @ trial + penalty @ np.abs(trial)
            if after <= before or length < 1e-4:
                break
            length /= 2
        if after > before:
            break
        coefficients, normaliser, tilted = trial, trial_normaliser, trial_tilted
        scores = scores + length * moved
        if before - after < _TOLERANCE:
            break
    return coefficients, float(normaliser), step


def _tilt(scores: NDArray[np.float64], share: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the logarithm of the mean of exp(scores), and the background's weights tilted by exp(scores)."""
    highest = scores.max()
    weight = share * np.exp(scores - highest)
    total = weight.sum()
    return float(highest + np.log(total)), weight / total


@njit(cache=True, nogil=True)
def _descend(curvature: Any, gradient: Any, start: Any, penalty: Any) -> Any:
    """Coordinate descent on the quadratic model with the penalty (Friedman et al. 2010, doi 10.18637/jss.v033.i01)."""
    now = start.copy()
    slope = gradient.copy()
    for _ in range(200):
        largest = 0.0
        for j in range(now.size):
            bend = curvature[j, j] + 1e-10
            pull = bend * now[j] - slope[j]
            wish = 0.0
            if pull > penalty[j]:
                wish = (pull - penalty[j]) / bend
            elif pull < -penalty[j]:
                wish = (pull + penalty[j]) / bend
            change = wish - now[j]
            if change != 0.0:
                now[j] = wish
                for k in range(now.size):
                    slope[k] += curvature[k, j] * change
                largest = max(largest, abs(change) * np.sqrt(bend))
        if largest < 1e-5:
            break
    return now
