"""Delimited text (CSV and TSV), read strictly: a row that does not fit its header is refused with its line."""

from __future__ import annotations

import csv
import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence

from ml.records.dialect import STATED_DELIMITER
from ml.records.errors import OccurrenceError
from ml.records.row_names import RowNames, has_row_names

#: Largest number of columns of a table.
MAX_COLUMNS = 2_000
#: Largest number of cells of a table: what it needs in memory depends on them more than on its bytes.
MAX_CELLS = 50_000_000
#: Different values of a column that are stored once each.
_MOST_SHARED = 10_000
#: Largest number of delimiters of a line, within quoted fields too.
_MOST_DELIMITERS = 1_000_000


def check_line(line: str, delimiter: str, number: int, name: str) -> str:
    r"""Return a line with ``\n`` and without carriage returns.

    Raises
    ------
    OccurrenceError
        It has too many delimiters.
    """
    if len(line) > _MOST_DELIMITERS and line.count(delimiter) > _MOST_DELIMITERS:
        raise OccurrenceError(f"{name}, line {number}: more than {_MOST_DELIMITERS:,} delimiters")
    return (line.removesuffix("\r").replace("\r", " ") if "\r" in line else line) + "\n"


def split_text(text: str, delimiter: str, name: str) -> Iterator[str]:
    r"""Yield the lines of a text, each with ``\n``."""
    # A single carriage return within a line belongs to a field.
    end = "\n" if "\n" in text else "\r"
    begin, number = 0, 0
    while begin < len(text):
        stop = text.find(end, begin)
        stop = len(text) if stop < 0 else stop
        number += 1
        yield check_line(text[begin:stop], delimiter, number, name)
        begin = stop + 1


def read_lines(lines: Iterable[str], delimiter: str, quote: str, name: str) -> Iterator[tuple[int, list[str]]]:
    r"""Yield the rows of delimited text with the number of their first line. Empty and blank lines are left out.

    Parameters
    ----------
    lines : iterable of str
        As `split_text` yields them.
    delimiter : str
        One character.
    quote : str
        One character, or "" where a quotation mark is a plain character.
    name : str
        Name of the file, for messages.

    Raises
    ------
    OccurrenceError
        A quotation mark is not closed or is followed by text, a quoted field seems to contain rows, or a field is
        longer than the module csv accepts.
    """
    if quote:
        rows = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    else:
        rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    while True:
        first = rows.line_num + 1
        try:
            fields = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise OccurrenceError(f"{name}, line {first}: {explain(error)}") from None
        if rows.line_num > first and contains_rows(fields, delimiter):
            raise OccurrenceError(
                f"{name}, lines {first} to {rows.line_num}: a quotation mark is missing or one too many, because "
                "each of these lines has as many fields as a row"
            )
        if len(fields) > 1 or (fields and not fields[0].isspace()):
            yield first, fields


def contains_rows(fields: list[str], delimiter: str) -> bool:
    """Return whether each line of a row is itself a row: two stray quotation marks make one field of several rows."""
    lines = [line for line in delimiter.join(fields).split("\n") if line.strip()]
    return len(lines) > 1 and len(fields) > 1 and all(line.count(delimiter) == len(fields) - 1 for line in lines)


def explain(error: csv.Error) -> str:
    """Return an error of the module csv in words."""
    text = str(error)
    if "unexpected end of data" in text:
        return "a quotation mark opens a field and is never closed"
    if "expected after" in text:
        return "text follows a closing quotation mark, so a quotation mark before it is missing or one too many"
    if "field limit" in text:
        return f"a field is longer than {csv.field_size_limit():,} characters"
    return text


def fit(fields: Sequence[str], n_columns: int, line: int, name: str) -> Sequence[str]:
    """Return the fields of a row, one for each column.

    Parameters
    ----------
    fields : sequence of str
    n_columns : int
        The number of columns of the header.
    line : int
        Number of the row's line.
    name : str
        Name of the file, for messages.

    Returns
    -------
    sequence of str
        Without further fields that are empty, which a delimiter at the end of a line makes.

    Raises
    ------
    OccurrenceError
        The row has another number of fields. Its values would stand under the names of other columns.
    """
    if len(fields) == n_columns:
        return fields
    if len(fields) > n_columns and not any(field.strip() for field in fields[n_columns:]):
        return fields[:n_columns]
    hint = ""
    if len(fields) == n_columns + 1:
        hint = (
            ". Is a delimiter part of a value that is not quoted? If R wrote the file with row names, write it again "
            "with row.names = FALSE"
        )
    raise OccurrenceError(f"{name}, line {line}: {len(fields)} fields, but the header has {n_columns} columns{hint}")


class Shared(dict[str, str]):
    """The values of a column, so that equal values are one object: they need less memory."""

    def __missing__(self, value: str) -> str:
        if len(self) < _MOST_SHARED:
            self[value] = value
        return value


def table_rows(
    lines: Iterable[str], delimiter: str, quote: str, name: str
) -> tuple[list[str], Iterator[tuple[int, Sequence[str]]]]:
    """Return the header of a table, and an iterator over its rows with their lines.

    Parameters
    ----------
    lines, delimiter, quote, name
        As `read_lines`.

    Returns
    -------
    header : list of str
        Names of the columns without surrounding blanks, as the file has them. Empty names at the end are left out.
    rows : iterator of (int, sequence of str)
        One field for each column. It raises OccurrenceError as `read_lines` and `fit` do.
    """
    # Whether there are row names depends on the quotation marks of the first row, which the module csv takes off.
    recent: list[str] = []
    done: list[bool] = []

    def recorded() -> Iterator[str]:
        source = iter(lines)
        for line in source:
            recent.append(line)
            yield line
            if done:
                break
        yield from source

    rows = read_lines(recorded(), delimiter, quote, name)
    first = next(rows, None)
    if first is not None and STATED_DELIMITER.fullmatch(delimiter.join(first[1])):
        first = next(rows, None)
    header = [column.strip() for column in first[1]] if first is not None else []
    while header and not header[-1]:
        header.pop()
    if len(header) > MAX_COLUMNS:
        raise OccurrenceError(f"{name} has {len(header):,} columns; at most {MAX_COLUMNS:,} are read")
    recent.clear()
    second = next(rows, None)
    done.append(True)
    raw = "".join(itertools.dropwhile(str.isspace, recent))
    names = RowNames(name) if quote and second and has_row_names(raw, delimiter, len(header)) else None
    return header, _fitted(itertools.chain([second] if second else [], rows), names, len(header), name)


def _fitted(
    rows: Iterable[tuple[int, list[str]]], names: RowNames | None, n_columns: int, name: str
) -> Iterator[tuple[int, Sequence[str]]]:
    for line, row in rows:
        if names is not None:
            row = names.remove(row, n_columns, line)
        yield line, row if len(row) == n_columns else fit(row, n_columns, line, name)


def read_table(text: str, delimiter: str, quote: str, name: str) -> tuple[list[str], list[list[str]], array[int]]:
    """Read delimited text with a header.

    Parameters
    ----------
    text, delimiter, quote, name
        As `read_lines`.

    Returns
    -------
    header : list of str
        Names of the columns without surrounding blanks, as the file has them. Empty names at the end are left out. A
        column that has the name "" is empty, or is an index: different values in the first column.
    columns : list of list of str
        The values of each column, stripped. Equal values of a column are one object, to use less memory.
    lines : array of int
        The line of each row.

    Raises
    ------
    OccurrenceError
        As `read_lines` and `fit`; a column that has values has no name; too many columns or cells.
    """
    header, rows = table_rows(split_text(text, delimiter, name), delimiter, quote, name)
    _check_size(text, len(header), name)
    columns: list[list[str]] = [[] for _ in header]
    shared = [Shared() for _ in header]
    lines = array("q")
    for line, fields in rows:
        lines.append(line)
        for column, values, value in zip(columns, shared, fields, strict=True):
            column.append(values[value.strip()])
    for number, (label, column) in enumerate(zip(header, columns, strict=True), 1):
        if label or not any(column):
            continue
        if number > 1 or len(set(column)) < len(column):
            raise OccurrenceError(no_name(number, name))
    return header, columns, lines


def no_name(number: int, name: str) -> str:
    """Return the message about a column that has values but no name."""
    return f"{name}: column {number} has values but no name"


def _check_size(text: str, n_columns: int, name: str) -> None:
    n_rows = text.count("\n") or text.count("\r")
    if n_rows * n_columns > MAX_CELLS:
        raise OccurrenceError(
            f"{name} has {n_rows:,} lines and {n_columns:,} columns; at most {MAX_CELLS:,} cells are read"
        )
