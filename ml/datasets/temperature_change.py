"""The change of annual mean temperature in a climate projection of the Met Office, relative to its own present."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from ml.layers.errors import LayerError
from ml.layers.netcdf import decode, numeric_variable, read_axis

Floats = NDArray[np.float64]
#: The years of the ERA5 climatology that the change is added to.
PRESENT = (2000, 2025)
_HOURS_A_YEAR = 360 * 24


def read_change(path: Path, period: tuple[int, int]) -> Callable[[Floats, Floats], Floats]:
    """Read the change between the present and a period, both of the projection itself.

    Parameters
    ----------
    path : Path
        ``A1B_north_america.nc`` or ``E1_north_america.nc``: annual mean air temperature, K, of a calendar of 360 days.
    period : (int, int)
        First and last year.

    Returns
    -------
    callable
        From longitudes and latitudes, shape (n,), to the change in °C, interpolated between the nearest four points.
        NaN outside the projection.

    Raises
    ------
    LayerError
        The file cannot be read, or has not these years.
    """
    try:
        with h5py.File(path, "r") as file:
            latitude, longitude = read_axis(file, "latitude"), read_axis(file, "longitude")
            # the middle of each year; a year of the calendar has 360 days
            years = np.floor(1970 + read_axis(file, "time") / _HOURS_A_YEAR)
            variable = numeric_variable(file, "air_temperature")
            if variable.shape != (years.size, latitude.size, longitude.size):
                raise LayerError(f"{path.name}: air_temperature is not of shape (time, latitude, longitude)")
            means = [_mean(decode(variable, np.s_[:, :, :]), years, *span, path.name) for span in (PRESENT, period)]
    except (OSError, KeyError) as error:
        raise LayerError(f"{path.name} cannot be read: {error}") from error
    change = means[1] - means[0]

    def at(lon: Floats, lat: Floats) -> Floats:
        return _interpolate(
            change,
            (lat - latitude[0]) / (latitude[1] - latitude[0]),
            ((lon - longitude[0]) % 360.0) / (longitude[1] - longitude[0]),
        )

    return at


def _mean(values: Floats, years: Floats, first: int, last: int, name: str) -> Floats:
    chosen = (years >= first) & (years <= last)
    if chosen.sum() != last - first + 1:
        raise LayerError(f"{name} has not all years from {first} to {last}")
    return np.asarray(values[chosen].mean(axis=0))


def _interpolate(field: Floats, row: Floats, column: Floats) -> Floats:
    """Return a field between its points, bilinearly; NaN outside."""
    height, width = field.shape
    inside = (row >= 0) & (row <= height - 1) & (column >= 0) & (column <= width - 1)
    r = np.clip(np.floor(np.where(inside, row, 0)).astype(np.int64), 0, height - 2)
    c = np.clip(np.floor(np.where(inside, column, 0)).astype(np.int64), 0, width - 2)
    down, right = row - r, column - c
    above = field[r, c] * (1 - right) + field[r, c + 1] * right
    below = field[r + 1, c] * (1 - right) + field[r + 1, c + 1] * right
    return np.where(inside, above * (1 - down) + below * down, np.nan)
