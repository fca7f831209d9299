"""Delimited text (CSV and TSV), read strictly: a row that does not fit its header is refused with its line."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from array import array
from collections.abc import Iterator, Sequence

from ml.records.errors import OccurrenceError
from ml.records.row_names import QUOTED, RowNames, has_row_names

#: Largest number of columns of a table.
MAX_COLUMNS = 2_000
#: Largest number of cells of a table: what it needs in memory depends on them more than on its bytes.
MAX_CELLS = 50_000_000
#: Different values of a column that are stored once each.
_MOST_SHARED = 10_000
#: Longest line of a header that is searched for the delimiter, characters.
LONGEST_HEADER = 100_000
#: Largest number of delimiters of a line, within quoted fields too.
_MOST_DELIMITERS = 1_000_000
#: The line with which Excel states the delimiter.
_STATED_DELIMITER = re.compile(r'"?sep=(?P<delimiter>[\t;,|])"?\r?\n?', re.IGNORECASE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # The mark of UTF-32 begins like that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(content: bytes, encoding: str, name: str) -> str:
    """Decode a file, strictly. A byte order mark overrides the stated encoding.

    Parameters
    ----------
    content : bytes
    encoding : str
        As the file's description states it.
    name : str
        Name of the file, for messages.

    Raises
    ------
    OccurrenceError
        The encoding is unknown, the content is not in it, or contains a null character.
    """
    if content.startswith(b"PK\x03\x04"):
        raise OccurrenceError(f"{name} is a zip file or an Excel workbook, not a table; export it as CSV")
    codec = next((codec for mark, codec in _MARKS if content.startswith(mark)), encoding)
    try:
        text = content.decode(codec)
    except LookupError:
        raise OccurrenceError(f"{name}: unknown encoding {codec[:40]!r}") from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        hint = "; save it as UTF-8 (in Excel: CSV UTF-8)" if codec.lower().replace("-", "") == "utf8" else ""
        raise OccurrenceError(
            f"{name}, line {line}: not {codec}, byte {error.start + 1:,} is {error.object[error.start]:#04x}{hint}"
        ) from None
    except ValueError:
        raise OccurrenceError(f"{name} is not {codec}") from None
    if not isinstance(text, str):
        # Codecs such as "hex" or "zip" return bytes.
        raise OccurrenceError(f"{name}: {codec[:40]!r} is not a text encoding")
    if "\0" in text:
        # A tar file of a table, or UTF-16 without a byte order mark, would otherwise be read as a damaged table.
        line = text.count("\n", 0, text.index("\0")) + 1
        raise OccurrenceError(f"{name}, line {line}: not text, it contains a null character")
    # Ctrl-Z is the end of a file of DOS.
    return text.removesuffix("\x1a")


def find_delimiter(text: str) -> str:
    """Return the delimiter of a table, by its header: the tab, semicolon, comma or bar that occurs most often.

    Delimiters in quotation marks do not count. Excel's line ``sep=;`` before the header states the delimiter.
    """
    start = text[:LONGEST_HEADER].lstrip("\r\n")
    stated = _STATED_DELIMITER.match(start)
    if stated and (stated.end() == len(start) or start[stated.end() - 1] == "\n" or start[stated.end()] == "\r"):
        return stated["delimiter"]
    header = QUOTED.sub("", start).splitlines()[:1]
    counts = {delimiter: header[0].count(delimiter) if header else 0 for delimiter in "\t;,|"}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best if counts[best] else ","


def find_quote(text: str, delimiter: str) -> str:
    """Return the quotation mark of a table: none in tab-separated text, unless the names of all columns are quoted.

    GBIF's tab-separated downloads do not quote, so that a quotation mark in them is a plain character. R's write.table
    quotes.
    """
    if delimiter != "\t":
        return '"'
    header = text[:LONGEST_HEADER].lstrip("\r\n").splitlines()[:1]
    names = [name for name in header[0].split("\t") if name.strip()] if header else []
    return '"' if names and all(re.fullmatch(r'"[^"]*"', name.strip()) for name in names) else ""


def _lines(text: str, delimiter: str, name: str) -> Iterator[str]:
    r"""Yield the lines of a text, each with ``\n``."""
    # A single carriage return within a line belongs to a field.
    end = "\n" if "\n" in text else "\r"
    begin, number = 0, 0
    while begin < len(text):
        stop = text.find(end, begin)
        stop = len(text) if stop < 0 else stop
        number += 1
        if stop - begin > _MOST_DELIMITERS and text.count(delimiter, begin, stop) > _MOST_DELIMITERS:
            raise OccurrenceError(f"{name}, line {number}: more than {_MOST_DELIMITERS:,} delimiters")
        line = text[begin:stop]
        yield (line.removesuffix("\r").replace("\r", " ") if "\r" in line else line) + "\n"
        begin = stop + 1


def read_lines(text: str, delimiter: str, quote: str, name: str) -> Iterator[tuple[int, list[str]]]:
    r"""Yield the rows of delimited text with the number of their first line. Empty and blank lines are left out.

    Lines end with ``\n`` or ``\r\n``, or with ``\r`` where the text has no ``\n``.

    Parameters
    ----------
    text : str
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
    lines = _lines(text, delimiter, name)
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
            raise OccurrenceError(f"{name}, line {first}: {_explain(error)}") from None
        if rows.line_num > first and _contains_rows(fields, delimiter):
            raise OccurrenceError(
                f"{name}, lines {first} to {rows.line_num}: a quotation mark is missing or one too many, because "
                "each of these lines has as many fields as a row"
            )
        if len(fields) > 1 or (fields and not fields[0].isspace()):
            yield first, fields


def _contains_rows(fields: list[str], delimiter: str) -> bool:
    """Return whether each line of a row is itself a row: two stray quotation marks make one field of several rows."""
    lines = [line for line in delimiter.join(fields).split("\n") if line.strip()]
    return len(lines) > 1 and len(fields) > 1 and all(line.count(delimiter) == len(fields) - 1 for line in lines)


def _explain(error: csv.Error) -> str:
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
    rows = read_lines(text, delimiter, quote, name)
    first = next(rows, None)
    if first is not None and _STATED_DELIMITER.fullmatch(delimiter.join(first[1])):
        first = next(rows, None)
    header = [column.strip() for column in first[1]] if first is not None else []
    while header and not header[-1]:
        header.pop()
    _check_size(text, len(header), name)
    second = next(rows, None)
    has_names = bool(quote) and second is not None and has_row_names(_raw(text, second), delimiter, len(header))
    names = RowNames(name) if has_names else None
    columns: list[list[str]] = [[] for _ in header]
    shared = [Shared() for _ in header]
    lines = array("q")
    for line, row in itertools.chain([second] if second is not None else [], rows):
        fields = fit(names.remove(row, len(header), line) if names else row, len(header), line, name)
        lines.append(line)
        for column, values, field in zip(columns, shared, fields, strict=True):
            column.append(values[field.strip()])
    for number, (label, column) in enumerate(zip(header, columns, strict=True), 1):
        if label or not any(column):
            continue
        if number > 1 or len(set(column)) < len(column):
            raise OccurrenceError(f"{name}: column {number} has values but no name")
    return header, columns, lines


def _raw(text: str, row: tuple[int, list[str]]) -> str:
    """Return the text of a row as the file has it, with its quotation marks."""
    line, fields = row
    lines = itertools.islice(_lines(text, "", ""), line - 1, line + sum(field.count("\n") for field in fields))
    return "".join(lines)


def _check_size(text: str, n_columns: int, name: str) -> None:
    if n_columns > MAX_COLUMNS:
        raise OccurrenceError(f"{name} has {n_columns:,} columns; at most {MAX_COLUMNS:,} are read")
    n_rows = text.count("\n") or text.count("\r")
    if n_rows * n_columns > MAX_CELLS:
        raise OccurrenceError(
            f"{name} has {n_rows:,} lines and {n_columns:,} columns; at most {MAX_CELLS:,} cells are read"
        )
