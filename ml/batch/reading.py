"""Rows of delimited text, read so that a row that cannot be read costs no other row."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ml.records.delimited import MAX_COLUMNS, contains_rows, explain, fit
from ml.records.dialect import STATED_DELIMITER
from ml.records.errors import OccurrenceError
from ml.records.row_names import RowNames, has_row_names
from ml.records.stream import DAMAGED

# Lines of a field in quotation marks, and how many fields may have more before fewer are looked at: each costs the time
# to read its lines twice.
_MOST_LINES, _MOST_LONG_ROWS, _FEW_LINES = 1_000, 100, 20
# Rows of which the greater part shows whether R wrote row names.
_MOST_FIRST = 100
_QUOTE = '"'


class Row(NamedTuple):
    """A row of a table.

    Attributes
    ----------
    line : int
        Its first line.
    fields : sequence of str
        One for each column.
    error : str
        Why the row cannot be read; "" for a readable one.
    """

    line: int
    fields: Sequence[str]
    error: str


class _TooLongError(Exception):
    """A field in quotation marks has too many lines."""


class _Lines:
    """Lines of a text, of which those behind a row's first can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._source = iter(lines)
        self._again: list[str] = []
        self._n_long = 0
        self._most = _MOST_LINES
        self.row: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.row) >= self._most:
            raise _TooLongError
        line = self._again.pop() if self._again else next(self._source)
        self.row.append(line)
        self.number += 1
        return line

    def keep_first(self) -> None:
        """Give all lines of the present row back but its first."""
        again = self.row[1:]
        if len(again) >= _FEW_LINES:
            self._n_long += 1
            if self._n_long >= _MOST_LONG_ROWS:
                self._most = _FEW_LINES
        self._again += reversed(again)
        self.number -= len(again)
        del self.row[1:]


class TableReader:
    """The header and the rows of delimited text.

    Parameters
    ----------
    lines : iterable of str
        As `ml.records.stream.split_lines` yields them.
    delimiter : str
        One character.
    name : str
        Of the file, for messages.
    codec : str
        The encoding, for messages.

    Attributes
    ----------
    header : list of str
        Names of the columns, without blanks; empty names at the end are left out.

    Raises
    ------
    OccurrenceError
        The header cannot be read.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, name: str, codec: str) -> None:
        self._lines, self._delimiter, self._name, self._codec = _Lines(lines), delimiter, name, codec
        self._reader = csv.reader(self._lines, delimiter=delimiter, quotechar=_QUOTE, strict=True)
        # unknown until the header is read
        self._n_columns = 0
        first = self._read_header()
        if first is not None and STATED_DELIMITER.fullmatch(delimiter.join(first)):
            first = self._read_header()
        self.header = [column.strip() for column in first or ()]
        while self.header and not self.header[-1]:
            self.header.pop()
        self._n_columns = len(self.header)
        if self._n_columns > MAX_COLUMNS:
            raise OccurrenceError(f"{name} has {self._n_columns:,} columns; at most {MAX_COLUMNS:,} are read")

    def rows(self) -> Iterator[Row]:
        """Yield the rows; blank lines are left out."""
        first: list[Row] = []
        n_named = n_plain = 0
        while len(first) < _MOST_FIRST and (row := self._next()) is not None:
            first.append(row)
            if not row.error:
                n_plain += len(row.fields) == self._n_columns
                n_named += has_row_names("".join(self._lines.row), self._delimiter, self._n_columns)
        names = RowNames(self._name) if n_named > n_plain else None
        n_columns, name = self._n_columns, self._name
        for row in itertools.chain(first, iter(self._next, None)):
            line, fields, error = row
            if error or (names is None and len(fields) == n_columns):
                yield row
                continue
            try:
                if names is not None:
                    fields = names.remove([*fields], n_columns, line)
                yield Row(line, fit(fields, n_columns, line, name), "")
            except OccurrenceError as problem:
                yield Row(line, fields, str(problem).removeprefix(f"{name}, line {line}: "))

    def _read_header(self) -> Sequence[str] | None:
        row = self._next()
        if row is None:
            return None
        if row.error:
            raise OccurrenceError(f"{self._name}, line {row.line}: {row.error}")
        return row.fields

    def _next(self) -> Row | None:
        """Return the next row as the text has it, or None."""
        lines = self._lines
        while True:
            lines.row.clear()
            line = lines.number + 1
            try:
                fields = next(self._reader)
            except StopIteration:
                return None
            except (csv.Error, _TooLongError) as problem:
                lines.keep_first()
                text = explain(problem) if isinstance(problem, csv.Error) else ""
                return self._unreadable(line, text or "a quotation mark opens a field and is not closed")
            if len(lines.row) > 1 and self._has_swallowed(fields):
                last = lines.number
                lines.keep_first()
                return self._unreadable(
                    line,
                    "a quotation mark is missing or one too many: the field that it opens ends in line "
                    f"{last} and contains rows",
                )
            if len(fields) > 1 or (fields and not fields[0].isspace()):
                if (damage := DAMAGED.search("".join(fields))) is not None:
                    return Row(line, fields, self._explain_damage(damage[0]))
                return Row(line, fields, "")

    def _unreadable(self, line: int, error: str) -> Row:
        return Row(line, self._lines.row[0].rstrip("\n").split(self._delimiter), error)

    def _has_swallowed(self, fields: list[str]) -> bool:
        """Return whether a row of several lines contains others, because a quotation mark is not closed."""
        if contains_rows(fields, self._delimiter):
            return True
        n_marks = self._n_columns - 1
        is_ragged = self._n_columns and len(fields) != self._n_columns
        return bool(is_ragged) and any(line.count(self._delimiter) == n_marks for line in self._lines.row[1:])

    def _explain_damage(self, character: str) -> str:
        if character == "\0":
            return "not text, it contains a null character"
        code = ord(character)
        byte = f"byte {code - 0xDC00:#04x}" if 0xDC80 <= code <= 0xDCFF else f"half a character, {code:#06x}"
        hint = "; save the table as UTF-8 (in Excel: CSV UTF-8)" if self._codec.startswith("utf-8") else ""
        return f"not {self._codec}: {byte}{hint}"
