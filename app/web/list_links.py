"""Addresses of a list: the same filters in another order, on the next page, and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode


@dataclass(frozen=True)
class Column:
    """A column that a list can be sorted by.

    Attributes
    ----------
    name : str
        The value of ``sort`` for ascending values.
    label : str
        Heading of the column.
    choice : str
        The order in words, in the direction that comes first.
    descending : bool
        Whether the highest values come first at the first choice.
    """

    name: str
    label: str
    choice: str
    descending: bool = False

    @property
    def first(self) -> str:
        """The value of ``sort`` at the first choice."""
        return f"-{self.name}" if self.descending else self.name


@dataclass(frozen=True)
class ListLinks:
    """The addresses of a list.

    Attributes
    ----------
    path : str
    filters : dict of str to str
        Query parameters without ``sort``; empty ones are left out of addresses.
    sort : str
        The order of the rows; empty where it is none of the columns, as by the best match.
    explicit : bool
        Whether the client chose the order.
    """

    path: str
    columns: Sequence[Column]
    filters: dict[str, str]
    sort: str
    explicit: bool
    limit: int | None = None

    def by(self, column: Column) -> str:
        """Return the address of the list by a column; a second choice reverses the order."""
        reverse = column.name if column.descending else f"-{column.name}"
        return self._address(reverse if self.sort == column.first else column.first)

    def direction(self, column: Column) -> Literal["ascending", "descending"] | None:
        """Return the direction of the order by a column; None where another one decides."""
        if self.sort.lstrip("-") != column.name:
            return None
        return "descending" if self.sort.startswith("-") else "ascending"

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Values of ``sort`` and their names, for a list of choices; a reversed order is one where it is in use."""
        pairs = [(column.first, column.choice) for column in self.columns]
        reversed_ = [f"{column.choice}, reversed" for column in self.columns if self.sort.lstrip("-") == column.name]
        if self.sort and self.sort not in dict(pairs):
            pairs.append((self.sort, reversed_[0]))
        return pairs

    def after(self, cursor: str) -> str:
        """Return the address of the next page."""
        more = {"limit": str(self.limit)} if self.limit is not None else {}
        return self._address(self.sort if self.explicit else "", {**more, "cursor": cursor})

    @property
    def first_page(self) -> str:
        """The address of the first page in this order."""
        return self._address(self.sort if self.explicit else "")

    @property
    def csv(self) -> str:
        """The address of the whole list as CSV, in this order."""
        return self._address(self.sort if self.explicit else "", suffix=".csv")

    def _address(self, sort: str, more: dict[str, str] | None = None, suffix: str = "") -> str:
        query = {name: value for name, value in {**self.filters, "sort": sort}.items() if value}
        text = urlencode({**query, **(more or {})})
        return f"{self.path}{suffix}{'?' + text if text else ''}"
