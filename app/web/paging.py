"""Lists in pages: an opaque cursor that marks a position."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from app.errors import ValidationFailed

Row = TypeVar("Row")
Part = TypeVar("Part", str, int)
#: The problem of a cursor that a client changed, or took from another list.
NOT_A_CURSOR = [("/cursor", "not a cursor this list has given out")]


def write_cursor(*position: str | float | None) -> str:
    """Return a cursor for a position in a list."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def read_cursor(cursor: str | None, kind: type[Part], length: int = 1) -> tuple[Part, ...] | None:
    """Return the position that a cursor marks, or None for the beginning.

    Parameters
    ----------
    cursor : str or None
        From the request.
    kind : type
        The type of the parts of the position.
    length : int
        The number of parts.

    Raises
    ------
    ValidationFailed
        The cursor is not one of :func:`write_cursor` with this number of parts of this type.
    """
    if cursor is None:
        return None
    position = decode_cursor(cursor)
    if (
        len(position) != length
        or any(type(part) is not kind for part in position)
        or any(isinstance(part, int) and not 0 <= part < 2**31 for part in position)
    ):
        raise ValidationFailed(NOT_A_CURSOR)
    return tuple(position)  # type: ignore[arg-type]  # the types were compared above


def read_bound_cursor(cursor: str | None, kind: type[Part], bound_to: str) -> Part | None:
    """Return the position that a cursor marks in a list that is replaced as a whole, or None for the beginning.

    Parameters
    ----------
    cursor : str or None
        From the request.
    kind : type
        The type of the position.
    bound_to : str
        What the list is at present; :func:`write_cursor` had it after the position.

    Raises
    ------
    ValidationFailed
        The cursor is not one of this list, or the list was replaced since it was given out.
    """
    if cursor is None:
        return None
    position = decode_cursor(cursor)
    if position[1:] != [bound_to]:
        raise ValidationFailed(NOT_A_CURSOR)
    (at,) = read_cursor(write_cursor(*position[:1]), kind) or (None,)
    return at


def decode_cursor(cursor: str) -> list[str | float | None]:
    """Return the parts of a cursor: texts without a null character, finite numbers and null.

    Raises
    ------
    ValidationFailed
        The text is not a cursor.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
        position = None
    if (
        not isinstance(position, list)
        or any(isinstance(part, bool | list | dict) for part in position)
        or any(isinstance(part, str) and "\x00" in part for part in position)
    ):
        raise ValidationFailed(NOT_A_CURSOR)
    return position


def cut_page(
    rows: Sequence[Row], limit: int, position: Callable[[Row], tuple[str | int, ...]]
) -> tuple[Sequence[Row], str | None]:
    """Return a page of rows and the cursor of the next page.

    Parameters
    ----------
    rows : sequence
        One row more than the limit where another page follows.
    limit : int
        Rows of a page.
    position : callable
        Returns the position of a row in the list, as the cursor stores it.

    Returns
    -------
    page : sequence
    cursor : str or None
        None on the last page.
    """
    page = rows[:limit]
    return page, write_cursor(*position(page[-1])) if len(rows) > limit else None
