"""Orders of a list that the client chooses, and pages that meet without a gap in every order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import ValidationFailed
from app.web.paging import NOT_A_CURSOR, decode_cursor, write_cursor

Row = TypeVar("Row")
Value = str | float | None
Tie = tuple[str | int, ...]


@dataclass(frozen=True)
class Order(Generic[Row]):
    """An order of rows: by a value, and by a tie where values are equal. Rows without a value are the last ones.

    Attributes
    ----------
    name : str
        As in the query, with a minus sign before it for descending values; empty for the order of a list by itself.
    value : callable
        Returns a text, a number, or None.
    tie : callable
        Returns what no other row has; it is ascending in both directions.
    """

    name: str
    value: Callable[[Row], Value]
    tie: Callable[[Row], Tie]

    @property
    def descending(self) -> bool:
        """Whether the highest value is first."""
        return self.name.startswith("-")

    def sorted(self, rows: Sequence[Row]) -> list[Row]:
        """Return rows in this order."""
        tied = sorted(rows, key=self.tie)
        valued = [(self.value(row), row) for row in tied]
        with_value = [pair for pair in valued if pair[0] is not None]
        # sorting keeps the order of ties, also in reverse
        with_value.sort(key=lambda pair: pair[0], reverse=self.descending)  # type: ignore[arg-type,return-value]
        return [row for _, row in with_value] + [row for value, row in valued if value is None]

    def page(self, rows: Sequence[Row], limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
        """Return a page of rows that are in this order, and the cursor of the next page.

        Parameters
        ----------
        rows : sequence
            All rows of the list.
        limit : int
            Rows of a page.
        cursor : str or None
            From the request; None for the first page.

        Raises
        ------
        ValidationFailed
            The cursor is not one of this list in this order.
        """
        start = self._start(rows, cursor) if cursor is not None else 0
        page = list(rows[start : start + limit])
        if start + limit >= len(rows):
            return page, None
        last = page[-1]
        return page, write_cursor(*([self.name] if self.name else []), self.value(last), *self.tie(last))

    def _start(self, rows: Sequence[Row], cursor: str) -> int:
        """Return the number of the first row behind a position. The row of the position may be gone."""
        position = decode_cursor(cursor)
        if self.name:
            if not position or position[0] != self.name:
                raise ValidationFailed(NOT_A_CURSOR)
            position = position[1:]
        if not position:
            raise ValidationFailed(NOT_A_CURSOR)
        value, tie = position[0], tuple(position[1:])
        try:
            return next((at for at, row in enumerate(rows) if self._is_behind(row, value, tie)), len(rows))
        except TypeError:
            # the parts have other types than those of this list
            raise ValidationFailed(NOT_A_CURSOR) from None

    def _is_behind(self, row: Row, value: Value, tie: tuple[Value, ...]) -> bool:
        own, own_tie = self.value(row), self.tie(row)
        if len(own_tie) != len(tie):
            raise TypeError
        if own is None or value is None:
            return own is None and (value is not None or _less(tie, own_tie))
        if own == value:
            return _less(tie, own_tie)
        return _less((own,), (value,)) if self.descending else _less((value,), (own,))


def _less(one: tuple[Value, ...], other: tuple[Value, ...]) -> bool:
    return one < other
