"""A place in words, and a place as people write it."""

from __future__ import annotations


def place_text(latitude: float, longitude: float) -> str:
    """Return coordinates as ``37.77° N, 122.42° W``."""
    return f"{_degrees(latitude, 'NS')}, {_degrees(longitude, 'EW')}"


def _degrees(value: float, letters: str) -> str:
    text = f"{abs(value):.5f}".rstrip("0").rstrip(".")
    return f"{text}° {letters[value < 0]}" if float(text) else "0°"
