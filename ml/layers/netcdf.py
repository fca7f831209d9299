"""Variables of an HDF5 or NetCDF-4 file: their axes, and their values decoded by the CF conventions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ml.layers.errors import LayerError

Floats = NDArray[np.float64]

#: Largest number of coordinates on an axis: a step of one second of arc round the globe.
_MOST_COORDINATES = 360 * 60 * 60
#: Values that the NetCDF library writes where nothing was written, by type (NUG, appendix "Fill Values"). Bytes have
#: none, because all their values are in use.
_DEFAULT_FILL = {
    "i2": -32767,
    "u2": 65535,
    "i4": -2147483647,
    "u4": 4294967295,
    "i8": -9223372036854775806,
    "u8": 18446744073709551614,
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
}
_DECODING = ("_Unsigned", "_FillValue", "missing_value", "scale_factor", "add_offset")
_VALID = ("valid_range", "valid_min", "valid_max")


def refusal(dataset: h5py.Dataset, reason: object) -> LayerError:
    """Return an error that names the file and the variable."""
    return LayerError(f"{Path(dataset.file.filename).name}: {dataset.name.lstrip('/')} {reason}")


def numeric_variable(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a variable of real numbers; nothing but its header is read.

    Raises
    ------
    LayerError
        The file has no such variable, or it holds no real numbers.
    """
    try:
        dataset = file[name]
    except (KeyError, OSError, RuntimeError) as error:
        raise LayerError(f"{Path(file.filename).name} has no variable {name}: {error}") from error
    if not isinstance(dataset, h5py.Dataset):
        raise refusal(dataset, "is not a variable")
    if dataset.dtype.kind not in "iuf":
        raise refusal(dataset, f"has attributes or values that are not numbers: type {dataset.dtype}")
    return dataset


def read_axis(file: h5py.File, name: str) -> Floats:
    """Read a coordinate variable, shape (n,).

    Raises
    ------
    LayerError
        It is missing, not of one dimension, too long, or not of finite numbers.
    """
    dataset = numeric_variable(file, name)
    if dataset.shape is None or len(dataset.shape) != 1:
        raise refusal(dataset, f"must have one dimension, not shape {dataset.shape}")
    if dataset.size > _MOST_COORDINATES:
        raise refusal(dataset, f"has {dataset.size} values, more than {_MOST_COORDINATES}")
    values = np.asarray(dataset[:], dtype=np.float64)
    if not np.isfinite(values).all():
        raise refusal(dataset, "contains NaN or infinity")
    return values


def check_axes(dataset: h5py.Dataset) -> None:
    """Check that the dimension scales and labels of a variable, where it has any, name month, latitude and longitude.

    Raises
    ------
    LayerError
        An axis belongs to another coordinate than its position says, or the months are not in order.
    """
    for axis, name in ((1, "latitude"), (2, "longitude")):
        coordinate, scales = dataset.file[name], dataset.dims[axis].values()
        own = [coordinate] if coordinate.is_scale else coordinate.dims[0].values()
        label = dataset.dims[axis].label.lower()
        other = "longitude" if name == "latitude" else "latitude"
        if (scales and own and not any(scale in own for scale in scales)) or label.startswith(other[:3]):
            on_axis = ", ".join(str(scale.name).lstrip("/") for scale in scales) or label
            raise refusal(
                dataset, f"must have the axes month, latitude and longitude, but its axis {axis + 1} is {on_axis}"
            )
    for scale in dataset.dims[0].values():
        months = scale[:] if scale.dtype.kind in "iuf" and scale.shape == (12,) else np.arange(12)
        if not (np.diff(months.astype(np.float64)) > 0.0).all():
            raise refusal(dataset, f"has months that are not in order: {months.tolist()}")


def decode(dataset: h5py.Dataset, part: tuple[slice, ...] | int) -> Floats:
    """Read a part of a variable, decoded by its CF attributes: NaN for fill values and outside the valid range.

    Parameters
    ----------
    dataset : Dataset
        From `numeric_variable`.
    part : tuple of slice or int
        As h5py takes it.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    LayerError
        The attributes are not numbers, or contradict each other.
    """
    try:
        packed = np.asarray(dataset[part])
        attributes = {key: dataset.attrs[key] for key in (*_DECODING, *_VALID) if key in dataset.attrs}
        return _decode_cf(packed, attributes)
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise refusal(dataset, f"has attributes or values that are not numbers: {error}") from error


def _decode_cf(packed: NDArray[Any], attributes: dict[str, Any]) -> Floats:
    """Decode values by CF attributes; `ValueError` says what is wrong with an attribute."""
    packed = packed.astype(packed.dtype.newbyteorder("="), copy=False)
    stored = packed.dtype.str[1:]
    unsigned = text(attributes.pop("_Unsigned", "")).lower()
    numbers = {key: _numbers(key, value) for key, value in attributes.items()}
    if "_FillValue" not in numbers and stored in _DEFAULT_FILL:
        numbers["_FillValue"] = np.array([_DEFAULT_FILL[stored]])
    kind = {"true": "u", "false": "i"}.get(unsigned, stored[0])
    if stored[0] in "iu" and kind != stored[0]:
        packed = packed.view(f"{kind}{packed.itemsize}")
        for key in numbers.keys() & {"_FillValue", "missing_value", *_VALID}:
            numbers[key] = _reinterpret(numbers[key], packed.dtype)
    packing = {key: _scalar(key, numbers[key]) for key in ("scale_factor", "add_offset") if key in numbers}
    # Single precision would make different sums of the packed integers from equal ones.
    packing = {key: np.float64(number) for key, number in packing.items()}
    if not np.isfinite([*packing.values()]).all() or packing.get("scale_factor") == 0.0:
        raise ValueError("scale_factor and add_offset must be finite, and scale_factor not 0")
    dimensions = [f"dimension_{number}" for number in range(packed.ndim)]
    # xarray imports pandas: 40 MB and a quarter of a second for every process that computes maps of GeoTIFFs
    import xarray as xr

    variable = xr.conventions.decode_cf_variable("values", xr.Variable(dimensions, packed, packing))
    values = np.asarray(variable.values, dtype=np.float64)
    missing = _outside_range(packed, values, numbers)
    for key in numbers.keys() & {"_FillValue", "missing_value"}:
        missing |= np.isin(packed, _of_type(numbers[key], packed.dtype))
    return np.where(missing, np.nan, values)


def _outside_range(packed: NDArray[Any], values: Floats, numbers: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Return which values are outside the valid range, shape of `packed`.

    The range is in packed units unless it has the type of the packing attributes and that type is wider than the packed
    data's; then it is in units of the unpacked data (NUG, "Attribute Conventions", valid_range).
    """
    edges = {key: numbers[key] for key in ("valid_min", "valid_max") if key in numbers}
    if "valid_range" in numbers:
        if numbers["valid_range"].size != 2:
            raise ValueError(f"valid_range must be 2 numbers, not {numbers['valid_range'].tolist()}")
        edges = {"valid_min": numbers["valid_range"][:1], "valid_max": numbers["valid_range"][1:]}
    packing = [numbers[key].dtype for key in ("scale_factor", "add_offset") if key in numbers]
    # Packed integers are whole steps of scale_factor apart, so a small share of a step is only rounding.
    step = abs(float(numbers["scale_factor"][0])) if "scale_factor" in numbers else 1.0
    slack = 1e-3 * step if packed.dtype.kind in "iu" else 0.0
    outside, limits = np.zeros(packed.shape, dtype=bool), []
    for key, edge in edges.items():
        limit, compared = _scalar(key, edge), packed
        if packing and edge.dtype == np.result_type(*packing) and edge.itemsize > packed.itemsize:
            compared, limit = values, limit - slack if key == "valid_min" else limit + slack
        elif packing and edge.dtype.kind == "f" and packed.dtype.kind != "f":
            raise ValueError(f"{key} is {edge.dtype}, neither the type of the packed nor of the unpacked data")
        else:
            typed = _of_type(edge, packed.dtype)
            limit = typed[0] if typed.size else limit
        limits.append(limit)
        outside |= compared < limit if key == "valid_min" else compared > limit
    if len(limits) == 2 and limits[0] > limits[1]:
        raise ValueError("the valid range is empty")
    return outside


def _reinterpret(numbers: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Return whole numbers with the bits that `target` has, so that -1 becomes the largest unsigned number."""
    bits, lowest = 8 * target.itemsize, 0 if target.kind == "u" else -(2 ** (8 * target.itemsize - 1))
    return np.array(
        [int(number - lowest) % 2**bits + lowest if np.isfinite(number) else number for number in numbers.tolist()]
    )


def _of_type(numbers: NDArray[Any], target: np.dtype[Any]) -> NDArray[Any]:
    """Return the numbers in the type of the packed data, without those that this type cannot hold."""
    if target.kind == "f":
        with np.errstate(over="ignore"):
            return numbers.astype(target)
    limits = np.iinfo(target)
    whole = (number for number in numbers.tolist() if np.isfinite(number) and int(number) == number)
    return np.array([int(number) for number in whole if limits.min <= number <= limits.max], dtype=target)


def text(value: Any) -> str:
    """Return the value of an attribute as text."""
    value = np.ravel(value)[0] if np.size(value) == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _numbers(name: str, value: object) -> NDArray[Any]:
    """Return the value of an attribute as an array of real numbers, shape (n,)."""
    numbers = np.ravel(np.asarray(value))
    if numbers.dtype.kind not in "iuf":
        raise ValueError(f"{name} is {text(value)!r}")
    return numbers.astype(numbers.dtype.newbyteorder("="), copy=False)


def _scalar(name: str, numbers: NDArray[Any]) -> Any:
    """Return the one number of an attribute."""
    if numbers.size != 1 or np.isnan(numbers[0]):
        raise ValueError(f"{name} must be one number, not {numbers.tolist()}")
    return numbers[0]
