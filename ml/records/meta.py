"""The description of a Darwin Core Archive (meta.xml)."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from ml.records.delimited import MAX_COLUMNS
from ml.records.errors import OccurrenceError
from ml.records.terms import split_term

_NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\r": "\r", "\\r\\n": "\r\n"}


@dataclass(frozen=True)
class FileDescription:
    """The core of an archive, or an extension.

    Attributes
    ----------
    row_type : str
        What a row is, as "Occurrence".
    locations : list of str
        Its files. Rows of all of them belong together.
    encoding, delimiter, quote : str
    skip : int
        Lines before the first row.
    terms : list of str
        Terms, as the description states them.
    columns : list of (int or None)
        Column of each term.
    defaults : list of str
        Value of each term where a row has none.
    key : int or None
        Column of the identifier: that of a row of the core, or that of the row of the core that an extension is about.
    """

    row_type: str
    locations: list[str]
    encoding: str
    delimiter: str
    quote: str
    skip: int
    terms: list[str]
    columns: list[int | None]
    defaults: list[str]
    key: int | None


@dataclass(frozen=True)
class ArchiveDescription:
    """What meta.xml says about an archive."""

    core: FileDescription
    extensions: list[FileDescription]
    metadata: str


def _refuse_doctype(*_: object) -> None:
    raise OccurrenceError("meta.xml has a DOCTYPE, which an archive has no use for: refused")


def parse_xml(content: bytes) -> ElementTree.Element:
    """Parse XML without a DOCTYPE, so that there are no entities to expand or fetch.

    Raises
    ------
    OccurrenceError
        It has a DOCTYPE, or is not XML.
    """
    guard = expat.ParserCreate()
    guard.StartDoctypeDeclHandler = _refuse_doctype
    try:
        guard.Parse(content, True)
        return ElementTree.fromstring(content)  # noqa: S314 - the guard accepted it
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, OccurrenceError):
            raise
        raise OccurrenceError(f"meta.xml cannot be read: {error}") from error


def read_description(content: bytes) -> ArchiveDescription:
    """Return what meta.xml says.

    Raises
    ------
    OccurrenceError
        It is not XML, has no core or several, or describes a text format that cannot be read.
    """
    root = parse_xml(content)
    cores = root.findall(f"{_NAMESPACE}core")
    if not cores:
        raise OccurrenceError("meta.xml describes no core file")
    if len(cores) > 1:
        raise OccurrenceError(f"meta.xml describes {len(cores)} core files, not one")
    # Only extensions of occurrences are read, so that nothing is refused because of another one.
    extensions = [e for e in root.findall(f"{_NAMESPACE}extension") if _row_type(e).lower() == "occurrence"]
    core = cores[0]
    if _row_type(core).lower() == "occurrence":
        # GBIF's archives have the records as published (verbatim.txt) as an extension of the interpreted ones.
        extensions = []
    elif not extensions:
        hint = ", a checklist without records" if _row_type(core).lower() == "taxon" else ""
        raise OccurrenceError(f"the core holds {_row_type(core)[:100] or 'nothing named'}{hint}, not Occurrence")
    described = [_describe(extension, "coreid") for extension in extensions]
    return ArchiveDescription(_describe(core, "id"), described, root.get("metadata", ""))


def _row_type(element: ElementTree.Element) -> str:
    return split_term(element.get("rowType", ""))[1]


def _describe(element: ElementTree.Element, key: str) -> FileDescription:
    locations = [(e.text or "").strip() for e in element.iter(f"{_NAMESPACE}location")]
    if not locations:
        raise OccurrenceError("meta.xml names no file for the core")
    terms, columns, defaults = _fields(element)
    delimiter = element.get("fieldsTerminatedBy", ",")
    delimiter = _ESCAPES.get(delimiter, delimiter)
    quote, skip = element.get("fieldsEnclosedBy", '"'), element.get("ignoreHeaderLines") or "0"
    # linesTerminatedBy is not used: archives state it wrongly, and the file itself shows it.
    plain = len(delimiter) == 1 and len(quote) <= 1 and delimiter != quote and delimiter not in "\r\n"
    if not plain or quote in ("\r", "\n") or not (skip.isascii() and skip.isdecimal() and len(skip) < 7):
        raise OccurrenceError("meta.xml describes a text format that cannot be read")
    identifier = element.find(f"{_NAMESPACE}{key}")
    position = _index(identifier.get("index")) if identifier is not None else None
    encoding = element.get("encoding", "").strip() or "UTF-8"
    return FileDescription(
        _row_type(element), locations, encoding, delimiter, quote, int(skip), terms, columns, defaults, position
    )


def _index(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise OccurrenceError("meta.xml has a field without a term or with an index that is not a number")
    if int(text) >= MAX_COLUMNS:
        raise OccurrenceError(f"meta.xml speaks of column {int(text) + 1:,}; at most {MAX_COLUMNS:,} are read")
    return int(text)


def _fields(element: ElementTree.Element) -> tuple[list[str], list[int | None], list[str]]:
    """Return the terms with their columns and default values."""
    terms: list[str] = []
    columns: list[int | None] = []
    defaults: list[str] = []
    for field in element.iter(f"{_NAMESPACE}field"):
        term, index = field.get("term", "").strip(), _index(field.get("index"))
        if not term:
            raise OccurrenceError("meta.xml has a field without a term or with an index that is not a number")
        default = field.get("default", "").strip()
        if term in terms and (index is None) != (columns[terms.index(term)] is None):
            # One element has the column, another one the default value.
            known = terms.index(term)
            columns[known] = index if index is not None else columns[known]
            defaults[known] = default or defaults[known]
            continue
        terms.append(term)
        columns.append(index)
        defaults.append(default)
    return terms, columns, defaults
