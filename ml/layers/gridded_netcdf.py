"""Gridded variables of NetCDF files: version 3 by scipy, version 4 by h5py, decoded by the CF conventions."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pyproj
from numpy.typing import NDArray

from ml.layers.errors import LayerError
from ml.layers.netcdf import decode, text
from ml.layers.rasters import MAX_BANDS, MAX_BLOCK_BYTES, MAX_CELLS, Band, Layout

_LATITUDE = {"latitude", "lat", "y", "projection_y_coordinate", "northing"}
_LONGITUDE = {"longitude", "lon", "long", "x", "projection_x_coordinate", "easting"}
_NORTH = {"degrees_north", "degree_north", "degreesn", "degrees_n", "degree_n"}
_EAST = {"degrees_east", "degree_east", "degreese", "degrees_e", "degree_e"}
#: Longest name of a variable that can be a layer's.
_LONGEST_NAME = 200
#: Longest axis.
_MOST_COORDINATES = 360 * 60 * 60


def is_netcdf(path: Path) -> bool:
    """Return whether a file begins as NetCDF 3 or 4 files do."""
    with path.open("rb") as stream:
        start = stream.read(8)
    return start[:3] == b"CDF" or start == b"\x89HDF\r\n\x1a\n"


class _Variable:
    """A variable of a NetCDF 3 file with the members of an h5py dataset that `netcdf.decode` uses."""

    def __init__(self, path: Path, name: str, variable: Any) -> None:
        self.file = SimpleNamespace(filename=str(path))
        self.name, self._variable = name, variable
        self.attrs: dict[str, Any] = dict(variable._attributes)
        self.shape: tuple[int, ...] = tuple(variable.shape)
        self.dtype = np.dtype(variable.data.dtype)
        self.dimensions: tuple[str, ...] = tuple(variable.dimensions)

    def __getitem__(self, part: Any) -> NDArray[Any]:
        # A copy, because the file is mapped into memory and closed before the arrays are released.
        return np.array(self._variable.data[part])


class NetCdfSource:
    """The gridded variables of a NetCDF file that is open; values are decoded, with NaN where there is none.

    Parameters
    ----------
    path : Path
        A regular file.

    Raises
    ------
    LayerError
        The file cannot be read, or no variable is a grid of longitude and latitude (or x and y); the message says why.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._variables: dict[str, Any] = {}
        self._axes: dict[str, tuple[str, ...]] = {}
        try:
            self._open()
            self._select()
        except LayerError:
            self.close()
            raise
        # Damaged headers raise any of Python's errors in both libraries.
        except Exception as error:
            self.close()
            raise LayerError(f"{path.name} cannot be read as NetCDF: {' '.join(str(error).split())[:200]}") from error

    def close(self) -> None:
        """Close the file."""
        self._variables.clear()
        file = getattr(self, "_file", None)
        if file is not None:
            with warnings.catch_warnings():
                # Tracebacks can refer to parts of the mapped file, which are released with them.
                warnings.simplefilter("ignore", RuntimeWarning)
                file.close()

    def read(self, band: str, rows: slice, columns: slice) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return a window of a variable, float64 with NaN where there is no value.

        Raises
        ------
        LayerError
            The file is damaged there.
        """
        return self._decoded(band, rows, columns), None

    def thumbnail(self, band: str, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return about every n-th row and column of a variable.

        Raises
        ------
        LayerError
            The file is damaged.
        """
        layout = self.layout
        rows = slice(0, layout.height, -(-layout.height // height))
        columns = slice(0, layout.width, -(-layout.width // width))
        return self._decoded(band, rows, columns), None

    def _decoded(self, band: str, rows: slice, columns: slice) -> NDArray[np.float64]:
        dataset, (y, x) = self._variables[band], self._yx[band]
        part: list[Any] = [slice(0, 1)] * len(dataset.shape)
        part[y], part[x] = rows, columns
        try:
            values = np.moveaxis(decode(dataset, tuple(part)), (y, x), (-2, -1))
        except OSError as error:
            raise LayerError(
                f"{self.path.name} is damaged: {band} cannot be read in rows {rows.start + 1:,} to {rows.stop:,}"
            ) from error
        return values.reshape(values.shape[-2:])

    def _open(self) -> None:
        with self.path.open("rb") as stream:
            start = stream.read(4)
        if start[:3] == b"CDF":
            if start[3:] not in (b"\x01", b"\x02"):
                raise LayerError(f"{self.path.name} is NetCDF in the 64-bit data format (CDF-5): save it as NetCDF 4")
            # only here, because scipy takes long to import, and nearly all layers are GeoTIFFs
            from scipy.io import netcdf_file

            self._file: Any = netcdf_file(str(self.path), "r", mmap=True, maskandscale=False)
            for name, variable in self._file.variables.items():
                self._variables[name] = _Variable(self.path, name, variable)
                self._axes[name] = self._variables[name].dimensions
            return
        self._file = h5py.File(self.path, "r")
        for name, dataset in self._file.items():
            # A link to another file would open it.
            link = self._file.get(name, getlink=True)
            if isinstance(link, h5py.HardLink) and isinstance(dataset, h5py.Dataset) and dataset.shape is not None:
                self._variables[name] = dataset
                self._axes[name] = tuple(
                    str(dimension[0].name).lstrip("/") if len(dimension) else dimension.label
                    for dimension in dataset.dims
                )
                if dataset.is_scale and len(dataset.shape) == 1:
                    self._axes[name] = (name,)

    def _select(self) -> None:
        """Choose the variables that are grids; those of the first grid where there are several."""
        self.bands: list[Band] = []
        self._yx: dict[str, tuple[int, int]] = {}
        refused: list[str] = []
        grids: list[tuple[str, str]] = []
        for name, dataset in self._variables.items():
            axes = self._axes[name]
            if not name.isprintable() or len(name) > _LONGEST_NAME:
                continue
            if len(dataset.shape) < 2 or dataset.dtype.kind not in "iuf" or text(dataset.attrs.get("bounds", "")):
                continue
            y = [number for number, axis in enumerate(axes) if self._is_axis(axis, _LATITUDE, _NORTH)]
            x = [number for number, axis in enumerate(axes) if self._is_axis(axis, _LONGITUDE, _EAST)]
            others = [n for n in range(len(axes)) if n not in (*y, *x)]
            if len(y) != 1 or len(x) != 1:
                refused.append(
                    f"{name} has the dimensions {', '.join(axes)}: it is not a grid with axes of longitude and latitude"
                )
                continue
            long = [f"{axes[n]} of length {dataset.shape[n]}" for n in others if dataset.shape[n] != 1]
            if long:
                refused.append(f"{name} has the dimension {' and '.join(long)}: save one step of it as a layer")
                continue
            grids.append((axes[y[0]], axes[x[0]]))
            if grids[-1] != grids[0]:
                refused.append(f"{name} is on another grid than {self.bands[0].band}: save it as a file of its own")
                continue
            self._yx[name] = (y[0], x[0])
            self.bands.append(self._band(name, dataset))
        if len(self.bands) > MAX_BANDS:
            raise LayerError(f"{self.path.name} has {len(self.bands):,} variables; at most {MAX_BANDS} are read")
        if not self.bands:
            reason = " ".join("; ".join(refused[:3]).split()) or "no variable has two dimensions"
            raise LayerError(f"{self.path.name} has no layer: {reason}")
        self.refused = [" ".join(text.split()) for text in refused]
        self.layout = self._layout(*grids[0])

    def _is_axis(self, name: str, names: set[str], units: set[str]) -> bool:
        attributes = self._variables[name].attrs if name in self._variables else {}
        if len(self._axes.get(name, ())) != 1:
            return False
        return (
            name.lower() in names
            or text(attributes.get("standard_name", "")).lower() in names
            or text(attributes.get("units", "")).lower().replace(" ", "_") in units
        )

    def _band(self, name: str, dataset: Any) -> Band:
        scale, offset = (
            float(np.ravel(dataset.attrs.get(key, default))[0])
            for key, default in (("scale_factor", 1.0), ("add_offset", 0.0))
        )
        note = "" if (scale, offset) == (1.0, 0.0) else f"scale {scale:g} and offset {offset:g} applied"
        unit = " ".join(text(dataset.attrs.get("units", "")).split())[:40]
        # Values are decoded when they are read, so that nothing is left to apply.
        return Band(name, name, "float64", None, 1.0, 0.0, "" if unit == "1" else unit, note=note, decoded=True)

    def _layout(self, y_name: str, x_name: str) -> Layout:
        y, x = (self._axis(name) for name in (y_name, x_name))
        if y.size * x.size > MAX_CELLS:
            raise LayerError(f"{self.path.name} has {y.size:,} × {x.size:,} cells; at most {MAX_CELLS:,} are read")
        dy, dx = (float((axis[-1] - axis[0]) / (axis.size - 1)) for axis in (y, x))
        if dx <= 0.0:
            raise LayerError(f"{self.path.name}: {x_name} does not increase from west to east")
        rows = max(1, min(y.size, 2**20 // x.size))
        return Layout(
            height=y.size,
            width=x.size,
            transform=(dx, 0.0, float(x[0]) - dx / 2.0, 0.0, dy, float(y[0]) - dy / 2.0),
            georeferenced=True,
            crs=self._crs(y_name),
            block=self._chunks() or (rows, x.size),
        )

    def _chunks(self) -> tuple[int, int] | None:
        """Return rows and columns of the chunks of the first variable, where it has any."""
        first = self.bands[0].band
        chunks = getattr(self._variables[first], "chunks", None)
        if not chunks:
            return None
        if math.prod(chunks) * 8 > MAX_BLOCK_BYTES:
            raise LayerError(
                f"{self.path.name}: {first} is stored in chunks of {math.prod(chunks):,} values: too large"
            )
        y, x = self._yx[first]
        return chunks[y], chunks[x]

    def _axis(self, name: str) -> NDArray[np.float64]:
        dataset = self._variables[name]
        if not 2 <= dataset.shape[0] <= _MOST_COORDINATES:
            raise LayerError(f"{self.path.name}: {name} has {dataset.shape[0]:,} coordinates; at least 2 are needed")
        values = np.asarray(dataset[:], dtype=np.float64)
        steps = np.diff(values)
        if not np.isfinite(values).all() or not np.allclose(steps, steps.mean(), rtol=1e-2, atol=1e-9):
            raise LayerError(f"{self.path.name}: {name} is not in equal steps, so that the variables are not on a grid")
        return values

    def _crs(self, y_name: str) -> str | None:
        mapping = text(self._variables[self.bands[0].band].attrs.get("grid_mapping", "")).split(":")[0]
        if mapping in self._variables:
            attributes = {key: _plain(value) for key, value in dict(self._variables[mapping].attrs).items()}
            try:
                crs = pyproj.CRS.from_cf(attributes)
                authority = crs.to_authority(min_confidence=100)
                return ":".join(authority) if authority else str(crs.to_wkt())
            except (pyproj.exceptions.CRSError, KeyError, ValueError, TypeError):
                return None
        attributes = self._variables[y_name].attrs
        geographic = (
            text(attributes.get("units", "")).lower().replace(" ", "_") in _NORTH
            or text(attributes.get("standard_name", "")).lower() == "latitude"
            or y_name.lower() in ("lat", "latitude")
        )
        # The CF conventions leave the datum of plain latitudes and longitudes open; WGS 84 is what the files mean.
        return "EPSG:4326" if geographic else None


def _plain(value: Any) -> Any:
    """Return an attribute as text or a number."""
    if isinstance(value, bytes | str) or np.asarray(value).dtype.kind in "SUO":
        return text(value)
    numbers = [float(number) for number in np.ravel(value) if math.isfinite(number)]
    return numbers[0] if len(numbers) == 1 else numbers
