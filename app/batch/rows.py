"""Rows of a request as a table of text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from ml.batch.table import ListedRows

_LONGEST = 200


def listed_rows(rows: Sequence[Mapping[str, object]]) -> ListedRows:
    """Return objects as a table, whose columns are all their members."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    return ListedRows(header, [tuple(_text(row.get(name)) for name in header) for row in rows])


def as_csv(rows: ListedRows) -> bytes:
    """Return a table as CSV."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(rows.header)
    for chunk in rows.chunks():
        writer.writerows(chunk.rows)
    return stream.getvalue().encode()


def _text(value: object) -> str:
    """Return a value as the text that a table would have; what is no number becomes a text that is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(value)[:_LONGEST]
    return repr(value)
