"""Lists as CSV files that a spreadsheet opens safely."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from flask import Response

from ml.spreadsheets import without_formula

Cell = str | float | bool | None


def csv_download(name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """Return a CSV file (RFC 4180, UTF-8) as a download.

    Parameters
    ----------
    name : str
        Of the file.
    columns : sequence of str
        The first line.
    rows : iterable of sequence
        Numbers are written in full, truth values as 1 and 0, and None as an empty cell. Texts that a spreadsheet would
        run begin with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    response = Response(text.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return without_formula(value)
    return repr(value)
