"""The files of a study: their rows, what they were recognised as, which of them the study uses."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from app.database.db import db
from app.errors import Conflict, NotFound, Unavailable
from app.studies import changes, names, own, storage, tables
from app.studies.own import OwnStudy
from app.studies.schemas import StudyFileItem, StudyFiles
from app.studies.shown_files import hidden_facts, shown_report
from app.studies.tables import StudyFile
from app.workbench import runner
from app.workbench.runner import WorkbenchError
from ml.layers.review import review
from ml.recipes.companions import is_companion
from ml.recipes.reports import FileReport

log = logging.getLogger(__name__)

#: Seconds in which a file must be recognised.
INSPECT_S = 120.0
_NOT_YET = "It was stored and was not looked at yet."


def put_row(study_id: int, name: str, size: int, sha256: str, stamp: int) -> None:
    """Add the row of a file to the session, or change it."""
    key = names.name_key(name)
    row = next((file for file in tables.files_of(study_id) if file.name_key == key), None)
    report = FileReport(name=name, size=size, sha256=sha256, role="unknown", sentence=_NOT_YET)
    if row is None:
        row = StudyFile(study_id=study_id, name=name, name_key=key)
        db.session.add(row)
    row.size, row.sha256, row.stamp = size, sha256, stamp
    row.report = report.model_dump(mode="json")


def is_unchanged(path: Path, file: StudyFile) -> bool:
    """Return whether a file on the disk is the regular file that was stored."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return path.is_file() and not path.is_symlink() and (status.st_size, status.st_mtime_ns) == (file.size, file.stamp)


def inspect(slug: str, name: str) -> FileReport:
    """Look at a file and store what it was recognised as.

    The recipe says how a file of records is read, where it has settings of it.

    Raises
    ------
    NotFound
        The study has no file with this name.
    """
    study = own.load(slug)
    before = _required(study, name)
    record_file = next((file for file in study.recipe.records if file.name == name), None)
    db.session.remove()
    report = _look(study, before, record_file.model_dump(mode="json") if record_file is not None else None)
    with storage.locked(slug):
        changes.change_files(slug, lambda row: _store(row.study_id, report))
        db.session.remove()
    return report


def _look(study: OwnStudy, before: FileReport, record_file: dict[str, object] | None) -> FileReport:
    facts = {"name": before.name, "size": before.size, "sha256": before.sha256}
    payload = {"folder": str(study.folder), "name": before.name, "file": record_file}
    try:
        result = runner.run("inspect", payload, INSPECT_S)
        return FileReport.model_validate({**result, **facts})
    except WorkbenchError as error:
        reason = str(error)
    except Unavailable as error:
        reason = error.detail
    except ValidationError as error:
        log.error("the report on a file is not valid: %s", error)
        reason = "The program that reads files returned something else than a report."
    return FileReport.model_validate({**facts, "role": "unknown", "sentence": reason[:4000]})


def store_report(slug: str, report: FileReport) -> int:
    """Store what a file was recognised as, and return the new revision of the study."""
    db.session.remove()
    with storage.locked(slug):
        return changes.change_files(slug, lambda row: _store(row.study_id, report)).revision


def _store(study_id: int, report: FileReport) -> None:
    """Store a report, unless the file was replaced or deleted in the meantime."""
    row = next((file for file in tables.files_of(study_id) if file.name == report.name), None)
    if row is not None and row.sha256 == report.sha256:
        row.report = report.model_dump(mode="json")


def inspect_relatives(slug: str, name: str) -> None:
    """Look again at the files that a file belongs to, such as the raster of a legend."""
    if not is_companion(name):
        return
    study = own.load(slug)
    key = names.stem(name)
    for report in study.files:
        if report.name != name and report.role != "records" and names.stem(report.name) == key:
            inspect(slug, report.name)


def listing(slug: str) -> StudyFiles:
    """Return the files of a study."""
    return of_study(own.load(slug))


def of_study(study: OwnStudy) -> StudyFiles:
    """Return the files of a study, each with whether it is used."""
    used = used_names(study)
    shared = tables.contents_with_twins({report.sha256 for report in study.files})
    items = [
        StudyFileItem(
            **shown_report(report, study.slug).model_dump() | hidden_facts(report, study.slug),
            used=report.name in used,
            shared=report.sha256 in shared,
        )
        for report in study.files
    ]
    return StudyFiles(revision=study.revision, items=items)


def used_names(study: OwnStudy) -> set[str]:
    """Return the names of the files that the recipe and the recognised roles use, and of those that belong to them."""
    records = {file.name for file in study.recipe.records}
    used = {report.name for report in study.files if report.role == "records" and report.name in records}
    layers = review(study.recipe, study.files)
    used |= {layer.file for layer, role in zip(layers.layers, layers.roles, strict=True) if role != "unused"}
    stems = {names.stem(name) for name in used}
    companions = (report for report in study.files if report.role == "companion")
    return used | {report.name for report in companions if names.stem(report.name) in stems}


def remove(slug: str, name: str, *, revision: int | None = None, sha256: str | None = None) -> OwnStudy:
    """Delete a file of a study.

    Parameters
    ----------
    slug, name : str
    revision : int or None
        The revision that the deletion was decided on; None for any.
    sha256 : str or None
        Hash of the content that is meant; None for any.

    Raises
    ------
    NotFound
        The study has no such file.
    Conflict
        The study has another revision, or the file another content.
    """
    with storage.locked(slug):
        study = own.load(slug)
        report = _required(study, name)
        if revision is not None and revision != study.revision:
            raise own.stale()
        if sha256 is not None and sha256 != report.sha256:
            raise Conflict(f"“{name}” was replaced in the meantime, so it was not deleted. Reload the page.")

        def delete(study_id: int) -> None:
            row = next((file for file in tables.files_of(study_id) if file.name == name), None)
            if row is not None:
                db.session.delete(row)

        changed = changes.change_files(slug, lambda row: delete(row.study_id))
        storage.remove_parts(slug, name)
        (study.folder / name).unlink(missing_ok=True)
    inspect_relatives(slug, name)
    return own.load(slug) if is_companion(name) else changed


def _required(study: OwnStudy, name: str) -> FileReport:
    report = study.file(name)
    if report is None:
        raise NotFound(f"The study has no file “{name[:150]}”.")
    return report
