"""A CSV or TSV file, or rows in memory, as chunks of columns of text."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from ml.batch.cells import DecimalMark
from ml.records.delimited import no_name, table_rows
from ml.records.dialect import find_delimiter
from ml.records.errors import OccurrenceError
from ml.records.sources import Member
from ml.records.stream import decode_pieces, find_encoding, split_lines

#: Largest number of rows of a chunk.
CHUNK_ROWS = 4096
# Largest number of cells of a chunk, and of characters after which it ends.
_CHUNK_CELLS, _CHUNK_CHARACTERS = 400_000, 8_000_000
_ZIP = b"PK\x03\x04"
#: Values of a column without a name that are compared, to tell an index from data.
_MOST_INDEX = 2_000_000


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of a table.

    Attributes
    ----------
    lines : list of int
        The line of each row, or its number where the rows come from no file.
    rows : list of sequence of str
        The cells of each row, stripped, in the order of the header.
    header : list of str
    """

    lines: list[int]
    rows: list[Sequence[str]]
    header: list[str]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def columns(self) -> dict[str, Sequence[str]]:
        """The cells of each column."""
        cells = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.header)
        return dict(zip(self.header, cells, strict=True))


class Rows(Protocol):
    """Rows that are read in chunks, from the beginning, as often as needed.

    Attributes
    ----------
    name : str
        For messages.
    header : list of str
    """

    name: str
    header: list[str]

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


@dataclass(frozen=True)
class Overview:
    """What a first pass over a table finds.

    Attributes
    ----------
    n_rows : int
    decimal : {".", ","}
    """

    n_rows: int
    decimal: str


class ListedRows:
    """Rows in memory."""

    def __init__(self, header: list[str], rows: Sequence[Sequence[str]]) -> None:
        self.name = "rows"
        self.header = header
        self.size = sum(len(cell) for row in rows for cell in row)
        self._rows = rows

    def chunks(self, skip: int = 0, *, check: bool = False) -> Iterator[Chunk]:
        """Yield the rows."""
        del check
        for start in range(skip, len(self._rows), CHUNK_ROWS):
            rows = list(self._rows[start : start + CHUNK_ROWS])
            yield Chunk(list(range(start + 1, start + 1 + len(rows))), rows, self.header)


class TableFile:
    """A file of delimited text. Columns without a name are left out, as are rows without any value.

    Parameters
    ----------
    path : Path
    name : str, optional
        For messages; the path by default.

    Raises
    ------
    ValueError
        The file cannot be read, is no table, or has two columns of one name.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = str(path) if name is None else name
        self._path = path
        try:
            size = path.stat().st_size
            with path.open("rb") as stream:
                start = stream.read(len(_ZIP))
        except OSError as error:
            what = f"{self.name} does not exist" if not path.exists() else f"{self.name}: {error.strerror}"
            raise ValueError(what) from error
        if start == _ZIP:
            raise OccurrenceError(f"{self.name} is a zip file or an Excel workbook, not a table; export it as CSV")
        self._member = Member(self.name, lambda: cast(BinaryIO, path.open("rb")), size)
        with self._opened() as (header, _):
            self._all_names = header
        repeated = sorted(name for name, times in Counter(filter(None, header)).items() if times > 1)
        if repeated:
            raise ValueError(f"{self.name} has two columns {repeated[0]!r:.60}")
        self.header = [column for column in header if column]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._path.stat().st_size

    def text(self) -> str:
        """Return the content as one text, for small files."""
        return "".join(decode_pieces(self._member, find_encoding(self._member, None, None)))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[list[str], Iterable[tuple[int, Sequence[str]]]]]:
        pieces = decode_pieces(self._member, find_encoding(self._member, None, None))
        try:
            first = next(pieces, "")
            delimiter = find_delimiter(first)
            lines = split_lines(itertools.chain([first], pieces), delimiter, self.name)
            yield table_rows(lines, delimiter, '"', self.name)
        finally:
            pieces.close()

    def chunks(self, skip: int = 0, *, check: bool = False) -> Iterator[Chunk]:
        """Yield the rows.

        Raises
        ------
        ValueError
            A row does not fit the header, or the text cannot be decoded; the message names the line.
        """
        unnamed = [position for position, name in enumerate(self._all_names) if not name]
        named = [position for position, name in enumerate(self._all_names) if name]
        indices = _Indices(unnamed, self.name) if check and unnamed else None
        most = max(1, min(CHUNK_ROWS, _CHUNK_CELLS // max(1, len(named))))
        lines: list[int] = []
        rows: list[Sequence[str]] = []
        characters = 0
        with self._opened() as (_, source):
            for line, fields in source:
                cells = [field.strip() for field in fields]
                if indices is not None:
                    indices.read(cells)
                if unnamed:
                    cells = [cells[position] for position in named]
                # spreadsheets write rows of delimiters alone
                if not any(cells):
                    continue
                if skip:
                    skip -= 1
                    continue
                lines.append(line)
                rows.append(cells)
                characters += sum(map(len, cells))
                if len(rows) == most or characters > _CHUNK_CHARACTERS:
                    yield Chunk(lines, rows, self.header)
                    lines, rows, characters = [], [], 0
        if rows:
            yield Chunk(lines, rows, self.header)


class _Indices:
    """Columns without a name: they must be empty, but for an index in the first column, whose values all differ."""

    def __init__(self, positions: list[int], name: str) -> None:
        self._positions, self._name = positions, name
        self._index: set[str] = set()
        self._last = -1

    def read(self, cells: Sequence[str]) -> None:
        """Check a row.

        Raises
        ------
        ValueError
            It has a value in such a column.
        """
        for position in self._positions:
            value = cells[position]
            if value and (position or self._is_repeated(value)):
                raise OccurrenceError(no_name(position + 1, self._name))

    def _is_repeated(self, value: str) -> bool:
        # the usual index counts the rows; it needs no memory
        if not self._index and value.isdecimal() and len(value) < 16 and int(value) == self._last + 1:
            self._last += 1
            return False
        if self._last < 0 and not self._index and value == "1":
            self._last = 1
            return False
        is_counted = value.isdecimal() and value.isascii() and len(value) < 16 and int(value) <= self._last
        if is_counted or value in self._index or len(self._index) >= _MOST_INDEX:
            return True
        self._index.add(value)
        return False


def look_through(rows: Rows, continuous: Iterable[str]) -> Overview:
    """Read a table once, so that what is wrong with it is known before its rows are answered.

    Parameters
    ----------
    rows : Rows
    continuous : iterable of str
        Names of the columns of numbers, which the table must have.

    Raises
    ------
    ValueError
        It has no rows, or cannot be read.
    """
    names, mark, n_rows = list(continuous), DecimalMark(), 0
    for chunk in rows.chunks(check=True):
        n_rows += len(chunk)
        mark.read(chunk.columns, names)
    if not n_rows:
        raise ValueError(f"{rows.name} has no rows")
    return Overview(n_rows, mark.mark)
