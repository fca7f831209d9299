"""Darwin Core files, read into a table of text: archives (a zip file with a meta.xml), CSV and TSV."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree
from xml.parsers import expat

import pandas as pd

#: Largest size of a file after decompression, bytes.
MAX_UNCOMPRESSED = 500_000_000
_MAX_META = 1_000_000
_NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}


class OccurrenceError(ValueError):
    """A file of records cannot be read; the message tells the user why."""


@dataclass(frozen=True)
class _Core:
    """The core file as meta.xml describes it."""

    locations: list[str]
    encoding: str
    delimiter: str
    quote: str
    line_end: str
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
    for term in ("decimalLatitude", "decimalLongitude"):
        if term not in table:
            raise OccurrenceError(f"{path.name}: there is no {term} column")
    return table


def read_archive(path: Path, max_uncompressed: int = MAX_UNCOMPRESSED) -> pd.DataFrame:
    """Read the core of a Darwin Core Archive as its meta.xml describes it, in memory.

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
    try:
        with zipfile.ZipFile(path) as archive:
            core = _core(_member(archive, "meta.xml", _MAX_META))
            tables = []
            for location in core.locations:
                content = _member(archive, location, max_uncompressed)
                max_uncompressed -= len(content)
                tables.append(_core_table(core, content, location))
    except zipfile.BadZipFile as error:
        raise OccurrenceError(f"{path.name} is not a zip file, or a damaged one") from error
    except (RuntimeError, NotImplementedError) as error:
        raise OccurrenceError(f"{path.name} is encrypted or compressed in a way that cannot be read") from error
    return pd.concat(tables, ignore_index=True)


def _member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise OccurrenceError(f"there is no {name} in the archive: is it a Darwin Core Archive?") from None
    # zipfile does not read more than the stated size, so that the limit can be checked before decompression.
    if info.file_size > limit:
        raise OccurrenceError(f"{name} would be {info.file_size:,} bytes unzipped; at most {limit:,} are read")
    return archive.read(info)


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


def _short(term: str) -> str:
    """Return a term's local name: ``decimalLatitude`` for ``…/terms/decimalLatitude`` and ``dwc:decimalLatitude``."""
    return term.strip().rstrip("/").replace("#", "/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _fields(core: ElementTree.Element) -> Iterator[tuple[str, int | None, str | None]]:
    for field in core.iter(f"{_NAMESPACE}field"):
        term, index = field.get("term"), field.get("index")
        if not term or (index is not None and not index.isdecimal()):
            raise OccurrenceError("meta.xml has a field without a term or with an index that is not a number")
        yield _short(term), int(index) if index is not None else None, field.get("default")


def _core(content: bytes) -> _Core:
    root = _parse_xml(content)
    core = root.find(f"{_NAMESPACE}core")
    if core is None:
        raise OccurrenceError("meta.xml describes no core file")
    if _short(core.get("rowType", "")) != "Occurrence":
        raise OccurrenceError(f"the core holds {_short(core.get('rowType', '')) or 'nothing named'}, not Occurrence")
    locations = [(e.text or "").strip() for e in core.iter(f"{_NAMESPACE}location")]
    if not locations:
        raise OccurrenceError("meta.xml names no file for the core")
    columns: dict[str, int] = {}
    defaults: dict[str, str] = {}
    for term, index, default in _fields(core):
        if index is not None:
            columns.setdefault(term, index)
        if default is not None:
            defaults.setdefault(term, default)
    delimiter = core.get("fieldsTerminatedBy", ",")
    line_end = core.get("linesTerminatedBy", "\\n")
    delimiter, line_end = _ESCAPES.get(delimiter, delimiter), _ESCAPES.get(line_end, line_end)
    quote, skip = core.get("fieldsEnclosedBy", '"'), core.get("ignoreHeaderLines") or "0"
    if len(delimiter) != 1 or len(quote) > 1 or line_end not in ("\n", "\r", "\r\n") or not skip.isdecimal():
        raise OccurrenceError("meta.xml describes a text format that cannot be read")
    encoding = core.get("encoding", "UTF-8")
    return _Core(locations, encoding, delimiter, quote, line_end, int(skip), columns, defaults)


def _text(content: bytes, encoding: str, name: str) -> str:
    try:
        return content.decode("utf-8-sig" if encoding.upper().replace("-", "") == "UTF8" else encoding)
    except LookupError:
        raise OccurrenceError(f"{name}: unknown encoding {encoding!r}") from None
    except ValueError as error:
        raise OccurrenceError(f"{name} is not {encoding}: {error}") from None


def _rows(
    text: str, delimiter: str, quote: str, line_end: Literal["\n", "\r"], skip: int, names: str | None, name: str
) -> pd.DataFrame:
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            quotechar=quote or '"',
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            lineterminator=line_end,
            skiprows=skip,
            header=0 if names else None,
            dtype=str,
            # Otherwise NA, Namibia's country code, and the words "null" and "None" would be missing values.
            keep_default_na=False,
            na_filter=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, ValueError) as error:
        raise OccurrenceError(f"{name} cannot be read: {error}") from error


def _core_table(core: _Core, content: bytes, name: str) -> pd.DataFrame:
    text = _text(content, core.encoding, name)
    if core.line_end == "\r\n":
        text = text.replace("\r\n", "\n")
    rows = _rows(text, core.delimiter, core.quote, "\r" if core.line_end == "\r" else "\n", core.skip, None, name)
    highest = max(core.columns.values(), default=-1)
    if len(rows) and highest >= rows.shape[1]:
        raise OccurrenceError(f"{name} has {rows.shape[1]} columns, but meta.xml speaks of column {highest + 1}")
    table: dict[str, pd.Series] = {}
    for term in dict.fromkeys([*core.columns, *core.defaults]):
        if term in core.columns and len(rows):
            values = rows[core.columns[term]].fillna("").str.strip()
            if term in core.defaults:
                values = values.mask(values == "", core.defaults[term])
        else:
            values = pd.Series([core.defaults.get(term, "")] * len(rows), dtype=str)
        table[term] = values
    return pd.DataFrame(table)


def _read_plain(path: Path, limit: int) -> pd.DataFrame:
    if path.stat().st_size > limit:
        raise OccurrenceError(f"{path.name} has {path.stat().st_size:,} bytes; at most {limit:,} are read")
    text = _text(path.read_bytes(), "UTF-8", path.name).replace("\r\n", "\n")
    header = text.split("\n", 1)[0]
    delimiter = next((d for d in "\t;" if d in header), ",")
    # GBIF's tab-separated downloads do not quote, so that a quotation mark is a plain character.
    rows = _rows(text, delimiter, "" if delimiter == "\t" else '"', "\n", 0, "first line", path.name)
    rows.columns = pd.Index([_short(str(name)) for name in rows.columns])
    if rows.columns.has_duplicates:
        raise OccurrenceError(f"{path.name} has two columns of one name")
    table: pd.DataFrame = rows.fillna("").apply(lambda column: column.astype(str).str.strip())
    return table
