"""Base class of the estimators of two classes, presence and absence or background."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data


class PresenceClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Base of classifiers of two classes, of which the larger label is presence."""

    def __sklearn_tags__(self) -> Any:
        """Declare that only two classes are supported."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _read(
        self, X: ArrayLike, y: ArrayLike, background_weight: ArrayLike | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
        """Validate the arguments of `fit`, and set `classes_`.

        Returns
        -------
        rows : ndarray of float32, shape (n_samples, n_features)
        present : ndarray of bool, shape (n_samples,)
        weight : ndarray of float64, shape (n_samples,)
            0 at presences; the sum is 1.

        Raises
        ------
        ValueError
            The labels are not two classes, or a value or weight is invalid.
        """
        rows, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, encoded = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("both presences and absences are needed: the data has only one class")
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: "
                f"{len(self.classes_)} classes were given"
            )
        present = encoded == 1
        weight = np.ones(len(rows)) if background_weight is None else np.array(background_weight, dtype=np.float64)
        if weight.shape != (len(rows),) or not np.isfinite(weight).all() or (weight < 0).any():
            raise ValueError("background_weight must hold one finite number of 0 or more for each row")
        weight[present] = 0
        if weight.sum() <= 0:
            raise ValueError("background_weight is 0 for every absence or background point")
        return rows, present, weight / weight.sum()

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class with the larger share.

        Parameters
        ----------
        X : array-like, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples,)
        """
        check_is_fitted(self)
        return np.asarray(self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)])
