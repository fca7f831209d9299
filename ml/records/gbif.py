"""Records from the Global Biodiversity Information Facility: by the name of a species, or a finished download."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.records.errors import OccurrenceError
from ml.records.gbif_files import add_citation, finish_table, plain_file_name, target_of, write_citation
from ml.records.gbif_http import Client, NotThere, part_of, read_state, state_of, write_state
from ml.records.gbif_keys import KEY, download_id

#: Records of a page, and of a search: GBIF's own limits.
PAGE, MOST_RECORDS = 300, 100_000
#: Columns of the table, as in GBIF's simple download.
COLUMNS = (
    "gbifID",
    "datasetKey",
    "occurrenceID",
    "kingdom",
    "phylum",
    "class",
    "order",
    "family",
    "genus",
    "species",
    "taxonRank",
    "scientificName",
    "acceptedScientificName",
    "countryCode",
    "locality",
    "stateProvince",
    "occurrenceStatus",
    "individualCount",
    "decimalLatitude",
    "decimalLongitude",
    "geodeticDatum",
    "coordinateUncertaintyInMeters",
    "coordinatePrecision",
    "eventDate",
    "day",
    "month",
    "year",
    "taxonKey",
    "speciesKey",
    "basisOfRecord",
    "establishmentMeans",
    "degreeOfEstablishment",
    "informationWithheld",
    "dataGeneralizations",
    "license",
    "issue",
)
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class SpeciesMatch:
    """A species that GBIF knows.

    Attributes
    ----------
    key : int
        GBIF's key of the accepted species.
    name : str
        The accepted name.
    short : str
        The same without authorship, where GBIF states it.
    remark : str
        What the user should know, as that a name is a synonym.
    """

    key: int
    name: str
    short: str
    remark: str = ""


@dataclass(frozen=True)
class FetchResult:
    """What was fetched.

    Attributes
    ----------
    path : Path
    n : int
        Records.
    citation : str
        How the data are cited.
    remark : str
        What the user should know, as that a name is a synonym.
    """

    path: Path
    n: int
    citation: str
    remark: str = ""


def fetch_species(
    client: Client, name: str, output: Path, progress: Progress = lambda done, total: None
) -> FetchResult:
    """Fetch all records with coordinates of a species, page by page.

    A search that was interrupted goes on where it stopped.

    Parameters
    ----------
    client : Client
    name : str
        Scientific name.
    output : Path
        Table to write, tab-separated with Darwin Core columns; or a zip file (``.zip``) with the table and its
        citation; or a folder for a zip file that is named after the species. It gets its name only when it is complete.
    progress : callable
        Called with the records fetched and their number.

    Raises
    ------
    OccurrenceError
        GBIF does not know the species, has too many records for a search, or does not answer.
    """
    species = match_species(client, name)
    key, accepted, remark = species.key, species.name, species.remark
    output = target_of(output, f"{plain_file_name(species.short)} GBIF.zip")
    query: dict[str, str | int] = {"taxonKey": key, "hasCoordinate": "true"}
    part, state = part_of(output), state_of(output)
    saved = read_state(state)
    offset, datasets = 0, dict[str, int]()
    if saved.get("query") == query and part.is_file() and part.stat().st_size >= int(saved.get("bytes", 0)):
        offset, datasets = int(saved["offset"]), dict(saved["datasets"])
        # A page that was not written completely is fetched again.
        os.truncate(part, int(saved["bytes"]))
    else:
        part.write_text("\t".join(COLUMNS) + "\n", encoding="utf-8")
    while True:
        # GBIF refuses a page that reaches beyond the last record of a search.
        limit = max(1, min(PAGE, MOST_RECORDS - offset))
        page = client.json("occurrence/search", **query, limit=limit, offset=offset)
        results, total = _results(page, accepted)
        with part.open("a", encoding="utf-8") as stream:
            stream.writelines("\t".join(_row(record)) + "\n" for record in results)
            stream.flush()
            os.fsync(stream.fileno())
        for record in results:
            dataset = str(record.get("datasetKey", ""))
            datasets[dataset] = datasets.get(dataset, 0) + 1
        offset += len(results)
        write_state(state, {"query": query, "offset": offset, "bytes": part.stat().st_size, "datasets": datasets})
        progress(offset, total)
        if page.get("endOfRecords") or not results or offset >= MOST_RECORDS:
            break
    if offset != total:
        remark = f"{remark} GBIF counts {total:,} records and sent {offset:,}.".strip()
    today = datetime.now(UTC).date().isoformat()
    citation = (
        f"GBIF.org ({today}) GBIF occurrence search for {accepted} (taxon {key}, {offset:,} records of "
        f"{len(datasets)} datasets), https://www.gbif.org/occurrence/search?taxon_key={key}&has_coordinate=true. "
        f"Datasets: {', '.join(sorted(datasets))}"
    )
    finish_table(part, output, citation)
    part.unlink(missing_ok=True)
    state.unlink(missing_ok=True)
    return FetchResult(output, offset, citation, remark)


def fetch_download(
    client: Client, key: str, output: Path, progress: Progress = lambda done, total: None
) -> FetchResult:
    """Fetch a download that was made on GBIF's website.

    Parameters
    ----------
    client : Client
    key : str
        Key, as ``0001234-240101000000000``, or DOI, as ``10.15468/dl.abcdef``.
    output : Path
        Zip file to write, or a folder for one that is named after the key. It gets its name only when it is complete.
        The citation is added to it, where GBIF's file does not state it.
    progress : callable
        Called with the bytes fetched and their number.

    Raises
    ------
    OccurrenceError
        There is no such download, it is not finished, it is not a zip file, or GBIF does not answer.
    """
    name = download_id(key)
    if name is None:
        raise OccurrenceError(
            f"{key[:100]!r} is neither the key of a GBIF download (0001234-240101000000000) nor a DOI"
        )
    try:
        description = client.json(f"occurrence/download/{name}")
    except NotThere:
        raise OccurrenceError(f"GBIF has no download {name}; check the key or DOI") from None
    found, status = str(description.get("key", "")), str(description.get("status", ""))
    if not KEY.fullmatch(found):
        raise OccurrenceError(f"GBIF's description of download {key[:100]} has no key")
    if status != "SUCCEEDED":
        advice = (
            "try again when GBIF has finished it"
            if status in ("PREPARING", "RUNNING", "SUSPENDED")
            else "make it again"
        )
        raise OccurrenceError(f"GBIF download {found} is {status.lower() or 'without a status'}; {advice}")
    created = str(description.get("created", ""))[:10]
    citation = f"GBIF.org ({created}) GBIF Occurrence Download https://doi.org/{description.get('doi', '')}"
    output = target_of(output, f"{found}.zip")
    draft = output.with_name(f".{output.name}.{found}.draft")
    # A process that was killed while it added the citation leaves a file without a directory.
    if not zipfile.is_zipfile(draft):
        draft.unlink(missing_ok=True)
        client.file(f"occurrence/download/request/{found}.zip", draft, progress)
    if not zipfile.is_zipfile(draft):
        draft.unlink()
        raise OccurrenceError(f"what GBIF sent for download {found} is not a zip file; try again")
    add_citation(draft, citation)
    write_citation(output, citation)
    draft.replace(output)
    return FetchResult(output, int(description.get("totalRecords") or 0), citation)


def match_species(client: Client, name: str) -> SpeciesMatch:
    """Return the species that GBIF knows by a name, with a remark where its accepted name is another.

    Raises
    ------
    OccurrenceError
        GBIF does not know the name, or only a genus or family of it.
    """
    if not name.strip() or len(name) > 200:
        raise OccurrenceError("a scientific name has 1 to 200 characters")
    answer = client.json("species/match", name=name.strip(), verbose="false")
    kind, rank = str(answer.get("matchType", "NONE")), str(answer.get("rank", ""))
    key = answer.get("acceptedUsageKey") or answer.get("usageKey")
    if kind == "NONE" or not isinstance(key, int):
        raise OccurrenceError(f"GBIF does not know the species {name.strip()!r}; check the spelling")
    label = str(answer.get("scientificName", ""))
    if kind == "HIGHERRANK" or rank not in ("SPECIES", "SUBSPECIES", "VARIETY", "FORM"):
        raise OccurrenceError(f"GBIF knows {name.strip()!r} only as {label} ({rank.lower()}), not as a species")
    remark = ""
    if kind == "FUZZY":
        remark = f"GBIF read {name.strip()!r} as {label}."
    accepted = str(answer.get("species") or label) if answer.get("acceptedUsageKey") else label
    if answer.get("acceptedUsageKey"):
        remark = f"{remark} {label} is a synonym of {accepted}.".strip()
    short = accepted if answer.get("acceptedUsageKey") else str(answer.get("canonicalName") or label)
    return SpeciesMatch(key, accepted, short, remark)


def _results(page: dict[str, Any], name: str) -> tuple[list[dict[str, Any]], int]:
    """Return the records of a page, and the number of all records."""
    results, total = page.get("results"), page.get("count")
    if not isinstance(results, list) or not isinstance(total, int) or not all(isinstance(r, dict) for r in results):
        raise OccurrenceError("GBIF's answer is not a page of records; check the address of the server")
    if total > MOST_RECORDS:
        raise OccurrenceError(
            f"GBIF has {total:,} records of {name}; a search returns at most {MOST_RECORDS:,}. Make a download at "
            "https://www.gbif.org/occurrence/search (free account), and fetch it by its key or DOI"
        )
    return results, total


def _row(record: dict[str, Any]) -> list[str]:
    values = {**record, "gbifID": record.get("key", record.get("gbifID", "")), "issue": record.get("issues", "")}
    return [_text(values.get(column)) for column in COLUMNS]


def _text(value: object) -> str:
    """Return a value of a cell; tabs and line ends would begin another one."""
    if isinstance(value, list):
        return ";".join(_text(item) for item in value)
    return "" if value is None else " ".join(str(value).split())
