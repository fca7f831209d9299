"""A blend as named plain arrays and back, every array checked before compiled code may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.kernels.logit import SHARE_LIMIT
from ml.kernels.network import N_QUANTILES
from ml.kernels.terms import CATEGORY, PRODUCT, RISING, TERM
from ml.kernels.trees import NODE
from ml.serving.blend import Blend, MaxentTerms, Network
from ml.serving.forest import Forest
from ml.serving.memory import share
from ml.serving.novelty import Area
from ml.serving.threshold import HeldOutSuitability

_LARGEST_NETWORK = 10_000
_LARGEST_NUMBER = 1e30
_MAXENT = ("coefficients", "centres", "low", "span")
_NETWORK_INPUTS = ("quantiles", "positions", "mean", "scale")
_AREA = ("scale", "centre", "penalty")
_NETWORK_LAYERS = ("hidden_1", "hidden_2", "output")


class InvalidArraysError(Exception):
    """Arrays that do not hang together; the message names the part."""


@dataclass(frozen=True)
class ModelArrays:
    """Everything of a model that is arrays.

    Attributes
    ----------
    blend : Blend
    reference : list of ndarray
        Sorted training values of each predictor in natural units; empty for a categorical one.
    area : Area or None
        Formats 1 and 2 had none.
    held_out : HeldOutSuitability or None
        Formats 1 and 2 had none.
    """

    blend: Blend
    reference: list[NDArray[np.float32]]
    area: Area | None = None
    held_out: HeldOutSuitability | None = None


def pack(contents: ModelArrays) -> dict[str, NDArray[Any]]:
    """Name the arrays of a model.

    Parameters
    ----------
    contents : ModelArrays

    Returns
    -------
    dict of str to ndarray
    """
    blend, area, held_out = contents.blend, contents.area, contents.held_out
    nodes, roots = blend.forest.as_nodes()
    arrays: dict[str, Any] = {"nodes": nodes, "roots": roots, "group": blend.forest.half_sample}
    arrays["calibration"] = np.array([blend.intercept, blend.slope])
    arrays["weights"] = np.array(blend.weights)
    arrays |= {f"reference_{j}": values.astype(np.float32) for j, values in enumerate(contents.reference)}
    if blend.maxent is not None:
        arrays["maxent_terms"] = blend.maxent.terms
        arrays["maxent_offset"] = np.array(blend.maxent.offset)
        arrays |= {f"maxent_{name}": getattr(blend.maxent, name) for name in _MAXENT}
    if blend.network is not None:
        names = (*_NETWORK_INPUTS, "n_levels", *_NETWORK_LAYERS, "reference")
        arrays |= {f"network_{name}": getattr(blend.network, name) for name in names}
    if area is not None:
        arrays["area_threshold"] = np.array(area.threshold)
        arrays |= {f"area_{name}": getattr(area, name) for name in ("points", *_AREA)}
    if held_out is not None:
        arrays |= {"held_out_present": held_out.present, "held_out_other": held_out.other}
    return arrays


def unpack(arrays: Mapping[str, Any], n_predictors: int) -> ModelArrays:
    """Make a model from its arrays.

    Parameters
    ----------
    arrays : mapping of str to ndarray
    n_predictors : int
        As the card lists them.

    Returns
    -------
    ModelArrays

    Raises
    ------
    InvalidArraysError
        Shapes, indices or numbers that compiled code must not be given.
    KeyError, ValueError
        An array is missing or of a kind that cannot be read.
    """
    forest = _forest(arrays, n_predictors)
    reference = [_ascending(arrays, f"reference_{j}", "a reference") for j in range(n_predictors)]
    # a model of format 1 is a forest whose share of presences is the suitability
    intercept, slope, limit, weights = 0.0, 1.0, 1e-12, np.array([1.0, 0.0, 0.0])
    if "calibration" in arrays:
        limit = SHARE_LIMIT
        numbers = _floats(arrays, "calibration", (2,), np.float64, "a calibration")
        intercept, slope = float(numbers[0]), float(numbers[1])
        weights = _floats(arrays, "weights", (3,), np.float64, "a calibration")
        _require(slope > 0 and bool((weights >= 0).all()) and weights.sum() > 0, "a calibration")
    maxent = _maxent(arrays, n_predictors) if "maxent_terms" in arrays else None
    network = _network(arrays, n_predictors) if "network_output" in arrays else None
    present = np.array([True, maxent is not None, network is not None])
    _require(not weights[~present].any(), "a calibration")
    forest_weight, maxent_weight, network_weight = (float(weight) for weight in weights)
    blend = Blend(forest, maxent, network, (forest_weight, maxent_weight, network_weight), intercept, slope, limit)
    area = _area(arrays, n_predictors) if "area_points" in arrays else None
    held_out = None
    if "held_out_present" in arrays:
        present, other = (_ascending(arrays, f"held_out_{name}", "held-out records") for name in ("present", "other"))
        _require(len(present) > 0 and len(other) > 0, "held-out records")
        held_out = HeldOutSuitability(present, other)
    return ModelArrays(blend, reference, area, held_out)


def _require(sound: bool, what: str) -> None:
    if not sound:
        raise InvalidArraysError(what)


def _floats(arrays: Mapping[str, Any], name: str, shape: tuple[int, ...], kind: type, what: str) -> NDArray[Any]:
    """An array of finite numbers of this shape, in one piece."""
    given = arrays[name]
    _require(np.shape(given) == shape and given.dtype.kind == "f", what)
    found: NDArray[Any] = np.ascontiguousarray(given, dtype=kind)
    # numbers beyond any honest fit would overflow when they are multiplied
    _require(bool((np.abs(found) < _LARGEST_NUMBER).all()), what)
    return found.reshape(shape)


def _ascending(arrays: Mapping[str, Any], name: str, what: str) -> NDArray[np.float32]:
    """A row of sorted numbers."""
    values = _floats(arrays, name, np.shape(arrays[name]), np.float32, what)
    _require(values.ndim == 1 and bool((np.diff(values) >= 0).all()), what)
    return values


def _area(arrays: Mapping[str, Any], n_predictors: int) -> Area:
    what = "an area of applicability"
    points = _floats(arrays, "area_points", np.shape(arrays["area_points"]), np.float32, what)
    _require(points.ndim == 2 and points.shape[0] == n_predictors and points.shape[1] > 0, what)
    scale, centre, penalty = (_floats(arrays, f"area_{name}", (n_predictors,), np.float32, what) for name in _AREA)
    threshold = float(_floats(arrays, "area_threshold", (), np.float64, what))
    _require(bool((penalty >= 0).all() and (scale >= 0).all() and threshold >= 0), what)
    return Area(points, scale, centre, penalty, threshold)


def _whole(arrays: Mapping[str, Any], name: str, what: str) -> NDArray[np.int32]:
    """A row of whole numbers."""
    given = arrays[name]
    _require(np.ndim(given) == 1 and given.dtype.kind == "i", what)
    _require(given.size == 0 or bool((np.abs(given.astype(np.int64)) < 2**31).all()), what)
    return np.ascontiguousarray(given, dtype=np.int32)


def _forest(arrays: Mapping[str, Any], n_predictors: int) -> Forest:
    nodes = np.ascontiguousarray(arrays["nodes"])
    roots, group = _whole(arrays, "roots", "a forest"), _whole(arrays, "group", "a forest")
    _require(
        nodes.dtype == NODE
        and nodes.ndim == 1
        and len(nodes) > 0
        and roots.ndim == 1
        and len(roots) >= 2
        and group.shape == (len(roots) - 1,)
        and roots[0] == 0
        and roots[-1] == len(nodes)
        and bool((np.diff(roots) > 0).all())
        and bool((group >= 0).all())
        and int(group.max()) < len(group)
        # a half sample without a tree would be divided by
        and bool((np.bincount(group) > 0).all()),
        "a forest",
    )
    try:
        return Forest.of_nodes(nodes, roots, group, n_predictors)
    except ValueError as error:
        raise InvalidArraysError("a forest") from error


def _maxent(arrays: Mapping[str, Any], n_predictors: int) -> MaxentTerms:
    what = "a MaxEnt-type model"
    terms = np.ascontiguousarray(arrays["maxent_terms"])
    _require(terms.dtype == TERM and terms.ndim == 1, what)
    n = len(terms)
    coefficients, centres = (_floats(arrays, f"maxent_{name}", (n,), np.float64, what) for name in _MAXENT[:2])
    low, span = (_floats(arrays, f"maxent_{name}", (n_predictors,), np.float64, what) for name in _MAXENT[2:])
    offset = float(_floats(arrays, "maxent_offset", (), np.float64, what))
    kind, knot = terms["kind"], terms["knot"]
    hinges = (kind > PRODUCT) & (kind < CATEGORY)
    _require(
        bool(
            (span > 0).all()
            and ((kind >= 0) & (kind <= CATEGORY)).all()
            and np.isfinite(knot).all()
            and all(((terms[side] >= 0) & (terms[side] < n_predictors)).all() for side in ("first", "second"))
            # a rising hinge at 1 or a falling one at 0 would divide by nothing
            and ((knot[hinges] >= 0) & (knot[hinges] <= 1)).all()
            and (knot[kind == RISING] < 1).all()
            and (knot[hinges & (kind != RISING)] > 0).all()
        ),
        what,
    )
    return MaxentTerms(terms, coefficients, centres, low, span, offset)


def _network(arrays: Mapping[str, Any], n_predictors: int) -> Network:
    what = "a network"
    size = (n_predictors, N_QUANTILES)
    quantiles, positions = (_floats(arrays, f"network_{name}", size, np.float64, what) for name in _NETWORK_INPUTS[:2])
    mean, scale = (
        _floats(arrays, f"network_{name}", (n_predictors,), np.float64, what) for name in _NETWORK_INPUTS[2:]
    )
    n_levels = _whole(arrays, "network_n_levels", what)
    _require(n_levels.shape == (n_predictors,) and bool((n_levels >= 0).all()), what)
    _require(bool((scale > 0).all()) and bool((np.diff(quantiles, axis=1) >= 0).all()), what)
    n_inputs = int(np.where(n_levels > 0, n_levels, 2).astype(np.int64).sum())
    output = arrays["network_output"]
    _require(output.ndim == 2 and output.shape[0] > 0 and output.shape[1] > 1 and n_inputs < _LARGEST_NETWORK, what)
    n_networks, width = output.shape[0], output.shape[1] - 1
    shapes = ((n_networks, n_inputs + 1, width), (n_networks, width + 1, width), (n_networks, width + 1))
    layers = [
        _floats(arrays, f"network_{name}", shape, np.float32, what)
        for name, shape in zip(_NETWORK_LAYERS, shapes, strict=True)
    ]
    reference = _floats(arrays, "network_reference", (n_predictors,), np.float32, what)
    # but for the output, the network is that of all species of its study
    first, second = share(layers[0]), share(layers[1])
    return Network(share(quantiles), share(positions), mean, scale, n_levels, first, second, layers[2], reference)
