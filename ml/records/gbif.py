"""Records from the Global Biodiversity Information Facility: by the name of a species, or a finished download."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.records.errors import OccurrenceError
from ml.records.gbif_http import Client, part_of, read_state, state_of, write_state

#: Records of a page, and of a search: GBIF's own limits.
PAGE, MOST_RECORDS = 300, 100_000
_KEY = re.compile(r"\d{7}-\d{15,18}")
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.\d{4,9}/[\w.;()/-]{1,100})", re.IGNORECASE)
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
        Table to write, tab-separated with Darwin Core columns. It gets its name only when it is complete.
    progress : callable
        Called with the records fetched and their number.

    Raises
    ------
    OccurrenceError
        GBIF does not know the species, has too many records for a search, or does not answer.
    """
    key, accepted, remark = match_species(client, name)
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
        page = client.json("occurrence/search", **query, limit=PAGE, offset=offset)
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
        if page.get("endOfRecords") or not results:
            break
    if offset != total:
        remark = f"{remark} GBIF counts {total:,} records and sent {offset:,}.".strip()
    today = datetime.now(UTC).date().isoformat()
    citation = (
        f"GBIF.org ({today}) GBIF occurrence search for {accepted} (taxon {key}, {offset:,} records of "
        f"{len(datasets)} datasets), https://www.gbif.org/occurrence/search?taxon_key={key}&has_coordinate=true. "
        f"Datasets: {', '.join(sorted(datasets))}"
    )
    _finish(part, output, citation)
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
        Zip file to write. It gets its name only when it is complete.
    progress : callable
        Called with the bytes fetched and their number.

    Raises
    ------
    OccurrenceError
        There is no such download, it is not finished, it is not a zip file, or GBIF does not answer.
    """
    doi = _DOI.fullmatch(key.strip())
    if not doi and not _KEY.fullmatch(key.strip()):
        raise OccurrenceError(
            f"{key[:100]!r} is neither the key of a GBIF download (0001234-240101000000000) nor a DOI"
        )
    description = client.json(f"occurrence/download/{doi[1] if doi else key.strip()}")
    found, status = str(description.get("key", "")), str(description.get("status", ""))
    if not _KEY.fullmatch(found):
        raise OccurrenceError(f"GBIF's description of download {key[:100]} has no key")
    if status != "SUCCEEDED":
        advice = (
            "try again when GBIF has finished it"
            if status in ("PREPARING", "RUNNING", "SUSPENDED")
            else "make it again"
        )
        raise OccurrenceError(f"GBIF download {found} is {status.lower() or 'without a status'}; {advice}")
    client.file(f"occurrence/download/request/{found}.zip", output, progress)
    if not zipfile.is_zipfile(output):
        output.unlink()
        raise OccurrenceError(f"what GBIF sent for download {found} is not a zip file; try again")
    created = str(description.get("created", ""))[:10]
    citation = f"GBIF.org ({created}) GBIF Occurrence Download https://doi.org/{description.get('doi', '')}"
    _write_citation(output, citation)
    return FetchResult(output, int(description.get("totalRecords") or 0), citation)


def match_species(client: Client, name: str) -> tuple[int, str, str]:
    """Return GBIF's key of a species, its accepted name, and a remark where that is not the given name.

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
    return key, accepted, remark


def _results(page: dict[str, Any], name: str) -> tuple[list[dict[str, Any]], int]:
    """Return the records of a page, and the number of all records."""
    results, total = page.get("results"), page.get("count")
    if not isinstance(results, list) or not isinstance(total, int) or not all(isinstance(r, dict) for r in results):
        raise OccurrenceError("GBIF's answer is not a page of records; check the address of the server")
    if total > MOST_RECORDS:
        raise OccurrenceError(
            f"GBIF has {total:,} records of {name}; a search returns at most {MOST_RECORDS:,}. Make a download at "
            "https://www.gbif.org/occurrence/search (free account), and give its key with --download"
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


def _finish(part: Path, output: Path, citation: str) -> None:
    _write_citation(output, citation)
    part.replace(output)


def _write_citation(output: Path, citation: str) -> None:
    output.with_name(f"{output.name}.citation.txt").write_text(citation + "\n", encoding="utf-8")
