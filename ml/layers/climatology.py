"""A gridded monthly climatology: reading, check of units, and sampling at points."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.layers.bioclim import LAYERS, bioclim
from ml.layers.errors import LayerError
from ml.layers.netcdf import check_axes, decode, numeric_variable, read_axis, refusal, text
from ml.layers.units import precipitation_to_mm, temperature_to_celsius

__all__ = ["KNOWN_FILES", "Climatology", "LayerError", "verify"]

Floats = NDArray[np.float64]
T = TypeVar("T")


#: SHA-256 of known layer files, by name.
KNOWN_FILES: dict[str, str] = {
    "era5_global_climatology_2000_2025.nc": "217e261cdd048eb1d742e897489ff686f8377e50799daf770bf654e457389418",
}


def verify(path: Path) -> str:
    """Hash a layer file and compare it with `KNOWN_FILES`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Raises
    ------
    LayerError
        The file is missing, or its name is known with another hash.
    """
    if not path.is_file():
        raise LayerError(f"there is no {path.name} in {path.parent}")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    expected = KNOWN_FILES.get(path.name)
    if expected is not None and digest != expected:
        raise LayerError(f"{path.name} is not the file it should be (SHA-256 {digest[:12]}…): fetch it again")
    return digest


class Climatology:
    """A monthly climatology on a regular longitude-latitude grid: ``t2m`` and ``tp`` of shape (12, rows, columns).

    Only the axes are read when the file is opened. Values are decoded by the attributes of the CF conventions (packing,
    fill values, valid range). The first sample reads the file once to check the units attributes by all its values.

    Parameters
    ----------
    path : Path
        An HDF5 or NetCDF-4 file with the datasets ``latitude`` (descending), ``longitude`` (0 to below 360), ``t2m``
        and ``tp``.

    Raises
    ------
    LayerError
        The file cannot be read, or its grid is not regular and global.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with h5py.File(path, "r") as file:
                variables = [numeric_variable(file, name) for name in ("t2m", "tp")]
                self.latitude: Floats = read_axis(file, "latitude")
                self.longitude: Floats = read_axis(file, "longitude")
                shape = (12, self.latitude.size, self.longitude.size)
                if any(variable.shape != shape for variable in variables) or min(shape) < 2:
                    raise LayerError(f"{path.name}: t2m and tp are not of shape (12, latitude, longitude)")
                for variable in variables:
                    check_axes(variable)
        except (OSError, KeyError) as error:
            raise LayerError(f"{path.name} is missing or is not a climatology: {error}") from error
        steps = np.diff(self.latitude), np.diff(self.longitude)
        if any(not np.allclose(step, step[0], atol=1e-6) for step in steps) or steps[0][0] >= 0 or steps[1][0] <= 0:
            raise LayerError(f"{path.name}: the grid is not regular from north to south and west to east")
        self._step = float(-steps[0][0]), float(steps[1][0])
        if not np.isclose(self._step[1] * self.longitude.size, 360.0):
            raise LayerError(f"{path.name}: the grid does not go round the globe")

    def rows_columns(self, longitude: ArrayLike, latitude: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return row and column of the cell nearest to each point.

        Parameters
        ----------
        longitude : array-like, shape (n,)
            Degrees, -180..180 or 0..360.
        latitude : array-like, shape (n,)

        Returns
        -------
        row, column : ndarray of int64, shape (n,)

        Raises
        ------
        ValueError
            A coordinate is not finite, or a latitude is outside the grid or beyond 90°.
        """
        lon, lat = np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            raise ValueError("coordinates contain NaN or infinity")
        row = np.floor((self.latitude[0] - lat) / self._step[0] + 0.5).astype(np.int64)
        column = np.floor(((lon - self.longitude[0]) % 360.0) / self._step[1] + 0.5).astype(np.int64)
        if ((row < 0) | (row >= self.latitude.size) | (np.abs(lat) > 90.0)).any():
            raise ValueError("latitude beyond the grid")
        return row, column % self.longitude.size

    def cell_of(self, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the cell nearest to each point, shape (n,)."""
        row, column = self.rows_columns(longitude, latitude)
        return row * self.longitude.size + column

    def sample(self, longitude: ArrayLike, latitude: ArrayLike) -> dict[str, Floats]:
        """Return the bioclimatic variables of the cell nearest to each point.

        Parameters
        ----------
        longitude, latitude : array-like, shape (n,)

        Returns
        -------
        dict of str to ndarray, shape (n,)
            As `bioclim`; NaN where the grid has no value.
        """
        row, column = self.rows_columns(longitude, latitude)
        if not row.size:
            return {name: np.empty(0) for name in LAYERS}
        (t_factor, t_offset), p_factor = self._conversions
        band = slice(int(row.min()), int(row.max()) + 1)
        try:
            with h5py.File(self.path, "r") as file:
                t, p = (
                    decode(numeric_variable(file, name), np.s_[:, band, :])[:, row - band.start, column]
                    for name in ("t2m", "tp")
                )
        except (OSError, KeyError) as error:
            raise LayerError(f"{self.path.name} cannot be read: {error}") from error
        return bioclim(t_factor * t + t_offset, np.maximum(p_factor * p, 0.0))

    @functools.cached_property
    def _conversions(self) -> tuple[tuple[float, float], float]:
        """Check the units by the attributes and the values, and return the conversions to °C and to mm a month."""
        return self._convert("t2m", temperature_to_celsius), self._convert("tp", precipitation_to_mm)

    def _convert(self, name: str, conversion: Callable[[str, float, float], T]) -> T:
        """Return the conversion for a variable's unit and its smallest and largest value, read part by part."""
        lows, highs = [], []
        try:
            with h5py.File(self.path, "r") as file:
                dataset = numeric_variable(file, name)
                parts = dataset.iter_chunks() if dataset.chunks else [np.s_[month] for month in range(12)]
                for part in parts:
                    values = decode(dataset, part)
                    values = values[~np.isnan(values)]
                    if values.size:
                        lows.append(float(values.min()))
                        highs.append(float(values.max()))
                if not lows:
                    raise LayerError(f"{self.path.name}: {name} has no values")
                try:
                    return conversion(text(dataset.attrs.get("units", "")), min(lows), max(highs))
                except ValueError as error:
                    raise refusal(dataset, error) from error
        except (OSError, KeyError) as error:
            raise LayerError(f"{self.path.name} cannot be read: {error}") from error
