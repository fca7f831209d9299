"""Records of an Excel workbook (.xlsx), as the text that a person sees."""

from __future__ import annotations

import csv
import datetime
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.records.collecting import CollectedColumns, Plan, collect
from ml.records.dates import date_of_serial
from ml.records.delimited import MAX_COLUMNS
from ml.records.errors import OccurrenceError
from ml.records.mapping import ColumnMap
from ml.records.terms import COORDINATES
from ml.records.zip_files import check_ratio, open_zip

#: Largest size of a workbook after decompression, bytes: its texts are held in memory.
MAX_WORKBOOK = 500_000_000
_MOST_PARTS = 5_000
_MOST_SHEETS = 200
#: Rows at the beginning of a sheet among which the header is looked for.
_HEADER_ROWS = 20
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell [^>]{0,100}?ref=\"([A-Z0-9:]{1,40})\"")
#: A formula whose result is not stored, as programs write it that do not compute.
_FORMULA = re.compile(
    rb"<(?:\w+:)?c [^>]{0,200}?r=\"([A-Z0-9]{1,12})\"[^>]{0,200}>\s*<(?:\w+:)?f(?:\s[^>]{0,200})?>[^<]{0,2000}"
    rb"</(?:\w+:)?f>\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_LONGEST_TAG = 3_000
Cells = tuple[int, tuple[Any, ...]]


@dataclass(frozen=True)
class Workbook:
    """Records of one sheet of a workbook."""

    labels: list[str]
    columns: ColumnMap
    collected: CollectedColumns
    unsure: list[str]


def read_workbook(
    path: Path,
    sheet: str | None,
    mapper: Callable[[list[str], str], ColumnMap],
    planner: Callable[[list[str], ColumnMap], Plan],
) -> Workbook:
    """Read the first sheet of a workbook that has coordinates, or the one that is named.

    Parameters
    ----------
    path : Path
    sheet : str or None
    mapper : callable
        Returns the columns of the terms, from a header and a name for messages.
    planner : callable
        Returns what is collected.

    Raises
    ------
    OccurrenceError
        The workbook is damaged or too large, has no such sheet, or a cell that is read contains an error of a formula.
    """
    # a seventh of a second that most tables of records, which are text, do not need
    import openpyxl

    _check_parts(path)
    try:
        with warnings.catch_warnings():
            # openpyxl warns about formats that do not matter for values.
            warnings.simplefilter("ignore")
            # openpyxl refuses a path by its ending; an open file is recognised by its content.
            with path.open("rb") as stream:
                book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
                try:
                    return _read(path, book, sheet, mapper, planner)
                finally:
                    book.close()
    except OccurrenceError:
        raise
    except Exception as error:
        # Damaged workbooks make openpyxl raise errors of many kinds, whose texts are for programmers.
        raise OccurrenceError(
            f"{path.name} is a damaged workbook: open and save it in a spreadsheet program, or export the sheet as CSV"
        ) from error


def write_sheet(path: Path, output: Path) -> None:
    """Write the first sheet of a workbook that has a table as CSV, in which each row has the line of its number.

    Parameters
    ----------
    path : Path
    output : Path

    Raises
    ------
    OccurrenceError
        The workbook is damaged or too large, or all its sheets are empty.
    """
    import openpyxl

    with open_zip(path):
        _check_parts(path)
    try:
        with warnings.catch_warnings(), path.open("rb") as stream, output.open("w", encoding="utf-8") as target:
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            writer = csv.writer(target, lineterminator="\n")
            for page in book.worksheets[:_MOST_SHEETS]:
                # a sheet that is empty writes nothing
                if _write_rows(page, writer, path.name):
                    return
    except OccurrenceError:
        raise
    except Exception as error:
        raise OccurrenceError(
            f"{path.name} is a damaged workbook: open and save it in a spreadsheet program, or export the sheet as CSV"
        ) from error
    raise OccurrenceError(f"{path.name} has no table: its sheets are empty")


def _write_rows(page: Any, writer: Any, name: str) -> bool:
    """Write the rows of a sheet; return whether it has any."""
    n_blank, has_rows = 0, False
    for number, row in _rows(page):
        fields = [" ".join(_text(cell.value).split()) for cell in row]
        while fields and not fields[-1]:
            fields.pop()
        if len(fields) > MAX_COLUMNS:
            raise OccurrenceError(f"{name}, row {number} has {len(fields):,} columns; at most {MAX_COLUMNS:,} are read")
        if not has_rows and not fields:
            n_blank += 1
            continue
        if not has_rows:
            writer.writerows([()] * n_blank)
            has_rows, n_columns = True, len(fields)
        fields += [""] * (n_columns - len(fields)) if fields else []
        writer.writerow(fields)
    return has_rows


def _check_parts(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    size = sum(part.file_size for part in parts)
    try:
        check_ratio(size, path.stat().st_size)
    except OccurrenceError as error:
        raise OccurrenceError(f"{path.name}: {error}") from error
    if size > MAX_WORKBOOK or len(parts) > _MOST_PARTS:
        raise OccurrenceError(
            f"{path.name} would be {size:,} bytes unzipped; at most {MAX_WORKBOOK:,} of a workbook are read: export "
            "the sheet as CSV"
        )


def _first_match(path: Path, pattern: re.Pattern[bytes]) -> str:
    """Return the first group of the first match of a pattern in the sheets of a workbook; "" where there is none."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
                continue
            with archive.open(name) as stream:
                rest = b""
                while piece := stream.read(1 << 20):
                    if match := pattern.search(rest + piece):
                        return match[1].decode("ascii")
                    rest = piece[-_LONGEST_TAG:]
    return ""


def _read(
    path: Path,
    book: Any,
    sheet: str | None,
    mapper: Callable[[list[str], str], ColumnMap],
    planner: Callable[[list[str], ColumnMap], Plan],
) -> Workbook:
    sheets = {str(page.title): page for page in book.worksheets}
    if len(sheets) > _MOST_SHEETS:
        raise OccurrenceError(f"{path.name} has {len(sheets):,} sheets; at most {_MOST_SHEETS} are read")
    if sheet is not None and sheet not in sheets:
        raise OccurrenceError(f"{path.name} has no sheet {sheet[:60]!r}; its sheets are {', '.join(sheets)[:300]}")
    headers = {}
    for title in [sheet] if sheet is not None else sheets:
        header = _find_header(sheets[title], f"{path.name}, sheet {title}", mapper)
        if header is not None:
            headers[title] = header
    if not headers:
        raise OccurrenceError(f"{path.name} has no table: its sheets are empty")
    good = [title for title, header in headers.items() if _has_coordinates(header[2])]
    title = (good or list(headers))[0]
    first, labels, columns = headers[title]
    name = f"{path.name}, sheet {title}"
    unsure = []
    if len(good) > 1:
        unsure.append(f"sheets {' and '.join(good[:5])} have coordinates; {title} is read")
    elif len(headers) > 1:
        unsure.append(f"of {len(headers)} sheets, {title} is read")
    if cell := _first_match(path, _FORMULA):
        unsure.append(
            f"the formula of cell {cell} has no stored result, so the cell is read as empty: open and save the "
            "workbook in a spreadsheet program"
        )
    if merged := _first_match(path, _MERGED):
        unsure.append(f"the workbook has merged cells, as {merged}: only the first one of them has a value")
    plan = planner(labels, columns)
    read = {*columns.columns.values(), *plan.environment.values()}
    rows = _texts(_rows(sheets[title]), first, len(labels), read, name, columns.columns.get("eventDate"))
    return Workbook(labels, columns, collect(rows, plan, name), unsure)


def _has_coordinates(columns: ColumnMap) -> bool:
    return all(term in columns.columns for term in COORDINATES)


def _rows(page: Any) -> Iterator[Cells]:
    # The dimension that a sheet states can be wrong.
    page.reset_dimensions()
    yield from enumerate(page.iter_rows(), 1)


def _find_header(
    page: Any, name: str, mapper: Callable[[list[str], str], ColumnMap]
) -> tuple[int, list[str], ColumnMap] | None:
    """Return row, names and columns of the header: the first row that names coordinates, or that has two values."""
    fallback = None
    for number, row in _rows(page):
        if number > _HEADER_ROWS:
            break
        labels = [_text(cell.value) for cell in row]
        while labels and not labels[-1]:
            labels.pop()
        if len(labels) > MAX_COLUMNS:
            raise OccurrenceError(f"{name} has {len(labels):,} columns; at most {MAX_COLUMNS:,} are read")
        if not labels:
            continue
        try:
            columns = mapper(labels, name)
        except OccurrenceError:
            if fallback is None and sum(map(bool, labels)) > 1:
                raise
            continue
        if _has_coordinates(columns):
            return number, labels, columns
        if fallback is None and sum(map(bool, labels)) > 1:
            fallback = number, labels, columns
    return fallback


def _texts(
    rows: Iterator[Cells], header: int, n_columns: int, read: set[int], name: str, dates: int | None = None
) -> Iterator[tuple[int, Sequence[str]]]:
    from openpyxl.utils import get_column_letter

    for number, row in rows:
        if number <= header:
            continue
        fields = [_text(cell.value) for cell in row[:n_columns]]
        fields += [""] * (n_columns - len(fields))
        for position, cell in enumerate(row):
            if position in read and cell.data_type == "e":
                address = f"{get_column_letter(position + 1)}{number}"
                raise OccurrenceError(
                    f"{name}, cell {address}: its formula gives {cell.value}; correct or empty the cell"
                )
            if position >= n_columns and _text(cell.value):
                address = f"{get_column_letter(position + 1)}{number}"
                raise OccurrenceError(
                    f"{name}, cell {address}: it has a value, but its column has no name in the header"
                )
        if dates is not None and dates < len(fields):
            # A date in a cell of the format General is a number of days.
            fields[dates] = date_of_serial(fields[dates])
        yield number, fields


def _text(value: object) -> str:
    """Return the text of a cell: whole numbers without a point, dates in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value).strip()
