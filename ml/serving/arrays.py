"""The arrays of a model, by name as they are stored, and every check that compiled code relies on."""

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
from ml.serving.nearest_records import PointRecords
from ml.serving.novelty import Area
from ml.serving.threshold import HeldOutSuitability

_LARGEST_NETWORK = 10_000
_LARGEST_NUMBER = 1e30
_MAXENT = ("coefficients", "centres", "low", "span")
_NETWORK_INPUTS = ("quantiles", "positions", "mean", "scale")
_AREA = ("scale", "centre", "penalty")
_NETWORK_LAYERS = ("hidden_1", "hidden_2", "output")


class InvalidArraysError(Exception):
    """Arrays that compiled code must not use; the message names the part, as "an invalid forest"."""


@dataclass(frozen=True)
class ModelArrays:
    """All arrays of a model.

    Attributes
    ----------
    blend : Blend
    reference : list of ndarray
        Sorted training values of each predictor in natural units; empty for a categorical one.
    area : Area or None
        Formats 1 and 2 had none.
    held_out : HeldOutSuitability or None
        Formats 1 and 2 had none.
    records : PointRecords or None
        Of the area's points; formats 1 to 3 had none.
    """

    blend: Blend
    reference: list[NDArray[np.float32]]
    area: Area | None = None
    held_out: HeldOutSuitability | None = None
    records: PointRecords | None = None


def pack(model: ModelArrays) -> dict[str, NDArray[Any]]:
    """Return the arrays of a model by their names in ``model.npz``.

    Parameters
    ----------
    model : ModelArrays

    Returns
    -------
    dict of str to ndarray
    """
    blend, area, held_out = model.blend, model.area, model.held_out
    nodes, roots = blend.forest.as_nodes()
    arrays: dict[str, Any] = {"nodes": nodes, "roots": roots, "group": blend.forest.half_sample}
    arrays["calibration"] = np.array([blend.intercept, blend.slope])
    arrays["weights"] = np.array(blend.weights)
    arrays |= {f"reference_{j}": values.astype(np.float32) for j, values in enumerate(model.reference)}
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
    if model.records is not None:
        arrays |= {"records_present": model.records.present, "records_places": model.records.places}
    return arrays


def unpack(arrays: Mapping[str, Any], n_predictors: int, format_version: int) -> ModelArrays:
    """Check the arrays of a model and make its parts from them.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By their names in ``model.npz``.
    n_predictors : int
        Number of predictors of the card.
    format_version : int
        1: a forest alone; 2: without area of applicability and held-out suitabilities; 3: without records.

    Returns
    -------
    ModelArrays

    Raises
    ------
    InvalidArraysError
        A shape, index or number is not valid.
    KeyError, ValueError
        An array is missing or cannot be read.
    """
    forest = _forest(arrays, n_predictors)
    reference = [_ascending(arrays, f"reference_{j}", "an invalid reference") for j in range(n_predictors)]
    # A model of format 1 is a forest alone, and its share of presences is the suitability.
    intercept, slope, limit, weights = 0.0, 1.0, 1e-12, np.array([1.0, 0.0, 0.0])
    if format_version >= 2 or "calibration" in arrays:
        limit = SHARE_LIMIT
        numbers = _floats(arrays, "calibration", (2,), np.float64, "an invalid calibration")
        intercept, slope = float(numbers[0]), float(numbers[1])
        weights = _floats(arrays, "weights", (3,), np.float64, "an invalid calibration")
        _require(slope > 0 and bool((weights >= 0).all()) and weights.sum() > 0, "an invalid calibration")
    maxent = _maxent(arrays, n_predictors) if "maxent_terms" in arrays else None
    network = _network(arrays, n_predictors) if "network_output" in arrays else None
    present = np.array([True, maxent is not None, network is not None])
    _require(not weights[~present].any(), "an invalid calibration")
    forest_weight, maxent_weight, network_weight = (float(weight) for weight in weights)
    blend = Blend(forest, maxent, network, (forest_weight, maxent_weight, network_weight), intercept, slope, limit)
    area = _area(arrays, n_predictors) if format_version >= 3 or "area_points" in arrays else None
    held_out = None
    if format_version >= 3 or "held_out_present" in arrays:
        present, other = (
            _ascending(arrays, f"held_out_{name}", "invalid held-out records") for name in ("present", "other")
        )
        for values in (present, other):
            _require(len(values) > 0 and values[0] >= 0 and values[-1] <= 1, "invalid held-out records")
        held_out = HeldOutSuitability(present, other)
    records = None
    if format_version >= 4 or "records_present" in arrays:
        records = _records(arrays, 0 if area is None else area.points.shape[1])
    return ModelArrays(blend, reference, area, held_out, records)


def _require(valid: bool, message: str) -> None:
    if not valid:
        raise InvalidArraysError(message)


def _floats(arrays: Mapping[str, Any], name: str, shape: tuple[int, ...], kind: type, message: str) -> NDArray[Any]:
    """Return a contiguous array of finite numbers of this shape."""
    stored = arrays[name]
    _require(np.shape(stored) == shape and stored.dtype.kind == "f", message)
    numbers: NDArray[Any] = np.ascontiguousarray(stored, dtype=kind)
    # Larger numbers than any fit gives would overflow when they are multiplied.
    _require(bool((np.abs(numbers) < _LARGEST_NUMBER).all()), message)
    return numbers.reshape(shape)


def _ascending(arrays: Mapping[str, Any], name: str, message: str) -> NDArray[np.float32]:
    """Return an array of sorted numbers, shape (n,)."""
    values = _floats(arrays, name, np.shape(arrays[name]), np.float32, message)
    _require(values.ndim == 1 and bool((np.diff(values) >= 0).all()), message)
    return values


def _area(arrays: Mapping[str, Any], n_predictors: int) -> Area:
    message = "an invalid area of applicability"
    points = _floats(arrays, "area_points", np.shape(arrays["area_points"]), np.float32, message)
    _require(points.ndim == 2 and points.shape[0] == n_predictors and points.shape[1] > 0, message)
    scale, centre, penalty = (_floats(arrays, f"area_{name}", (n_predictors,), np.float32, message) for name in _AREA)
    threshold = float(_floats(arrays, "area_threshold", (), np.float64, message))
    _require(bool((penalty >= 0).all() and (scale >= 0).all() and threshold >= 0), message)
    return Area(points, scale, centre, penalty, threshold)


def _records(arrays: Mapping[str, Any], n_points: int) -> PointRecords:
    message = "invalid records"
    present, places = arrays["records_present"], arrays["records_places"]
    _require(np.shape(present) == (n_points,) and present.dtype == np.bool_, message)
    _require(np.shape(places) == (n_points, 2) and places.dtype.kind == "f", message)
    degrees: NDArray[np.float32] = np.ascontiguousarray(places, np.float32)
    unknown = np.isnan(degrees)
    # Both numbers of a place, or none. NaN is within no limits.
    valid = unknown.all(axis=1) | (np.abs(degrees) <= np.array([180, 90], np.float32)).all(axis=1)
    _require(bool(valid.all()), message)
    # Models of a study with few sites have the same places.
    return PointRecords(np.ascontiguousarray(present), share(degrees))


def _integers(arrays: Mapping[str, Any], name: str, message: str) -> NDArray[np.int32]:
    """Return an array of integers, shape (n,)."""
    stored = arrays[name]
    _require(np.ndim(stored) == 1 and stored.dtype.kind == "i", message)
    _require(stored.size == 0 or bool((np.abs(stored.astype(np.int64)) < 2**31).all()), message)
    return np.ascontiguousarray(stored, dtype=np.int32)


def _forest(arrays: Mapping[str, Any], n_predictors: int) -> Forest:
    message = "an invalid forest"
    nodes = np.ascontiguousarray(arrays["nodes"])
    roots, half_sample = (_integers(arrays, name, message) for name in ("roots", "group"))
    _require(
        nodes.dtype == NODE
        and nodes.ndim == 1
        and len(nodes) > 0
        and roots.ndim == 1
        and len(roots) >= 2
        and half_sample.shape == (len(roots) - 1,)
        and roots[0] == 0
        and roots[-1] == len(nodes)
        and bool((np.diff(roots) > 0).all())
        and bool((half_sample >= 0).all())
        and int(half_sample.max()) < len(half_sample)
        # A half sample without a tree would be a division by zero.
        and bool((np.bincount(half_sample) > 0).all()),
        message,
    )
    try:
        return Forest.of_nodes(nodes, roots, half_sample, n_predictors)
    except ValueError as error:
        raise InvalidArraysError(message) from error


def _maxent(arrays: Mapping[str, Any], n_predictors: int) -> MaxentTerms:
    message = "an invalid MaxEnt-type model"
    terms = np.ascontiguousarray(arrays["maxent_terms"])
    _require(terms.dtype == TERM and terms.ndim == 1, message)
    n = len(terms)
    coefficients, centres = (_floats(arrays, f"maxent_{name}", (n,), np.float64, message) for name in _MAXENT[:2])
    low, span = (_floats(arrays, f"maxent_{name}", (n_predictors,), np.float64, message) for name in _MAXENT[2:])
    offset = float(_floats(arrays, "maxent_offset", (), np.float64, message))
    kind, knot = terms["kind"], terms["knot"]
    hinges = (kind > PRODUCT) & (kind < CATEGORY)
    _require(
        bool(
            (span > 0).all()
            and ((kind >= 0) & (kind <= CATEGORY)).all()
            and np.isfinite(knot).all()
            and all(((terms[side] >= 0) & (terms[side] < n_predictors)).all() for side in ("first", "second"))
            # A rising hinge at 1 and a falling hinge at 0 would be divisions by zero.
            and ((knot[hinges] >= 0) & (knot[hinges] <= 1)).all()
            and (knot[kind == RISING] < 1).all()
            and (knot[hinges & (kind != RISING)] > 0).all()
        ),
        message,
    )
    return MaxentTerms(terms, coefficients, centres, low, span, offset)


def _network(arrays: Mapping[str, Any], n_predictors: int) -> Network:
    message = "an invalid network"
    size = (n_predictors, N_QUANTILES)
    quantiles, positions = (
        _floats(arrays, f"network_{name}", size, np.float64, message) for name in _NETWORK_INPUTS[:2]
    )
    mean, scale = (
        _floats(arrays, f"network_{name}", (n_predictors,), np.float64, message) for name in _NETWORK_INPUTS[2:]
    )
    n_levels = _integers(arrays, "network_n_levels", message)
    _require(n_levels.shape == (n_predictors,) and bool((n_levels >= 0).all()), message)
    _require(bool((scale > 0).all()) and bool((np.diff(quantiles, axis=1) >= 0).all()), message)
    n_inputs = int(np.where(n_levels > 0, n_levels, 2).astype(np.int64).sum())
    output = arrays["network_output"]
    _require(output.ndim == 2 and output.shape[0] > 0 and output.shape[1] > 1 and n_inputs < _LARGEST_NETWORK, message)
    n_networks, width = output.shape[0], output.shape[1] - 1
    shapes = ((n_networks, n_inputs + 1, width), (n_networks, width + 1, width), (n_networks, width + 1))
    layers = [
        _floats(arrays, f"network_{name}", shape, np.float32, message)
        for name, shape in zip(_NETWORK_LAYERS, shapes, strict=True)
    ]
    reference = _floats(arrays, "network_reference", (n_predictors,), np.float32, message)
    # All layers but the output are the same for all species of a study.
    first, second = share(layers[0]), share(layers[1])
    return Network(share(quantiles), share(positions), mean, scale, n_levels, first, second, layers[2], reference)
