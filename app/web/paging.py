"""Lists in pages: an opaque cursor that marks a place."""

from __future__ import annotations

import base64
import binascii

import orjson

from app.errors import ValidationFailed


def write_cursor(*place: str | int) -> str:
    """Return a cursor for a place in a list."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def read_cursor(cursor: str | None, *kinds: type) -> tuple | None:
    """Return the place a cursor marks, or None for the beginning.

    Parameters
    ----------
    cursor : str or None
        As given.
    *kinds : type
        What the parts of the place are.
    """
    if cursor is None:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        place = None
    if (
        not isinstance(place, list)
        or len(place) != len(kinds)
        or any(type(part) is not kind for part, kind in zip(place, kinds, strict=True))
        or any(isinstance(part, str) and "\x00" in part for part in place)
        or any(isinstance(part, int) and not 0 <= part < 2**31 for part in place)
    ):
        raise ValidationFailed([("/cursor", "not a cursor this list has given out")])
    return tuple(place)
