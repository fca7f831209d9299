"""Rows as chunks of columns of text, and rows of JSON in memory or in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol

#: Largest number of rows of a chunk.
CHUNK_ROWS = 4096


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a table.

    Attributes
    ----------
    first : int
        Number of the first row, from 1: rows of data are counted, neither the header nor blank lines.
    lines : list of int or None
        The line of each row in its file; None where the rows have no lines.
    rows : list of sequence of str
        The cells of each row, stripped, in the order of the header.
    header : list of str
    errors : dict of int to str
        By position, why a row cannot be read. Its cells are for the reader alone.
    """

    first: int
    lines: list[int] | None
    rows: list[Sequence[str]]
    header: list[str]
    errors: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def columns(self) -> dict[str, Sequence[str]]:
        """The cells of each column."""
        cells = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.header)
        return dict(zip(self.header, cells, strict=True))

    @cached_property
    def readable(self) -> list[int]:
        """Positions of the rows that can be read."""
        return [position for position in range(len(self)) if position not in self.errors]

    def take(self, positions: Sequence[int]) -> Chunk:
        """Return some rows, as a chunk without numbers and errors."""
        if len(positions) == len(self):
            return self
        return Chunk(1, None, [self.rows[position] for position in positions], self.header)

    def line_of(self, position: int) -> int | None:
        """Return the line of a row, or None."""
        return None if self.lines is None else self.lines[position]


class Rows(Protocol):
    """Rows that are read in chunks, from the beginning, as often as needed.

    Attributes
    ----------
    name : str
        For messages.
    header : list of str
    is_typed : bool
        Whether numbers are numbers, as in JSON: their spelling is not guessed.
    """

    name: str
    header: list[str]
    is_typed: bool

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        ...

    def chunks(self, skip: int = 0, *, check: bool = False) -> Iterator[Chunk]:
        """Yield the rows.

        Parameters
        ----------
        skip : int
            Rows to leave out from the beginning.
        check : bool
            Whether to raise ValueError for columns that have values but no name.
        """
        ...


class ListedRows:
    """Rows of JSON in memory. A row without any value is a row too.

    Parameters
    ----------
    header : list of str
    rows : sequence of sequence of str
    errors : dict of int to str, optional
        By position, why a row cannot be used.
    """

    name = "rows"
    is_typed = True

    def __init__(self, header: list[str], rows: Sequence[Sequence[str]], errors: dict[int, str] | None = None) -> None:
        self.header, self.rows, self.errors = header, rows, errors or {}
        self.size = sum(len(cell) for row in rows for cell in row)

    def chunks(self, skip: int = 0, *, check: bool = False) -> Iterator[Chunk]:
        """Yield the rows."""
        del check
        yield from _chunks(
            self.header, ((row, self.errors.get(at, "")) for at, row in enumerate(self.rows[skip:], skip)), skip
        )

    def write(self, stream: IO[str]) -> None:
        """Write the rows as lines of JSON, which `RowsFile` reads."""
        stream.write(json.dumps(self.header) + "\n")
        for position, row in enumerate(self.rows):
            error = self.errors.get(position)
            stream.write(json.dumps([*row] if error is None else {"cells": [*row], "error": error}) + "\n")


class RowsFile:
    """Rows in a file of JSON lines: the header, then the texts of each row, or ``{"cells": […], "error": "…"}``.

    Parameters
    ----------
    path : Path
    name : str, optional
        For messages; the path by default.

    Raises
    ------
    ValueError
        The file cannot be read, or does not begin with a header.
    """

    is_typed = True

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = str(path) if name is None else name
        self._path = path
        try:
            with path.open("rb") as stream:
                header = _parse(stream.readline())
        except OSError as error:
            raise ValueError(f"{self.name}: {error.strerror}") from error
        if not _is_texts(header) or len(set(header)) < len(header):
            raise ValueError(f"{self.name} does not begin with a list of columns")
        self.header: list[str] = header

    @property
    def size(self) -> int:
        """Bytes."""
        return self._path.stat().st_size

    def chunks(self, skip: int = 0, *, check: bool = False) -> Iterator[Chunk]:
        """Yield the rows.

        Raises
        ------
        ValueError
            A line is no row; the message names it.
        """
        del check
        with self._path.open("rb") as stream:
            stream.readline()
            for _ in range(skip):
                stream.readline()
            yield from _chunks(self.header, (self._row(line, at) for at, line in enumerate(stream, skip + 2)), skip)

    def _row(self, line: bytes, number: int) -> tuple[Sequence[str], str]:
        row = _parse(line)
        cells, error = (row.get("cells"), row.get("error")) if isinstance(row, dict) else (row, "")
        if not (isinstance(cells, list) and _is_texts(cells) and len(cells) == len(self.header)) or not isinstance(
            error, str
        ):
            raise ValueError(f"{self.name}, line {number}: not a list of {len(self.header)} texts")
        return cells, error


def _chunks(header: list[str], rows: Iterable[tuple[Sequence[str], str]], skip: int) -> Iterator[Chunk]:
    first, part, errors = skip + 1, list[Sequence[str]](), dict[int, str]()
    for cells, error in rows:
        if error:
            errors[len(part)] = error
        part.append(cells)
        if len(part) == CHUNK_ROWS:
            yield Chunk(first, None, part, header, errors)
            first, part, errors = first + len(part), [], {}
    if part:
        yield Chunk(first, None, part, header, errors)


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)
