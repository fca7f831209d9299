"""A CSV or TSV file as chunks of columns of text, and what a first pass over rows finds."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ml.batch.cells import DecimalMark
from ml.batch.chunks import CHUNK_ROWS, Chunk, Rows
from ml.batch.reading import TableReader
from ml.records.delimited import no_name
from ml.records.dialect import find_delimiter
from ml.records.errors import OccurrenceError
from ml.records.sources import Member
from ml.records.stream import DAMAGED, decode_pieces, find_encoding, split_lines

# Largest number of cells of a chunk, and of characters after which it ends.
_CHUNK_CELLS, _CHUNK_CHARACTERS = 400_000, 8_000_000
#: The beginning of a zip file, as a workbook is one.
ZIP = b"PK\x03\x04"
#: Values of a column without a name that are compared, to tell an index from data.
_MOST_INDEX = 2_000_000


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


class TableFile:
    """A file of delimited text. Columns without a name are left out, as are rows without any value.

    A row that cannot be read has an error, and its cells as far as they go.

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

    is_typed = False

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = str(path) if name is None else name
        self._path = path
        try:
            size = path.stat().st_size
            with path.open("rb") as stream:
                start = stream.read(len(ZIP))
        except OSError as error:
            what = f"{self.name} does not exist" if not path.exists() else f"{self.name}: {error.strerror}"
            raise ValueError(what) from error
        if start == ZIP:
            raise OccurrenceError(f"{self.name} is a zip file or an Excel workbook, not a table; export it as CSV")
        self._member = Member(self.name, lambda: cast(BinaryIO, path.open("rb")), size)
        with self._opened() as reader:
            self._all_names = header = reader.header
        repeated = sorted(name for name, times in Counter(filter(None, header)).items() if times > 1)
        if repeated:
            raise ValueError(f"{self.name} has two columns {repeated[0]!r:.60}")
        self.header = [column for column in header if column]

    @property
    def size(self) -> int:
        """Bytes."""
        return self._path.stat().st_size

    def text(self) -> str:
        """Return the content as one text, for small files; ValueError where it is damaged."""
        return "".join(decode_pieces(self._member, find_encoding(self._member, None, None)))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[TableReader]:
        encoding = find_encoding(self._member, None, None)
        pieces = decode_pieces(self._member, encoding, tolerant=True)
        try:
            first = next(pieces, "")
            delimiter = find_delimiter(first)
            lines = split_lines(itertools.chain([first], pieces), delimiter, self.name)
            yield TableReader(lines, delimiter, self.name, encoding.codec)
        finally:
            pieces.close()

    def chunks(self, skip: int = 0, *, check: bool = False) -> Iterator[Chunk]:
        """Yield the rows.

        Raises
        ------
        ValueError
            The text cannot be divided into rows; the message names the line.
        """
        unnamed = [position for position, name in enumerate(self._all_names) if not name]
        named = [position for position, name in enumerate(self._all_names) if name]
        indices = _Indices(unnamed, self.name) if check and unnamed else None
        most = max(1, min(CHUNK_ROWS, _CHUNK_CELLS // max(1, len(named))))
        n_columns, number = len(self._all_names), 0
        part, characters = _Part(skip + 1), 0
        with self._opened() as reader:
            for line, fields, error in reader.rows():
                cells = [field.strip() for field in fields]
                if error:
                    # of further fields no column could be told
                    cells = [DAMAGED.sub("\ufffd", cell) for cell in cells[:n_columns]]
                    cells += [""] * (n_columns - len(cells))
                elif indices is not None:
                    indices.read(cells)
                if unnamed:
                    cells = [cells[position] for position in named]
                # spreadsheets write rows of delimiters alone
                if not any(cells):
                    continue
                number += 1
                if number <= skip:
                    continue
                part.add(line, cells, error)
                characters += sum(map(len, cells))
                if len(part.rows) == most or characters > _CHUNK_CHARACTERS:
                    yield part.as_chunk(self.header)
                    part, characters = _Part(number + 1), 0
        if part.rows:
            yield part.as_chunk(self.header)


class _Part:
    """The rows of a chunk that is being read."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._lines: list[int] = []
        self._errors: dict[int, str] = {}
        self.rows: list[Sequence[str]] = []

    def add(self, line: int, cells: Sequence[str], error: str) -> None:
        """Take a row."""
        if error:
            self._errors[len(self.rows)] = error
        self._lines.append(line)
        self.rows.append(cells)

    def as_chunk(self, header: list[str]) -> Chunk:
        """Return the chunk."""
        return Chunk(self._first, self._lines, self.rows, header, self._errors)


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
        if not rows.is_typed:
            mark.read(chunk.take(chunk.readable).columns, names)
    if not n_rows:
        raise ValueError(f"{rows.name} has no rows")
    return Overview(n_rows, mark.mark)
