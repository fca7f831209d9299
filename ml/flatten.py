"""From fitted scikit-learn trees to the flat arrays that are stored and walked."""

from __future__ import annotations

import numpy as np

from ml.estimators import DownSampledForest
from ml.predictor import LEAF, NODE, Forest


def flatten_forest(forest: DownSampledForest) -> Forest:
    """Lay a fitted forest's trees out one after the other.

    Parameters
    ----------
    forest : DownSampledForest

    Returns
    -------
    Forest
        Equal to `forest.predict_proba` within 1e-6: leaf values are rounded to single precision, and thresholds are
        rounded down to it, which changes no comparison with a single-precision predictor.
    """
    pieces = []
    roots = [0]
    for fitted in forest.estimators_:
        tree = fitted.tree_
        nodes = np.empty(tree.node_count, NODE)
        splits = tree.children_left >= 0
        index = np.arange(tree.node_count)
        if (tree.children_left[splits] != index[splits] + 1).any():
            raise RuntimeError("scikit-learn no longer stores trees depth first; the flat layout must follow")
        nodes["feature"] = np.where(splits, tree.feature, LEAF)
        nodes["threshold"] = np.where(splits, _round_down(tree.threshold), 0)
        nodes["right"] = np.where(splits, tree.children_right + roots[-1], 0)
        nodes["value"] = np.clip(tree.value[:, 0, 0], 0, 1)
        pieces.append(nodes)
        roots.append(roots[-1] + tree.node_count)
    return Forest(np.concatenate(pieces), np.array(roots, np.int32), forest.group_.astype(np.int32))


def _round_down(thresholds: np.ndarray) -> np.ndarray:
    rounded = thresholds.astype(np.float32)
    too_high = rounded.astype(np.float64) > thresholds
    rounded[too_high] = np.nextafter(rounded[too_high], np.float32(-np.inf))
    return rounded
