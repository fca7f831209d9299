"""Darwin Core files of the demo studies, read into a table of text with every column."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ml.records.archives import find_meta, read_archive_table
from ml.records.collecting import Plan
from ml.records.errors import OccurrenceError
from ml.records.meta import FileDescription
from ml.records.reading import only_table
from ml.records.sources import Container, Member, open_container
from ml.records.terms import check_coordinates, choose_columns
from ml.records.texts import Reading, read_plain
from ml.records.zip_files import open_zip

__all__ = ["MAX_UNCOMPRESSED", "OccurrenceError", "read_archive", "read_occurrences"]

#: Largest size of a file after decompression, bytes.
MAX_UNCOMPRESSED = 500_000_000
_STRICT = Reading(strict=True)


def read_occurrences(path: Path, max_uncompressed: int = MAX_UNCOMPRESSED) -> pd.DataFrame:
    """Read records from an archive (zip) or from a CSV or TSV file with Darwin Core column names.

    `ml.records.reading.read_records` reads more formats, guesses columns and encoding, and needs less memory.

    Parameters
    ----------
    path : Path
    max_uncompressed : int
        Largest number of bytes that are read.

    Returns
    -------
    DataFrame, shape (n_records, n_terms)
        Text, "" where a value is missing; columns are Darwin Core's short names, as ``decimalLatitude``.

    Raises
    ------
    OccurrenceError
        The file cannot be read, is not UTF-8 though nothing states another encoding, or has no ``decimalLatitude`` or
        ``decimalLongitude``.
    """
    with open_container(path, max_uncompressed) as container:
        table = _read(container, path.name)
    check_coordinates(table, path.name)
    return table


def read_archive(path: Path, max_uncompressed: int = MAX_UNCOMPRESSED) -> pd.DataFrame:
    """Read the core of a Darwin Core Archive as its meta.xml describes it, or the one table of a zip file.

    Parameters
    ----------
    path, max_uncompressed
        As `read_occurrences`.

    Returns
    -------
    DataFrame, shape (n_records, n_terms)
        As `read_occurrences`; the coordinates may be missing.

    Raises
    ------
    OccurrenceError
        The archive is damaged, encrypted or too large, or meta.xml does not describe a core of occurrences.
    """
    with open_zip(path), open_container(path, max_uncompressed) as container:
        return _read(container, path.name)


def _read(container: Container, name: str) -> pd.DataFrame:
    if container.kind == "workbook":
        raise OccurrenceError(f"{name} is a zip file or an Excel workbook, not a table; export it as CSV")
    if container.kind == "plain":
        return _plain(container.only)
    meta = find_meta(container.members)
    if meta is None:
        return _plain(only_table(container.members, _STRICT))
    return _frame(read_archive_table(container.members, meta, _STRICT, _all_terms).texts)


def _all_terms(description: FileDescription) -> Mapping[str, int]:
    return choose_columns(description.terms, "meta.xml")


def _plain(member: Member) -> pd.DataFrame:
    def plan_for(labels: list[str]) -> Plan:
        unnamed = [i for i, label in enumerate(labels) if not label]
        return Plan(dict(choose_columns(labels, member.name)), unnamed=unnamed, days=False, compact=False)

    return _frame(read_plain(member, _STRICT, plan_for).collected.texts)


def _frame(texts: dict[str, pd.Series]) -> pd.DataFrame:
    return pd.DataFrame({term: column.astype(object) for term, column in texts.items()}, dtype=str)
