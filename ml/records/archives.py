"""Darwin Core Archives: the occurrences of a core, or those of an extension joined with their events or taxa."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.records.collecting import PREVIEW_ROWS, Plan
from ml.records.errors import OccurrenceError
from ml.records.gbif_keys import CITATION_FILES, CITATIONS, DOWNLOAD_DOI
from ml.records.meta import ArchiveDescription, FileDescription, parse_xml, read_description
from ml.records.sources import Member
from ml.records.terms import COORDINATES
from ml.records.texts import Reading, TextTable, read_described
from ml.records.zip_files import normalise

_MAX_META = 1_000_000
#: Terms that describe one place, so that they are taken together from the occurrence or from its event.
_PLACE = (*COORDINATES, "geodeticDatum", "coordinateUncertaintyInMeters", "coordinatePrecision")
_KEY = " key"
#: Columns of a file, by the terms of its description: term to position in them.
Columns = Callable[[FileDescription], Mapping[str, int]]


@dataclass(frozen=True)
class ArchiveTable:
    """Records of an archive.

    Attributes
    ----------
    description : ArchiveDescription
    texts : dict of str to Series
    lines : ndarray of int64
    labels : list of str
    preview : list of list of str
    encoding, delimiter : str
    unsure : list of str
    """

    description: ArchiveDescription
    texts: dict[str, pd.Series]
    lines: NDArray[np.int64]
    labels: list[str]
    preview: list[list[str]]
    encoding: str
    delimiter: str
    unsure: list[str]


def find_meta(members: Mapping[str, Member]) -> str | None:
    """Return the path of meta.xml in an archive, or None where it has none.

    Raises
    ------
    OccurrenceError
        There are several.
    """
    metas = [name for name in members if name.rsplit("/", 1)[-1].lower() == "meta.xml"]
    if len(metas) > 1:
        raise OccurrenceError(f"{len(metas)} files meta.xml: unpack it and choose one archive")
    return metas[0] if metas else None


def read_small(member: Member, limit: int = _MAX_META) -> bytes:
    """Return the content of a member of an archive that must be small."""
    with member.open() as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise OccurrenceError(f"{member.name} is larger than {limit:,} bytes; at most that is read")
    return content


def read_archive_table(members: Mapping[str, Member], meta: str, reading: Reading, columns: Columns) -> ArchiveTable:
    """Read the occurrences of an archive as its meta.xml describes them.

    Parameters
    ----------
    members : mapping of str to Member
    meta : str
        Path of meta.xml; the files of the archive lie in its folder.
    reading : Reading
    columns : callable
        Returns the terms that are read of a file, with their positions in its description.
    """
    description = read_description(read_small(members[meta]))
    folder = meta[: -len("meta.xml")]
    if not description.extensions:
        return _finish(description, *_read_files(members, folder, description.core, reading, columns, keyed=False))
    if len(description.extensions) > 1:
        raise OccurrenceError(f"meta.xml describes {len(description.extensions)} extensions of occurrences, not one")
    core = _read_files(members, folder, description.core, reading, columns, keyed=True)
    records = _read_files(members, folder, description.extensions[0], reading, columns, keyed=True)
    return _joined(description, core, records)


def _read_files(
    members: Mapping[str, Member],
    folder: str,
    description: FileDescription,
    reading: Reading,
    columns: Columns,
    *,
    keyed: bool,
) -> tuple[dict[str, pd.Series], list[TextTable]]:
    """Read the files of a core or of an extension, one below the other."""
    chosen = columns(description)
    positions = {term: description.columns[i] for term, i in chosen.items()}
    if keyed:
        if description.key is None:
            raise OccurrenceError(f"meta.xml does not say which column identifies the rows of {description.row_type}")
        positions[_KEY] = description.key
    plan = Plan(
        positions,
        {term: description.defaults[i] for term, i in chosen.items()},
        preview=description.columns,
        days=not reading.strict,
        compact=not reading.strict and not keyed and len(description.locations) == 1,
    )
    tables = []
    for location in description.locations:
        member = members.get(folder + normalise(location))
        if member is None:
            raise OccurrenceError(f"there is no {location[:100]} in the archive")
        tables.append(read_described(member, description, reading, plan))
    if len(tables) == 1:
        return tables[0].collected.texts, tables
    texts = {
        term: pd.concat([table.collected.texts[term].astype(object) for table in tables], ignore_index=True)
        for term in positions
    }
    return texts, tables


def _finish(description: ArchiveDescription, texts: dict[str, pd.Series], tables: list[TextTable]) -> ArchiveTable:
    return ArchiveTable(
        description,
        texts,
        np.concatenate([table.collected.lines for table in tables]),
        list(description.core.terms),
        [row for table in tables for row in table.collected.preview][:PREVIEW_ROWS],
        tables[0].encoding,
        tables[0].delimiter,
        [note for table in tables for note in table.unsure],
    )


def _joined(
    description: ArchiveDescription,
    core: tuple[dict[str, pd.Series], list[TextTable]],
    records: tuple[dict[str, pd.Series], list[TextTable]],
) -> ArchiveTable:
    """Join occurrences with the rows of the core that they belong to."""
    events, occurrences = core[0], records[0]
    kind = description.core.row_type
    keys = pd.Index(events.pop(_KEY).astype(object))
    if keys.has_duplicates:
        twin = str(keys[keys.duplicated()][0])
        raise OccurrenceError(f"{description.core.locations[0]}: two rows have the identifier {twin[:60]!r}")
    rows = keys.get_indexer(pd.Index(occurrences.pop(_KEY).astype(object)))
    n = len(rows)
    unsure = [note for _, tables in (core, records) for table in tables for note in table.unsure]
    if lost := int((rows < 0).sum()):
        unsure.append(f"{lost:,} of {n:,} occurrences belong to no {kind} of the archive")

    def of_core(term: str) -> NDArray[np.object_]:
        if term not in events:
            return np.full(n, "", dtype=object)
        # An occurrence without an event has the last value.
        return np.asarray(np.append(events[term].astype(object).to_numpy(), "")[rows], dtype=object)

    def own(term: str) -> NDArray[np.object_]:
        if term in occurrences:
            return np.asarray(occurrences[term].astype(object), dtype=object)
        return np.full(n, "", dtype=object)

    # Half a place is that of the occurrence too: the other half of its event is another place.
    has_place = (own("decimalLatitude") != "") | (own("decimalLongitude") != "")
    texts = {}
    for term in dict.fromkeys([*occurrences, *events]):
        values = own(term)
        is_own = has_place if term in _PLACE else values != ""
        codes, different = pd.factorize(np.where(is_own, values, of_core(term)))
        texts[term] = pd.Series(pd.Categorical.from_codes(codes, pd.Index(different, dtype=object)))
    tables = records[1]
    preview = pd.DataFrame({term: texts[term].head(PREVIEW_ROWS).astype(object) for term in texts})
    return ArchiveTable(
        description,
        texts,
        np.concatenate([table.collected.lines for table in tables]),
        list(texts),
        preview.to_numpy().tolist(),
        tables[0].encoding,
        tables[0].delimiter,
        unsure,
    )


def find_citation(members: Mapping[str, Member], meta: str, metadata: str) -> str:
    """Return the DOI of a download of GBIF, or the citation that the archive states; "" where it states none."""
    folder = meta[: -len("meta.xml")]
    citation = ""
    for name in dict.fromkeys([*CITATION_FILES, normalise(metadata)]):
        member = members.get(folder + name)
        if member is None:
            continue
        try:
            content = read_small(member)
        except OccurrenceError:
            continue
        if doi := DOWNLOAD_DOI.search(content.decode("utf-8", "replace")):
            return f"https://doi.org/{doi[0]}"
        if not citation and name.endswith(".xml"):
            citation = _citation(content)
    return citation


def find_stated_citation(members: Mapping[str, Member]) -> str:
    """Return the DOI or else the first line of citations.txt in an archive without meta.xml; "" without that file."""
    if CITATIONS not in members:
        return ""
    try:
        text = read_small(members[CITATIONS]).decode("utf-8", "replace").removeprefix("\ufeff")
    except OccurrenceError:
        return ""
    if doi := DOWNLOAD_DOI.search(text):
        return f"https://doi.org/{doi[0]}"
    line = text.strip().partition("\n")[0]
    return " ".join("".join(one if one.isprintable() else " " for one in line).split())[:2_000]


def _citation(content: bytes) -> str:
    try:
        root = parse_xml(content)
    except OccurrenceError:
        return ""
    element = next((e for e in root.iter() if str(e.tag).rsplit("}", 1)[-1] == "citation"), None)
    return " ".join("".join(element.itertext()).split())[:2_000] if element is not None else ""
