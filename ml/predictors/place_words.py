"""A place in words, for messages of single answers and of batches."""

from __future__ import annotations

from ml.layers.stored import LayerSet


def place_text(latitude: float, longitude: float) -> str:
    """Return coordinates as ``37.77° N, 122.42° W``."""
    return f"{_degrees(latitude, 'NS')}, {_degrees(longitude, 'EW')}"


def coordinate_number(value: float) -> str:
    """Return degrees with at most six decimals."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def problem_text(layers: LayerSet, latitude: float, longitude: float, cell: int, problem: str) -> str:
    """Return why a place has no conditions, as a sentence that begins with its coordinates.

    Parameters
    ----------
    layers : LayerSet
    latitude, longitude : float
        Degrees of WGS 84.
    cell : int
        Of the layers, -1 outside.
    problem : str
        As in `ml.predictors.places.PlaceRows.problems`.

    Returns
    -------
    str
        It ends with a question where the place would be inside the layers with latitude and longitude swapped.
    """
    hint = "; are latitude and longitude swapped?" if cell < 0 and _fits_swapped(layers, latitude, longitude) else ""
    return f"{place_text(latitude, longitude)}: {problem}{hint}"


def _fits_swapped(layers: LayerSet, latitude: float, longitude: float) -> bool:
    is_possible = abs(longitude) <= 90.0 and -180.0 <= latitude <= 360.0
    return is_possible and int(layers.cell_of([latitude], [longitude])[0]) >= 0


def _degrees(value: float, letters: str) -> str:
    text = coordinate_number(abs(value))
    return f"{text}° {letters[value < 0]}" if float(text) else "0°"
