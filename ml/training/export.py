"""From fitted estimators to the flat arrays that are stored and evaluated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml.estimators.forest import DownSampledForest
from ml.estimators.maxent import Maxent
from ml.estimators.network import MultiSpeciesNetwork
from ml.kernels.terms import CATEGORY
from ml.kernels.trees import LEAF, NODE
from ml.predictors.levels import recode
from ml.serving.blend import Blend, MaxentTerms, Network
from ml.serving.forest import Forest
from ml.training.default_model import SpeciesModel


def flatten_model(model: SpeciesModel, reference: NDArray[np.float32], intercept: float, slope: float) -> Blend:
    """Store the fitted members of a species as arrays that all use the species' own level codes.

    Parameters
    ----------
    model : SpeciesModel
    reference : ndarray of float32, shape (n_predictors,)
        Typical conditions in the group's codes.
    intercept, slope : float
        Calibration of the weighted mean of the members' scores.

    Returns
    -------
    Blend
        Equal to the fitted members within 1e-6 of suitability: leaves and thresholds are single precision.
    """
    network = None
    if model.network is not None:
        network = flatten_network(model.network, model.species, reference, model.order)
    maxent = None if model.maxent is None else flatten_maxent(model.maxent, model.order)
    by_member = model.weights.weights
    weights = (by_member["forest"], by_member.get("maxent", 0.0), by_member.get("network", 0.0))
    return Blend(flatten_forest(model.forest), maxent, network, weights, intercept, slope)


def flatten_maxent(fitted: Maxent, order: dict[int, NDArray[np.int64]]) -> MaxentTerms:
    """Store the terms whose coefficients are not zero.

    Parameters
    ----------
    fitted : Maxent
    order : dict of int to ndarray of int
        New level codes by categorical column.

    Returns
    -------
    MaxentTerms
    """
    nonzero = np.flatnonzero(fitted.coef_)
    terms = fitted.terms_[nonzero].copy()
    for j, new in order.items():
        of_column = (terms["kind"] == CATEGORY) & (terms["first"] == j)
        terms["knot"][of_column] = new[terms["knot"][of_column].astype(np.int64)]
    return MaxentTerms(
        terms, fitted.coef_[nonzero], fitted.centre_[nonzero], fitted.low_, fitted.span_, float(fitted.offset_)
    )


def flatten_network(
    fitted: MultiSpeciesNetwork, species: int, reference: NDArray[np.float32], order: dict[int, NDArray[np.int64]]
) -> Network:
    """Store the multi-species network with the output of one species.

    Parameters
    ----------
    fitted : MultiSpeciesNetwork
    species : int
    reference : ndarray of float32, shape (n_predictors,)
    order : dict of int to ndarray of int
        New level codes by categorical column.

    Returns
    -------
    Network
    """
    first = fitted.hidden_1_.copy()
    starts = np.concatenate(([0], np.cumsum(np.where(fitted.n_levels_ > 0, fitted.n_levels_, 2))))
    for j, new in order.items():
        first[:, starts[j] + new] = fitted.hidden_1_[:, starts[j] : starts[j] + len(new)]
    return Network(
        quantiles=fitted.quantiles_,
        positions=fitted.positions_,
        mean=fitted.mean_,
        scale=fitted.scale_,
        n_levels=fitted.n_levels_,
        hidden_1=np.ascontiguousarray(first),
        hidden_2=np.ascontiguousarray(fitted.hidden_2_),
        output=np.ascontiguousarray(fitted.output_[:, :, species]),
        reference=recode(reference[None], order)[0],
    )


def flatten_forest(forest: DownSampledForest) -> Forest:
    """Store the trees of a fitted forest one after the other.

    Parameters
    ----------
    forest : DownSampledForest

    Returns
    -------
    Forest
        Equal to `forest.predict_proba` within 1e-6: leaf values are rounded to single precision. Thresholds are rounded
        down to single precision, which changes no comparison with a single-precision predictor.

    Raises
    ------
    RuntimeError
        scikit-learn stores trees in another order than depth first.
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
    return Forest.of_nodes(np.concatenate(pieces), np.array(roots, np.int32), forest.half_sample_.astype(np.int32))


def _round_down(thresholds: np.ndarray) -> np.ndarray:
    rounded = thresholds.astype(np.float32)
    too_high = rounded.astype(np.float64) > thresholds
    rounded[too_high] = np.nextafter(rounded[too_high], np.float32(-np.inf))
    return rounded
