"""A place in words, and a place as people write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ml.predictors.place_words import coordinate_number, place_text
from ml.records.coordinate_text import parse_coordinate

__all__ = ["LONGEST", "Coordinates", "place_text", "read_place", "typed_text"]

#: Longest text of a place, characters.
LONGEST = 100
_HOW = "Write latitude and longitude, as 37.77, -122.42 or 37°46′N 122°25′W"
# Marks that stand only between two coordinates, then those that may be part of one; the first that works is taken.
_CERTAIN = re.compile(r"\s*[;\t\n/|]\s*")
_AFTER_HEMISPHERE = re.compile(r"(?<=[NSEWnsew])[\s,]+(?=[-+\d])")
_BEFORE_HEMISPHERE = re.compile(r"(?<=[\d°'′\"″])[\s,]+(?=[NSEWnsew]\s*\d)")
_COMMA_AND_BLANK = re.compile(r",\s+")
_ANY = re.compile(r"\s+|,")
# "geo:37.77,-122.42;u=35" (RFC 5870), and the end of an address of an online map: "@37.77,-122.42,15z"
_GEO = re.compile(r"geo:\s*([^;?]+)(?:[;?].*)?", re.IGNORECASE)
_ONLINE_MAP = re.compile(r"(?:https?://\S*)?@([-+]?[\d.]+,[-+]?[\d.]+)(?:,\S*)?")
# the names of the coordinates before their numbers
_NAMES = re.compile(
    r"(?P<north>lat(?:itude)?)[\s:=.]*(?P<first>[^a-z]+)[\s,;]*(?P<east>lon(?:g(?:itude)?)?|lng)[\s:=.]*(?P<second>[^a-z]+)",
    re.IGNORECASE,
)
_NAMES_TURNED = re.compile(
    r"(?P<east>lon(?:g(?:itude)?)?|lng)[\s:=.]*(?P<second>[^a-z]+)[\s,;]*(?P<north>lat(?:itude)?)[\s:=.]*(?P<first>[^a-z]+)",
    re.IGNORECASE,
)
_WESTERN = re.compile(r"[Ww]|[Ee](?![+-]?\d)|(?<![\d.])[Ee]")
_NORTHERN = re.compile(r"[NSns]")


class Coordinates(NamedTuple):
    """A place in degrees of WGS 84."""

    latitude: float
    longitude: float


def typed_text(latitude: float, longitude: float) -> str:
    """Return coordinates as they are typed: ``37.77, -122.42``."""
    return f"{coordinate_number(latitude)}, {coordinate_number(longitude)}"


def read_place(text: str) -> Coordinates:
    """Read a place as people write it: latitude and longitude, in any spelling of the records reader.

    Parameters
    ----------
    text : str
        As ``37.77, -122.42``, ``37,77; -122,42``, ``37°46′N 122°25′W``, ``122°25′W, 37°46′N``,
        ``lat 37.77 lon -122.42`` or ``geo:37.77,-122.42``.

    Raises
    ------
    ValueError
        It is not a place; the message is a sentence for the user.
    """
    text = text.strip().strip("()[]").strip()
    if len(text) > LONGEST:
        raise ValueError(f"{_HOW}: it is longer than {LONGEST} characters")
    text = _without_names(text)
    reason = ""
    for first, second in _halves(text):
        # a letter that is a hemisphere of the other axis: longitude before latitude
        swapped = bool(_WESTERN.search(first) or _NORTHERN.search(second)) and not _NORTHERN.search(first)
        north, east = (second, first) if swapped else (first, second)
        try:
            latitude, longitude = _coordinate(north, "latitude"), _coordinate(east, "longitude")
        except ValueError as error:
            reason = reason or str(error)
            continue
        if not abs(latitude) <= 90.0:
            raise ValueError("The latitude must be from -90 to 90. It comes first, then the longitude")
        if not -180.0 <= longitude <= 360.0:
            raise ValueError("The longitude must be from -180 to 180")
        return Coordinates(latitude, round(longitude - 360.0, 9) if longitude > 180.0 else longitude)
    raise ValueError(f"{_HOW}{': ' + reason if reason else ''}")


def _without_names(text: str) -> str:
    """Return the coordinates of a text that names them or wraps them, latitude first; any other text unchanged."""
    wrapped = _GEO.fullmatch(text) or _ONLINE_MAP.fullmatch(text)
    if wrapped is not None:
        return wrapped[1]
    named = _NAMES.fullmatch(text) or _NAMES_TURNED.fullmatch(text)
    return f"{named['first'].strip(' ,;')}; {named['second'].strip(' ,;')}" if named is not None else text


def _coordinate(text: str, axis: str) -> float:
    value = parse_coordinate(text, "latitude" if axis == "latitude" else "longitude", decimal_comma=True)
    if value != value:
        raise ValueError("a coordinate is missing")
    return value


def _halves(text: str) -> Iterator[tuple[str, str]]:
    """Yield the ways to divide a text into two coordinates, the most certain first."""
    for mark in (_CERTAIN, _AFTER_HEMISPHERE, _BEFORE_HEMISPHERE, _COMMA_AND_BLANK, _ANY):
        for match in mark.finditer(text):
            first, second = text[: match.start()].strip(), text[match.end() :].strip()
            if first and second:
                yield first, second
