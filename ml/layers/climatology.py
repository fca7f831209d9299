"""A gridded monthly climatology: reading, check of units, and sampling at points."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.layers.bioclim import LAYERS, bioclim

Floats = NDArray[np.float64]


class LayerError(ValueError):
    """A layer file is missing or not valid; the message says why."""


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

    Only the axes are read when the file is opened.

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
                self.latitude: Floats = np.asarray(file["latitude"][:], dtype=np.float64)
                self.longitude: Floats = np.asarray(file["longitude"][:], dtype=np.float64)
                shapes = {file[name].shape for name in ("t2m", "tp")}
        except (OSError, KeyError) as error:
            raise LayerError(f"{path.name} is missing or is not a climatology: {error}") from error
        if (
            shapes != {(12, self.latitude.size, self.longitude.size)}
            or min(self.latitude.size, self.longitude.size) < 2
        ):
            raise LayerError(f"{path.name}: t2m and tp are not of shape (12, latitude, longitude)")
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
            A coordinate is not finite, or a latitude is outside the grid.
        """
        lon, lat = np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            raise ValueError("coordinates contain NaN or infinity")
        row = np.floor((self.latitude[0] - lat) / self._step[0] + 0.5).astype(np.int64)
        column = np.floor(((lon - self.longitude[0]) % 360.0) / self._step[1] + 0.5).astype(np.int64)
        if ((row < 0) | (row >= self.latitude.size)).any():
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
        band = slice(int(row.min()), int(row.max()) + 1)
        with h5py.File(self.path, "r") as file:
            t = file["t2m"][:, band, :][:, row - band.start, column].astype(np.float64)
            p = file["tp"][:, band, :][:, row - band.start, column].astype(np.float64)
        return bioclim(self._celsius(t), self._millimetres(p))

    def _celsius(self, t: Floats) -> Floats:
        """Convert temperatures to °C; the unit is inferred from the values.

        The units attribute is not reliable: that of the ERA5 climatology is K, but the values are °C.
        """
        low, high = np.nanmin(t), np.nanmax(t)
        if low > 150.0:
            t, low, high = t - 273.15, low - 273.15, high - 273.15
        if low < -100.0 or high > 70.0:
            raise LayerError(f"{self.path.name}: temperatures from {low:g} to {high:g} are neither °C nor K")
        return t

    def _millimetres(self, p: Floats) -> Floats:
        """Check that precipitation is in mm a month; the unit is inferred from the values.

        The units attribute of the ERA5 climatology is m, but the values are mm. Values in metres never exceed 1.
        """
        low, high = np.nanmin(p), np.nanmax(p)
        if low < -1e-3 or high <= 1.0 or high > 10_000.0:
            raise LayerError(f"{self.path.name}: precipitation from {low:g} to {high:g} is not in mm a month")
        return np.maximum(p, 0.0)
