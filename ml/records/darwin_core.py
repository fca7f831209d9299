"""Darwin Core files, read into a table of text: archives, GBIF's simple download, CSV and TSV."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

import pandas as pd

from ml.records.delimited import (
    LONGEST_HEADER,
    MAX_CELLS,
    MAX_COLUMNS,
    Shared,
    decode,
    find_delimiter,
    find_quote,
    fit,
    read_lines,
    read_table,
)
from ml.records.errors import OccurrenceError
from ml.records.terms import COORDINATES, check_coordinates, choose_columns, split_term
from ml.records.zip_files import member_names, normalise, open_zip, read_member

__all__ = ["MAX_UNCOMPRESSED", "OccurrenceError", "read_archive", "read_occurrences"]

#: Largest size of a file after decompression, bytes.
MAX_UNCOMPRESSED = 500_000_000
_MAX_META = 1_000_000
#: Largest number of tables of a zip file whose headers are compared.
_MOST_TABLES = 20
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0")
_NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}
_TABLES = (".csv", ".tsv", ".txt", ".tab")


@dataclass(frozen=True)
class _Core:
    """The core file as meta.xml describes it."""

    locations: list[str]
    encoding: str
    delimiter: str
    quote: str
    skip: int
    columns: dict[str, int]
    defaults: dict[str, str]


def read_occurrences(path: Path, max_uncompressed: int = MAX_UNCOMPRESSED) -> pd.DataFrame:
    """Read records from an archive (``.zip``) or from a CSV or TSV file with Darwin Core column names.

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
        The file cannot be read, or has no ``decimalLatitude`` or ``decimalLongitude``.
    """
    if not path.is_file():
        raise OccurrenceError(f"{path.name}: no such file")
    archive = path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)
    table = read_archive(path, max_uncompressed) if archive else _read_plain(path, max_uncompressed)
    check_coordinates(table, path.name)
    return table


def read_archive(path: Path, max_uncompressed: int = MAX_UNCOMPRESSED) -> pd.DataFrame:
    """Read the core of a Darwin Core Archive as its meta.xml describes it, or the one table of a zip file, in memory.

    The archive may lie in a folder of the zip file.

    Parameters
    ----------
    path : Path
    max_uncompressed : int
        Largest number of bytes that are read.

    Returns
    -------
    DataFrame, shape (n_records, n_terms)
        As `read_occurrences`.

    Raises
    ------
    OccurrenceError
        The archive is damaged, encrypted or too large, or meta.xml does not describe a core of occurrences.
    """
    with open_zip(path) as archive:
        members = member_names(archive)
        metas = [name for name in members if name.rsplit("/", 1)[-1].lower() == "meta.xml"]
        if len(metas) > 1:
            raise OccurrenceError(f"{len(metas)} files meta.xml: unpack it and choose one archive")
        if not metas:
            return _only_table(archive, members, max_uncompressed)
        folder = metas[0][: -len("meta.xml")]
        core = _core(read_member(archive, members[metas[0]], _MAX_META))
        tables = []
        for location in core.locations:
            info = members.get(folder + normalise(location))
            if info is None:
                raise OccurrenceError(f"there is no {location[:100]} in the archive, though meta.xml names it")
            content = read_member(archive, info, max_uncompressed)
            max_uncompressed -= len(content)
            tables.append(_core_table(core, content, location))
    return pd.concat(tables, ignore_index=True)


def _only_table(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], max_uncompressed: int) -> pd.DataFrame:
    """Read the table of a zip file without meta.xml, such as GBIF's simple download."""
    names = [name for name in members if name.lower().endswith(_TABLES) and not name.rsplit("/", 1)[-1].startswith(".")]
    if 1 < len(names) <= _MOST_TABLES:
        # A text about the data may lie beside the table.
        names = [name for name in names if _has_coordinates(archive, members[name])] or names
    if len(names) != 1:
        tables = f"{len(names)} tables" if names else "no table (.csv, .tsv or .txt)"
        raise OccurrenceError(f"no meta.xml, so it is not a Darwin Core Archive, and it has {tables}, not one")
    return _plain_table(read_member(archive, members[names[0]], max_uncompressed), names[0])


def _has_coordinates(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    with archive.open(info) as stream:
        start = stream.read(LONGEST_HEADER)
    if len(start) == LONGEST_HEADER and start[:2] not in _WIDE_MARKS:
        # A character of several bytes may be cut at the end. Those of UTF-16 and UTF-32 are not.
        start = start[: max(start.rfind(b"\n"), start.rfind(b"\r")) + 1]
    try:
        text = decode(start, "utf-8", "")
        delimiter = find_delimiter(text)
        first = next(read_lines(text, delimiter, find_quote(text, delimiter), ""), (1, []))
    except OccurrenceError:
        return False
    terms = {split_term(label)[1] for label in first[1]}
    return terms.issuperset(COORDINATES)


def _refuse_doctype(*_: object) -> None:
    raise OccurrenceError("meta.xml has a DOCTYPE, which an archive has no use for: refused")


def _parse_xml(content: bytes) -> ElementTree.Element:
    """Parse XML without a DOCTYPE, so that there are no entities to expand or fetch."""
    guard = expat.ParserCreate()
    guard.StartDoctypeDeclHandler = _refuse_doctype
    try:
        guard.Parse(content, True)
        return ElementTree.fromstring(content)  # noqa: S314 - the guard accepted it
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, OccurrenceError):
            raise
        raise OccurrenceError(f"meta.xml cannot be read: {error}") from error


def _core(content: bytes) -> _Core:
    root = _parse_xml(content)
    cores = root.findall(f"{_NAMESPACE}core")
    if not cores:
        raise OccurrenceError("meta.xml describes no core file")
    if len(cores) > 1:
        raise OccurrenceError(f"meta.xml describes {len(cores)} core files, not one")
    core = cores[0]
    row_type = split_term(core.get("rowType", ""))[1]
    if row_type.lower() != "occurrence":
        raise OccurrenceError(f"the core holds {row_type[:100] or 'nothing named'}, not Occurrence")
    locations = [(e.text or "").strip() for e in core.iter(f"{_NAMESPACE}location")]
    if not locations:
        raise OccurrenceError("meta.xml names no file for the core")
    columns, defaults = _fields(core)
    delimiter = core.get("fieldsTerminatedBy", ",")
    delimiter = _ESCAPES.get(delimiter, delimiter)
    quote, skip = core.get("fieldsEnclosedBy", '"'), core.get("ignoreHeaderLines") or "0"
    # linesTerminatedBy is not used: archives state it wrongly, and the file itself shows it.
    plain = len(delimiter) == 1 and len(quote) <= 1 and delimiter != quote and delimiter not in "\r\n"
    if not plain or quote in ("\r", "\n") or not (skip.isascii() and skip.isdecimal() and len(skip) < 7):
        raise OccurrenceError("meta.xml describes a text format that cannot be read")
    return _Core(locations, core.get("encoding", "").strip() or "UTF-8", delimiter, quote, int(skip), columns, defaults)


def _fields(core: ElementTree.Element) -> tuple[dict[str, int], dict[str, str]]:
    """Return the position of each term, and the default value of each term that has one."""
    fields = []
    for field in core.iter(f"{_NAMESPACE}field"):
        term, index = field.get("term", "").strip(), field.get("index")
        if not term or (index is not None and not (index.isascii() and index.isdecimal() and len(index) < 7)):
            raise OccurrenceError("meta.xml has a field without a term or with an index that is not a number")
        if index is not None and int(index) >= MAX_COLUMNS:
            raise OccurrenceError(f"meta.xml speaks of column {int(index) + 1:,}; at most {MAX_COLUMNS:,} are read")
        fields.append((term, int(index) if index is not None else None, field.get("default")))
    chosen = choose_columns([term for term, _, _ in fields], "meta.xml")
    columns = {name: fields[i][1] for name, i in chosen.items()}
    defaults = {name: fields[i][2] for name, i in chosen.items()}
    return (
        {name: index for name, index in columns.items() if index is not None},
        {name: default for name, default in defaults.items() if default is not None},
    )


def _core_table(core: _Core, content: bytes, name: str) -> pd.DataFrame:
    text = decode(content, core.encoding, name)
    n_lines = text.count("\n") or text.count("\r")
    if n_lines * (len(core.columns) + len(core.defaults)) > MAX_CELLS:
        raise OccurrenceError(f"{name} has {n_lines:,} lines; at most {MAX_CELLS:,} cells are read")
    rows = read_lines(text, core.delimiter, core.quote, name)
    n_columns = 0
    values: dict[str, list[str]] = {term: [] for term in [*core.columns, *core.defaults]}
    shared = {term: Shared() for term in values}
    highest = max(core.columns.values(), default=-1)
    for line, row in rows:
        # The text guide counts lines, and an empty line is one; a header of several lines is one row.
        if line <= core.skip:
            n_columns = _width(row)
            continue
        if highest >= n_columns:
            # The ignored lines are not a header, or one without all columns.
            n_columns = len(row)
            if highest >= n_columns:
                raise OccurrenceError(f"{name} has {n_columns} columns, but meta.xml speaks of column {highest + 1}")
        fields = fit(row, n_columns, line, name)
        for term, column in values.items():
            value = fields[core.columns[term]].strip() if term in core.columns else ""
            column.append(shared[term][value or core.defaults.get(term, "")])
    return pd.DataFrame(values, dtype=str)


def _width(header: list[str]) -> int:
    """Return the number of columns of a header, without empty ones at its end."""
    return max((number for number, label in enumerate(header, 1) if label.strip()), default=0)


def _read_plain(path: Path, limit: int) -> pd.DataFrame:
    if path.stat().st_size > limit:
        raise OccurrenceError(f"{path.name} has {path.stat().st_size:,} bytes; at most {limit:,} are read")
    return _plain_table(path.read_bytes(), path.name)


def _plain_table(content: bytes, name: str) -> pd.DataFrame:
    text = decode(content, "utf-8", name)
    delimiter = find_delimiter(text)
    header, columns, _ = read_table(text, delimiter, find_quote(text, delimiter), name)
    chosen = choose_columns(header, name)
    return pd.DataFrame({term: columns[position] for term, position in chosen.items()}, dtype=str)
