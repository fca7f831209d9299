"""Accepted observations as a file of a study's records.

The file is one among the files of the study: the rules of cleaning apply to it, a training freezes it with the others,
and card and report name it with its hash. It has presences only, in the order in which they were reported, so the same
observations are the same file.
"""

from __future__ import annotations

import csv
import hashlib
import io
from itertools import islice

from app.confirmations import tables
from app.confirmations.tables import Observation
from app.errors import Conflict
from app.records.schemas import AcceptedObservations
from app.studies import files, own, uploads
from app.studies.own import OwnStudy

#: The name of the file.
FILE = "accepted-observations.csv"
_MOST = 100_000
_URN = "urn:uuid:"
_DATASET = "Accepted observations of EcoPredict"
_COLUMNS = (
    "occurrenceID",
    "scientificName",
    "decimalLatitude",
    "decimalLongitude",
    "eventDate",
    "basisOfRecord",
    "occurrenceStatus",
    "datasetName",
)


def state_of(study: OwnStudy) -> AcceptedObservations:
    """Return how many accepted presences a study has, and whether its records have them."""
    rows = tables.accepted_presences(study.id, _MOST)
    report = study.file(FILE)
    used = report is not None
    is_current = report is not None and report.sha256 == hashlib.sha256(_content(rows)).hexdigest()
    return AcceptedObservations(
        presences=len(rows),
        used=used,
        up_to_date=is_current,
        file=FILE,
        sentence=_sentence(len(rows), used, is_current),
    )


def ids_in(study: OwnStudy) -> list[str]:
    """Return the ids of the observations that are in the records of a study."""
    if study.file(FILE) is None:
        return []
    with (study.folder / FILE).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        # a file of this name that somebody uploaded has other columns
        if next(rows, None) != list(_COLUMNS):
            return []
        return [row[0].removeprefix(_URN) for row in islice(rows, _MOST) if row and row[0].startswith(_URN)]


def use(slug: str) -> AcceptedObservations:
    """Write the accepted presences into the records of a study, in place of those of an earlier time.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        There are none, or the study has another file of this name.
    """
    study = own.load(slug)
    rows = tables.accepted_presences(study.id, _MOST)
    if not rows:
        raise Conflict("The study has no accepted presences at a place. Editors accept them under /observations.")
    _refuse_other_file(study)
    content = _content(rows)
    present = study.file(FILE)
    if present is None or present.sha256 != hashlib.sha256(content).hexdigest():
        uploads.receive(slug, FILE, io.BytesIO(content), length=len(content), content_range=None)
    return state_of(own.load(slug))


def leave_out(slug: str) -> AcceptedObservations:
    """Remove the accepted presences from the records of a study.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The file of this name is another one.
    """
    study = own.load(slug)
    if study.file(FILE) is not None:
        _refuse_other_file(study)
        study = files.remove(slug, FILE)
    return state_of(study)


def _content(rows: list[Observation]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        place = (repr(row.latitude), repr(row.longitude))
        named = (f"{_URN}{row.id}", row.species.scientific_name)
        writer.writerow((*named, *place, row.observed_on.isoformat(), "HumanObservation", "present", _DATASET))
    return out.getvalue().encode()


def _refuse_other_file(study: OwnStudy) -> None:
    """Refuse to replace or remove a file that somebody has uploaded under this name."""
    if study.file(FILE) is None:
        return
    header = (",".join(_COLUMNS) + "\n").encode()
    try:
        with (study.folder / FILE).open("rb") as file:
            is_own = file.read(len(header)) == header
    except OSError:
        # what is missing on the disk can be written again
        is_own = True
    if not is_own:
        raise Conflict(f"The study has another file “{FILE}”. Delete it, or upload it under another name, first.")


def _sentence(number: int, used: bool, is_current: bool) -> str:
    counted = f"Accepted observations: {number:,} presence{'' if number == 1 else 's'}"
    if not used:
        return f"{counted}, not in the records."
    return f"{counted}, in the records." if is_current else f"{counted}; the records have those of an earlier time."
