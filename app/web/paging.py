"""Lists in pages: an opaque cursor that marks a place."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from app.errors import ValidationFailed

Row = TypeVar("Row")


def write_cursor(*place: str | int) -> str:
    """Return a cursor for a place in a list."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def read_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
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


def cut(
    rows: Sequence[Row], limit: int, place: Callable[[Row], tuple[str | int, ...]]
) -> tuple[Sequence[Row], str | None]:
    """Return a page of rows and the cursor of the next page.

    Parameters
    ----------
    rows : sequence
        One row more than the limit where another page follows.
    limit : int
        Rows of a page.
    place : callable
        Returns the place of a row in the list, as the cursor stores it.

    Returns
    -------
    page : sequence
    cursor : str or None
        None on the last page.
    """
    page = rows[:limit]
    return page, write_cursor(*place(page[-1])) if len(rows) > limit else None
