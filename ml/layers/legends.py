"""Legends of categorical layers: from ``.aux.xml``, ``.vat.dbf`` or an R grid's header."""

from __future__ import annotations

import configparser
import struct
from pathlib import Path
from xml.etree import ElementTree

from ml.regular_files import RefusedFileError, read_regular_file

#: Largest size of a file with a legend, in bytes.
_MAX_BYTES = 5_000_000
#: Most classes of a legend.
MAX_CLASSES = 1_000
#: Names of the columns of an attribute table with the code and the label; the first that matches is used.
_CODES = ("value", "id", "code", "gridcode", "class", "oid")
_COUNTS = ("count", "rowid", "objectid", "red", "green", "blue", "alpha", "opacity", "r", "g", "b")


def read_legend(path: Path, band: int) -> tuple[dict[str, str], str]:
    """Return the legend of a band, and the name of the file that it comes from.

    Parameters
    ----------
    path : Path
        The raster file. Its ``.aux.xml`` (attribute table or category names), its ``.vat.dbf`` and the header of an R
        grid are read.
    band : int
        From 1.

    Returns
    -------
    legend : dict of str to str
        Code to label; empty without a legend.
    source : str
        Name of the file; empty without a legend.
    """
    xml = path.with_name(f"{path.name}.aux.xml")
    if xml.is_file():
        legend = _from_xml(_read(xml), band)
        if legend:
            return legend, xml.name
    for table in (path.with_name(f"{path.name}.vat.dbf"), path.with_suffix(".vat.dbf")):
        if band == 1 and table.is_file():
            legend = _from_rows(*_read_dbf(_read(table)))
            if legend:
                return legend, table.name
    if path.suffix.lower() == ".grd" and band == 1:
        legend = _from_r_header(_read(path))
        if legend:
            return legend, path.name
    return {}, ""


def code(value: float) -> str:
    """Return a code as text: "3" for 3.0."""
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _read(path: Path) -> bytes:
    try:
        return read_regular_file(path, _MAX_BYTES)
    except RefusedFileError:
        return b""


def _from_xml(content: bytes, band: int) -> dict[str, str]:
    """Return the legend in a PAM file. A document with entities is not read."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return {}
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  (documents with entities are refused above)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    element = next((item for item in root.iter("PAMRasterBand") if item.get("band") == str(band)), None)
    if element is None:
        return {}
    table = element.find("GDALRasterAttributeTable")
    if table is not None:
        legend = _from_attribute_table(table)
        if legend:
            return legend
    names = element.find("CategoryNames")
    labels = [] if names is None else [" ".join((item.text or "").split()) for item in names.findall("Category")]
    return {str(number): label[:500] for number, label in enumerate(labels[:MAX_CLASSES]) if label}


def _from_attribute_table(table: ElementTree.Element) -> dict[str, str]:
    """Return the legend in a raster attribute table; usage 5 is MinMax (the code) and 2 is the name."""
    fields = table.findall("FieldDefn")
    names = [(field.findtext("Name") or "").strip() for field in fields]
    usages = [(field.findtext("Usage") or "").strip() for field in fields]
    rows = [[(cell.text or "").strip() for cell in row.findall("F")] for row in table.findall("Row")]
    return _from_rows(
        names,
        rows,
        usages.index("5") if "5" in usages else None,
        usages.index("2") if "2" in usages else None,
    )


def _from_rows(
    names: list[str], rows: list[list[str]], value: int | None = None, label: int | None = None
) -> dict[str, str]:
    """Return the legend in a table; its columns are found by their names where they are not stated."""
    lower = [name.lower() for name in names]
    if value is None:
        value = next((lower.index(name) for name in _CODES if name in lower), None)
    if value is None:
        return {}
    if label is None:
        texts = [
            position
            for position, name in enumerate(lower)
            if position != value
            and name not in (*_CODES, *_COUNTS)
            and any(len(row) > position and row[position] and not _is_number(row[position]) for row in rows)
        ]
        label = texts[0] if texts else None
    if label is None:
        return {}
    legend: dict[str, str] = {}
    for row in rows[:MAX_CLASSES]:
        if len(row) > max(value, label) and _is_number(row[value]) and row[label]:
            legend[code(float(row[value]))] = " ".join(row[label].split())[:500]
    return legend


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e15
    except ValueError:
        return False


def _read_dbf(content: bytes) -> tuple[list[str], list[list[str]]]:
    """Return names and rows of a dBASE table; rows beyond `MAX_CLASSES` are left out."""
    if len(content) < 33:
        return [], []
    n, header, length = struct.unpack("<IHH", content[4:12])
    names, widths = [], []
    for start in range(32, min(header, len(content)) - 31, 32):
        if content[start] == 0x0D:
            break
        names.append(content[start : start + 11].split(b"\0")[0].decode("latin-1"))
        widths.append(content[start + 16])
    rows = []
    for number in range(min(n, MAX_CLASSES)):
        record = content[header + number * length : header + (number + 1) * length]
        if len(record) < length or length < 1 + sum(widths):
            break
        if record[:1] == b"*":
            continue
        cells, position = [], 1
        for width in widths:
            cells.append(_decode(record[position : position + width]).strip())
            position += width
        rows.append(cells)
    return names, rows


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _from_r_header(content: bytes) -> dict[str, str]:
    """Return the legend in the header of an R grid: ``ratvalues`` are the columns one after the other."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(_decode(content))
    except configparser.Error:
        return {}
    section = parser["data"] if parser.has_section("data") else {}
    names = [name for name in section.get("ratnames", "").split(":") if name]
    values = section.get("ratvalues", "").split(":")
    if not names or len(values) % len(names):
        return {}
    n = len(values) // len(names)
    columns = [values[start * n : (start + 1) * n] for start in range(len(names))]
    return _from_rows(names, [list(row) for row in zip(*columns, strict=True)])
