"""The down-sampled random forest."""

from __future__ import annotations

from typing import Self

import numpy as np
import sklearn
from numpy.typing import ArrayLike, NDArray
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ml.estimators.presence import PresenceClassifier

# Part of the values whose span says how close they are: not that of a few far ones.
_MIDDLE = (0.05, 0.95)
# 100,000 times what scikit-learn tells apart.
_LEAST_SPAN = 0.01
_LARGEST_EXPONENT = 100


class DownSampledForest(PresenceClassifier):
    """Random forest in which every tree is grown on as many absences (or background points) as presences.

    Without down-sampling a forest on few presences against thousands of background points is among the worst
    methods of the field; with it among the best (Valavi et al. 2021, doi 10.1111/ecog.05615).

    All trees of a half sample draw from one random half of the training records, so that the spread between half
    samples measures how much the answer depends on the sample of records, as in the bags of Sexton & Laake
    (2009, doi 10.1016/j.csda.2008.08.007) and Athey et al. (2019, doi 10.1214/18-AOS1709).

    Parameters
    ----------
    n_estimators : int
        Number of trees.
    n_half_samples : int
        Number of half samples, which have equal numbers of trees.
    min_samples_leaf : int
        Smallest number of drawn records in a leaf.
    max_features : {"sqrt"} or float or int
        Predictors tried at each split.
    max_draw : int or None
        Largest number of presences that a tree draws. None: as many as there are.
    random_state : int, RandomState or None
        Seed.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        The second one is presence.
    estimators_ : list of DecisionTreeRegressor
        Fitted on 0/1, whose squared error splits exactly as the Gini index does for two classes.
    half_sample_ : ndarray of int, shape (n_estimators,)
        Half sample of each tree.
    feature_importances_ : ndarray, shape (n_features,)
        Mean decrease in impurity; sums to 1 unless no tree could split.
    """

    def __init__(
        self,
        n_estimators: int = 500,
        n_half_samples: int = 50,
        min_samples_leaf: int = 3,
        max_features: str | float | int = "sqrt",
        max_draw: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.n_half_samples = n_half_samples
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_draw = max_draw
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, background_weight: ArrayLike | None = None) -> Self:
        """Grow the forest.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)
            Encoded predictors.
        y : array-like, shape (n_samples,)
            Two classes; the larger label is presence.
        background_weight : array-like, shape (n_samples,), optional
            How often a background point is drawn, relative to the others; entries of presences are not used.

        Returns
        -------
        DownSampledForest

        Raises
        ------
        ValueError
            The labels are not two classes, or values are missing or infinite.
        """
        rows_in, present, weight = self._read(X, y, background_weight)
        if self.n_estimators < 1 or self.n_half_samples < 1 or self.min_samples_leaf < 1:
            raise ValueError("n_estimators, n_half_samples and min_samples_leaf must be at least 1")

        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        draw = np.random.default_rng(seed)
        presences, absences = np.flatnonzero(present), np.flatnonzero(weight > 0)
        n_draw = min(len(presences), len(absences), self.max_draw or len(presences))
        n_half_samples = min(self.n_half_samples, self.n_estimators)
        self.half_sample_ = np.sort(np.arange(self.n_estimators) % n_half_samples)
        factor = column_factors(rows_in)
        if (factor != 1).any():
            rows_in = (rows_in * factor).astype(np.float32)
        target = present.astype(np.float64)
        even = bool(np.ptp(weight[absences]) == 0)
        halves = [(_half(presences, draw), _half(absences, draw)) for _ in range(n_half_samples)]
        self.estimators_ = []
        # Parameters and data are checked once above and need no check in every tree.
        with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
            for half_sample in self.half_sample_:
                half_presences, half_absences = halves[half_sample]
                drawn = (
                    draw.choice(half_absences, n_draw)
                    if even
                    else _weighted(half_absences, weight[half_absences], n_draw, draw)
                )
                rows = np.concatenate((draw.choice(half_presences, n_draw), drawn))
                tree = DecisionTreeRegressor(
                    max_features=self.max_features,
                    min_samples_leaf=self.min_samples_leaf,
                    random_state=int(draw.integers(np.iinfo(np.int32).max)),
                )
                tree.fit(rows_in[rows], target[rows], check_input=False)
                if (factor != 1).any():
                    split = tree.tree_.feature >= 0
                    tree.tree_.threshold[split] /= factor[tree.tree_.feature[split]]
                self.estimators_.append(tree)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean over the trees of the share of presences in the leaf.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples, 2)
            Columns as `classes_`. The second is the suitability index, not a calibrated probability: down-sampling
            sets the prevalence to one half.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float32, reset=False)
        total = np.zeros(len(rows))
        for tree in self.estimators_:
            total += tree.tree_.predict(rows).ravel()
        presence = total / len(self.estimators_)
        return np.column_stack((1 - presence, presence))

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Mean decrease in impurity by predictor, shape (n_features,)."""
        check_is_fitted(self)
        total = np.sum([tree.tree_.compute_feature_importances(normalize=True) for tree in self.estimators_], axis=0)
        return np.asarray(total / total.sum() if total.sum() > 0 else total)


def column_factors(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the powers of two by which columns of small numbers are multiplied before trees are grown on them.

    A tree of scikit-learn does not split between values that are closer than 1e-7, whatever their unit is. Powers of
    two change no digit, so that the trees are those of larger numbers, and their thresholds divided by the power are
    exact.

    Parameters
    ----------
    rows : ndarray of float32, shape (n_samples, n_features)

    Returns
    -------
    ndarray of float64, shape (n_features,)
        1 where most values span `_LEAST_SPAN` or more, or are equal.
    """
    wide = rows.astype(np.float64)
    low, high = np.quantile(wide, _MIDDLE, axis=0)
    # Where nearly all values are equal, the others are told apart.
    span = np.where(high > low, high - low, np.ptp(wide, axis=0))
    small = (span > 0) & (span < _LEAST_SPAN)
    _, exponent = np.frexp(np.where(small, span, 0.5))
    _, largest = np.frexp(np.abs(wide).max(axis=0))
    # One value that is far from the others stays finite.
    power = np.clip(_LARGEST_EXPONENT - largest, 0, -exponent)
    return np.asarray(np.exp2(np.where(small, power, 0)))


def _half(rows: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """Draw a random half without replacement; it is never empty."""
    return draw.choice(rows, (len(rows) + 1) // 2, replace=False)


def _weighted(
    rows: NDArray[np.int64], weight: NDArray[np.float64], n: int, draw: np.random.Generator
) -> NDArray[np.int64]:
    """Draw rows with replacement in proportion to their weight."""
    reach = np.cumsum(weight)
    drawn = np.searchsorted(reach, draw.random(n) * reach[-1], side="right")
    return np.asarray(rows[np.minimum(drawn, len(rows) - 1)])
