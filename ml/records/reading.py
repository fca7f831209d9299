"""Reading of files of records, of every format that is recognised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.recipes.recipe import RecordFile
from ml.recipes.reports import RecordFileReport
from ml.records.archives import find_citation, find_meta, find_stated_citation, read_archive_table
from ml.records.collecting import CollectedColumns, Plan
from ml.records.degrees import unreadable_coordinates
from ml.records.errors import OccurrenceError
from ml.records.gbif_keys import CITATIONS
from ml.records.mapping import NO_NAMES, ColumnMap, map_columns
from ml.records.meta import FileDescription
from ml.records.sample_columns import may_be_samples, plan_table
from ml.records.sources import Member, open_container
from ml.records.stream import Progress
from ml.records.synonyms import METRES, plain_label
from ml.records.table import RecordTable
from ml.records.table_names import frequent_names, has_background
from ml.records.terms import COORDINATES, split_term
from ml.records.texts import Reading, read_header, read_plain
from ml.records.workbooks import read_workbook

#: Names of tables in a zip or tar file without meta.xml.
_TABLES = (".csv", ".tsv", ".txt", ".tab")
#: Largest number of tables of an archive whose headers are compared.
_MOST_TABLES = 20
_MOST_UNSURE = 50


@dataclass
class _Draft:
    """What was read of a file, before it is a table."""

    format: str
    labels: list[str]
    mapping: dict[str, str]
    texts: dict[str, pd.Series]
    lines: NDArray[np.int64]
    preview: list[list[str]]
    problems: list[str] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ""
    unsure: list[str] = field(default_factory=list)
    environment: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    citation: str = ""


def read_records(path: Path, file: RecordFile | None = None, progress: Progress | None = None) -> RecordTable:
    """Read a file of records.

    Parameters
    ----------
    path : Path
        A Darwin Core Archive (zip or tar.gz), a GBIF download, a table (CSV, TSV; plain, gzip, zip) or a workbook
        (.xlsx). What it is depends on its content, not on its name.
    file : RecordFile, optional
        How it is read, where that is not guessed.
    progress : callable, optional
        Called with the bytes that were read since the last call, and the size of the table where it is known.

    Returns
    -------
    RecordTable

    Raises
    ------
    OccurrenceError
        The file cannot be read, or its coordinates are in no column or in two that may be meant; one sentence that
        names file, line and column.
    """
    table, problems = _read(path, file, progress)
    if problems:
        raise OccurrenceError(problems[0])
    return table


def inspect_records(path: Path, file: RecordFile | None = None, progress: Progress | None = None) -> RecordFileReport:
    """Return what a file of records is recognised as. It is read completely, so that every line is checked.

    Parameters
    ----------
    path, file, progress
        As `read_records`.

    Returns
    -------
    RecordFileReport
        Where `read_records` would refuse the file only because of its columns, ``unsure`` begins with the reason, so
        that the user can choose them.

    Raises
    ------
    OccurrenceError
        The file cannot be read.
    """
    table = _read(path, file, progress)[0]
    notes = [*table.report.unsure, *unreadable_coordinates(table, file.datum if file else None)]
    return table.report.model_copy(update={"unsure": notes[:_MOST_UNSURE]})


def column_problems(report: RecordFileReport) -> list[str]:
    """Return why `read_records` would refuse a file that was inspected: its coordinates are in no certain column."""
    if report.format == "swd-table" or all(term in report.mapping for term in COORDINATES):
        return []
    return report.unsure[:1]


def _read(path: Path, file: RecordFile | None, progress: Progress | None) -> tuple[RecordTable, list[str]]:
    file = file or RecordFile(name="records")
    reading = Reading(file.encoding, file.delimiter, progress=progress)
    with open_container(path) as container:
        if container.kind == "plain":
            draft = _plain(container.only, file, reading)
        elif container.kind == "archive":
            draft = _archive(container.members, file, reading)
    if container.kind == "workbook":
        draft = _workbook(path, file)
    problems = [text if text.startswith(f"{path.name}:") else f"{path.name}: {text}" for text in draft.problems]
    return _table(path.name, draft, file, problems), problems


def _plain(member: Member, file: RecordFile, reading: Reading) -> _Draft:
    maps: list[ColumnMap] = []

    def plan_for(labels: list[str]) -> Plan:
        maps.append(map_columns(labels, member.name, file.columns))
        return plan_table(labels, maps[-1])

    table = read_plain(member, reading, plan_for)
    names = {plain_label(label) for label in table.labels}
    kind = "gbif-simple-csv" if {"gbifid", "datasetkey"} <= names and table.delimiter == "\t" else "table"
    draft = _draft(kind, table.labels, maps[-1], table.collected)
    draft.encoding, draft.delimiter = table.encoding, table.delimiter
    draft.unsure = table.unsure + draft.unsure
    return draft


def _draft(kind: str, labels: list[str], columns: ColumnMap, collected: CollectedColumns) -> _Draft:
    environment, problems = collected.environment, columns.problems
    unsure = list(columns.unsure)
    if environment and not any(term in columns.columns for term in COORDINATES):
        if "occurrenceStatus" in columns.columns or has_background(collected.texts):
            kind, problems = "swd-table", []
        else:
            environment = {}
    elif environment and not may_be_samples(columns, collected.texts):
        environment = {}
    for label in environment:
        if n := collected.nodata.get(label):
            unsure.append(f"column {label[:40]}: -9999 is read as a missing value in {n:,} row{'s' * (n > 1)}")
    return _Draft(
        kind,
        labels,
        {term: labels[i] for term, i in columns.columns.items()},
        collected.texts,
        collected.lines,
        collected.preview,
        problems,
        unsure=unsure,
        environment=environment,
    )


def _workbook(path: Path, file: RecordFile) -> _Draft:
    book = read_workbook(path, file.sheet, lambda labels, name: map_columns(labels, name, file.columns), plan_table)
    draft = _draft("workbook", book.labels, book.columns, book.collected)
    draft.unsure = book.unsure + draft.unsure
    return draft


def _archive(members: Mapping[str, Member], file: RecordFile, reading: Reading) -> _Draft:
    meta = find_meta(members)
    if meta is None:
        draft = _plain(only_table(members, reading), file, reading)
        draft.citation = find_stated_citation(members)
        return draft
    return _described(members, meta, file, reading)


def _described(members: Mapping[str, Member], meta: str, file: RecordFile, reading: Reading) -> _Draft:
    maps: dict[str, ColumnMap] = {}
    terms: dict[str, list[str]] = {}

    def columns(description: FileDescription) -> Mapping[str, int]:
        # A column that the user names may be one of the core or of the extension.
        names = [split_term(term)[1] for term in description.terms]
        here = {term: column for term, column in file.columns.items() if not column or column in names}
        maps[description.row_type] = map_columns(description.terms, description.locations[0], here)
        terms[description.row_type] = names
        return maps[description.row_type].columns

    table = read_archive_table(members, meta, reading, columns)
    labels = [split_term(term)[1] for term in table.labels]
    every = {name: None for names in terms.values() for name in names}
    map_columns(list(every), "the archive", file.columns)
    mapping = {term: terms[kind][i] for kind, found in maps.items() for term, i in found.columns.items()}
    joined = bool(table.description.extensions)
    problems = next(iter(maps.values())).problems
    notes = [note for columns_of in maps.values() for note in columns_of.unsure]
    if joined:
        complete = all(term in mapping for term in COORDINATES)
        problems = [] if complete else map_columns(list(every), "the archive").problems
        # The core may have the names, or the extension.
        notes = [note for note in notes if not note.startswith(NO_NAMES)]
    return _Draft(
        "event-core-archive" if table.description.core.row_type.lower() == "event" else "darwin-core-archive",
        labels,
        mapping,
        table.texts,
        table.lines,
        table.preview,
        problems,
        table.encoding,
        table.delimiter,
        table.unsure + notes,
        citation=find_citation(members, meta, table.description.metadata),
    )


def only_table(members: Mapping[str, Member], reading: Reading) -> Member:
    """Return the table of an archive without meta.xml, such as GBIF's simple download."""
    names = [name for name in members if name.lower().endswith(_TABLES) and not name.rsplit("/", 1)[-1].startswith(".")]
    names = [name for name in names if name != CITATIONS]
    if 1 < len(names) <= _MOST_TABLES:
        # A text about the data may lie beside the table.
        names = [name for name in names if _has_coordinates(members[name], reading)] or names
    if len(names) != 1:
        tables = f"{len(names)} tables" if names else "no table (.csv, .tsv or .txt)"
        raise OccurrenceError(f"no meta.xml, so it is not a Darwin Core Archive, and it has {tables}, not one")
    return members[names[0]]


def _has_coordinates(member: Member, reading: Reading) -> bool:
    try:
        columns = map_columns(read_header(member, reading), member.name).columns
    except OccurrenceError:
        return False
    return all(term in columns for term in COORDINATES)


def _table(name: str, draft: _Draft, file: RecordFile, problems: list[str]) -> RecordTable:
    frame = pd.DataFrame(draft.texts, index=pd.RangeIndex(len(draft.lines)))
    unsure = [*problems, *draft.unsure]
    has_name = "species" in frame or "scientificName" in frame
    if not has_name and file.species:
        codes = np.zeros(len(frame), dtype=np.int8)
        frame["scientificName"] = pd.Categorical.from_codes(codes, pd.Index([file.species], dtype=object))
        unsure = [note for note in unsure if not note.startswith(NO_NAMES)]
    for label, values in draft.environment.items():
        frame[label] = values
    if not file.datum and any(plain_label(draft.mapping.get(term, "")) in METRES for term in COORDINATES):
        unsure.append("eastings and northings need their CRS: state it as the datum of the file, as EPSG:32632")
    report = RecordFileReport(
        format=draft.format,
        n=len(frame),
        columns=draft.labels,
        mapping=draft.mapping,
        encoding=draft.encoding,
        delimiter=draft.delimiter,
        species=frequent_names(frame),
        preview=draft.preview,
        unsure=[note[:4_000] for note in unsure[:_MOST_UNSURE]],
        citation=draft.citation,
        environment=list(draft.environment),
    )
    columns = {term: draft.texts[term].attrs for term in COORDINATES if term in draft.texts}
    has_comma = any(about.get("decimal_mark") == "," for about in columns.values())
    frame.attrs = {"decimal_mark": "," if has_comma else "."}
    unreadable = {term: about["unreadable"] for term, about in columns.items() if about.get("unreadable")}
    return RecordTable(name, draft.format, frame, draft.lines, report, unreadable)
