"""Delimited tables, plain or of an archive, read as a stream: encoding and delimiter, then its rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from ml.records.collecting import CollectedColumns, Plan, collect
from ml.records.delimited import fit, read_lines, table_rows
from ml.records.dialect import find_delimiter, find_quote
from ml.records.errors import OccurrenceError
from ml.records.meta import FileDescription
from ml.records.sources import Member
from ml.records.stream import Encoding, NotUtf8Error, Progress, decode_pieces, find_encoding, split_lines

#: The encoding of Windows in the west, by far the most frequent one of tables that are not UTF-8.
_WINDOWS = "cp1252"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Reading:
    """How a table is read.

    Attributes
    ----------
    encoding, delimiter : str or None
        As the user states them.
    strict : bool
        Refuse what is not in the stated encoding, or UTF-8; keep rows without values.
    progress : callable or None
    """

    encoding: str | None = None
    delimiter: str | None = None
    strict: bool = False
    progress: Progress | None = None


@dataclass(frozen=True)
class TextTable:
    """Columns of a delimited table.

    Attributes
    ----------
    labels : list of str
    collected : CollectedColumns
    encoding, delimiter : str
    unsure : list of str
    """

    labels: list[str]
    collected: CollectedColumns
    encoding: str
    delimiter: str
    unsure: list[str]


def read_header(member: Member, reading: Reading) -> list[str]:
    """Return the header of a plain table.

    Raises
    ------
    OccurrenceError
        The beginning of the file is not text of a table.
    """
    encoding = find_encoding(member, None, reading.encoding)
    if not encoding.certain:
        # Every byte is a letter in this encoding; names of columns that matter are ASCII.
        encoding = Encoding("latin-1", True)
    with closing(decode_pieces(member, encoding)) as pieces:
        start = next(pieces, "")
        delimiter = reading.delimiter or find_delimiter(start)
        lines = split_lines(iter([start]), delimiter, member.name)
        return table_rows(itertools.islice(lines, 5), delimiter, find_quote(start, delimiter), member.name)[0]


def read_plain(member: Member, reading: Reading, plan_for: Callable[[list[str]], Plan]) -> TextTable:
    """Read a table whose first row is its header.

    Parameters
    ----------
    member : Member
    reading : Reading
    plan_for : callable
        Returns what is collected of a table with such a header.
    """

    def read(encoding: Encoding, guessed: bool) -> tuple[list[str], CollectedColumns, str]:
        with closing(decode_pieces(member, encoding, reading.progress)) as pieces:
            start = next(pieces, "")
            delimiter = reading.delimiter or find_delimiter(start)
            lines = split_lines(itertools.chain([start], pieces), delimiter, member.name)
            header, rows = table_rows(lines, delimiter, find_quote(start, delimiter), member.name)
            if not header and not reading.strict:
                raise OccurrenceError(f"{member.name} is empty: it has no header")
            plan = plan_for(header)
            collected = collect(rows, plan, member.name, guessed_encoding=guessed, keep_empty=reading.strict)
        return header, collected, delimiter

    (header, collected, delimiter), encoding, unsure = _decoded(member, None, reading, read)
    return TextTable(header, collected, encoding, delimiter, unsure + _foreign(collected))


def read_described(member: Member, description: FileDescription, reading: Reading, plan: Plan) -> TextTable:
    """Read a table of an archive as its description states it."""

    def read(encoding: Encoding, guessed: bool) -> CollectedColumns:
        with closing(decode_pieces(member, encoding, reading.progress)) as pieces:
            lines = split_lines(pieces, description.delimiter, member.name)
            rows = _described_rows(lines, description, plan, member.name)
            return collect(rows, plan, member.name, guessed_encoding=guessed, keep_empty=reading.strict)

    collected, encoding, unsure = _decoded(member, description.encoding, reading, read)
    return TextTable(description.terms, collected, encoding, description.delimiter, unsure + _foreign(collected))


def _decoded(
    member: Member, stated: str | None, reading: Reading, read: Callable[[Encoding, bool], _T]
) -> tuple[_T, str, list[str]]:
    """Read with the encoding of a file, and again with that of Windows where it turns out not to be UTF-8."""
    encoding = find_encoding(member, stated, reading.encoding)
    try:
        return read(encoding, False), encoding.codec.lower().removesuffix("-sig"), []
    except NotUtf8Error as error:
        if reading.strict:
            raise
        problem = str(error).removeprefix(f"{member.name}, ").split(";")[0]
    try:
        result = read(Encoding(_WINDOWS, True), True)
    except OccurrenceError as error:
        if f"not {_WINDOWS}" not in str(error):
            raise
        raise OccurrenceError(
            f"{member.name} is neither UTF-8 ({problem}) nor Windows-1252; state its encoding, or save it as UTF-8"
        ) from None
    note = f"{member.name} is not UTF-8 ({problem}); it is read as Windows-1252: look at the letters with accents"
    return result, _WINDOWS, [note]


def _foreign(collected: CollectedColumns) -> list[str]:
    if not collected.n_foreign:
        return []
    return [f"rows with letters that depend on the encoding: {collected.n_foreign:,}; the first are shown"]


def _described_rows(
    lines: Iterator[str], description: FileDescription, plan: Plan, name: str
) -> Iterator[tuple[int, Sequence[str]]]:
    used = [*description.columns, *plan.columns.values()]
    highest = max((column for column in used if column is not None), default=-1)
    n_columns = 0
    for line, row in read_lines(lines, description.delimiter, description.quote, name):
        # The text guide counts lines, and an empty line is one; a header of several lines is one row.
        if line <= description.skip:
            n_columns = _width(row)
            continue
        if highest >= n_columns:
            # The ignored lines are not a header, or one without all columns.
            n_columns = len(row)
            if highest >= n_columns:
                raise OccurrenceError(f"{name} has {n_columns} columns, but meta.xml speaks of column {highest + 1}")
        yield line, fit(row, n_columns, line, name)


def _width(header: list[str]) -> int:
    """Return the number of columns of a header, without empty ones at its end."""
    return max((number for number, label in enumerate(header, 1) if label.strip()), default=0)
