"""Reports on the files of records as the user wants them read, and the audits of their records."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.errors import Conflict
from app.studies.own import OwnStudy
from app.workbench import runner
from app.workbench.derived import derived_file
from app.workbench.runner import WorkbenchError
from ml.recipes.recipe import RecordFile
from ml.recipes.reports import FileReport, Problem, RecordsReport, are_samples
from ml.records.errors import OccurrenceError
from ml.records.recount import Audit

#: Derived files of a kind that a study keeps.
_KEEP = {"inspect": 60, "audit": 4, "rows": 6, "samples": 4}
_TIMEOUT_S = 900.0


def choices(study: OwnStudy) -> list[tuple[RecordFile, FileReport]]:
    """Return the files of records with their reports, in the order of the recipe, read as the user chose."""
    return [
        (file, inspect(study, file, report))
        for file in study.recipe.records
        if (report := study.file(file.name)) is not None
    ]


def inspect(study: OwnStudy, file: RecordFile, report: FileReport) -> FileReport:
    """Return the report on a file of records, read as the user chose; one that cannot be read has a problem."""
    if file == RecordFile(name=file.name):
        return report
    try:
        return inspect_again(study, file, report)
    except WorkbenchError as error:
        problem = Problem(code="unreadable", text=str(error), file=file.name)
        return report.model_copy(update={"sentence": str(error), "records": None, "problems": [problem]})


def inspect_again(study: OwnStudy, file: RecordFile, report: FileReport) -> FileReport:
    """Return the report on a file of records, read as the user chose.

    Raises
    ------
    WorkbenchError
        The file cannot be read in this way.
    """

    def make(draft: Path) -> None:
        payload = {
            "folder": str(study.folder),
            "name": file.name,
            "file": file.model_dump(mode="json"),
            "sha256": report.sha256,
        }
        inspected = FileReport.model_validate(runner.run("inspect", payload, _TIMEOUT_S))
        if inspected.records is None:
            raise WorkbenchError(inspected.sentence)
        draft.write_text(inspected.model_dump_json(), encoding="utf-8")

    key = [report.sha256, file.model_dump(mode="json")]
    path = derived_file(study.cache, "inspect", ".json", key, make, _KEEP["inspect"])
    return FileReport.model_validate_json(path.read_bytes())


def audit_key(study: OwnStudy) -> list[Any]:
    """Return what an audit depends on: the files of records and how they are read, the layers and their grid."""
    recipe = study.recipe
    hashes = {report.name: report.sha256 for report in study.files}
    return [
        [[hashes.get(file.name), file.model_dump(mode="json")] for file in recipe.records],
        sorted([report.name, report.sha256] for report in study.files if report.role in ("layers", "companion")),
        [choice.model_dump(mode="json") for choice in recipe.layers],
        recipe.grid,
    ]


def have_samples(study: OwnStudy, files: Sequence[FileReport]) -> bool:
    """Return whether the records of a study bring their conditions; they have a report then, and no audit."""
    return are_samples(_as_read(study, files))


def refuse_samples(study: OwnStudy, files: Sequence[FileReport]) -> None:
    """Refuse what needs an audit.

    Raises
    ------
    Conflict
        The records bring their conditions.
    """
    if have_samples(study, files):
        raise Conflict(
            "The records of this study bring their conditions (samples with data), so there is no list of their rows "
            "and places. Read the files of the study instead."
        )


def samples_report(study: OwnStudy, files: Sequence[FileReport]) -> RecordsReport:
    """Return the report on the records of a study that bring their conditions.

    Raises
    ------
    WorkbenchError
        A file cannot be read, or the files do not have the same conditions.
    """

    def make(draft: Path) -> None:
        report = RecordsReport.model_validate(runner.run("records", payload(study, files), _TIMEOUT_S))
        draft.write_text(report.model_dump_json(), encoding="utf-8")

    recipe = study.recipe
    key = [audit_key(study), recipe.species, recipe.merge, recipe.settings.fewest]
    path = derived_file(study.cache, "samples", ".json", key, make, _KEEP["samples"])
    return RecordsReport.model_validate_json(path.read_bytes())


def audit_file(study: OwnStudy, files: Sequence[FileReport]) -> Path:
    """Return the file of the audit of a study's records.

    Raises
    ------
    WorkbenchError
        A file cannot be read.
    """

    def make(draft: Path) -> None:
        runner.run("records", {**payload(study, files), "audit": str(draft)}, _TIMEOUT_S)

    return derived_file(study.cache, "audit", ".npz", audit_key(study), make, _KEEP["audit"])


@functools.lru_cache(maxsize=2)
def open_audit(path: Path) -> Audit:
    """Return an audit. The name of its file is the hash of its content's sources, so that it never changes."""
    return Audit.load(path)


def saved_audit(study: OwnStudy, files: Sequence[FileReport]) -> Audit:
    """Return the audit of a study's records; a damaged file is made again.

    Raises
    ------
    WorkbenchError
        A file cannot be read.
    """
    path = audit_file(study, files)
    try:
        return open_audit(path)
    except OccurrenceError:
        path.unlink(missing_ok=True)
        return open_audit(audit_file(study, files))


def rows_file(
    study: OwnStudy, files: Sequence[FileReport], audit: Path, status: str | None, grid_km: int | None
) -> Path:
    """Return the CSV file of the rows of all files of records, each with its reason; on a grid without their columns.

    Raises
    ------
    WorkbenchError
        A file cannot be read.
    """

    def make(draft: Path) -> None:
        request = {
            **payload(study, files),
            "audit": str(audit),
            "output": str(draft),
            "status": status,
            "grid_km": grid_km,
        }
        runner.run("records-csv", request, _TIMEOUT_S)

    recipe = study.recipe
    key = [audit.name, recipe.rules.model_dump(mode="json"), recipe.species, recipe.merge, status, grid_km]
    return derived_file(study.cache, "rows", ".csv", key, make, _KEEP["rows"])


def payload(study: OwnStudy, files: Sequence[FileReport]) -> dict[str, Any]:
    """Return what every operation of the workbench on a study needs."""
    return {
        "folder": str(study.folder),
        "recipe": study.recipe.model_dump(mode="json"),
        "files": [report.model_dump(mode="json") for report in _as_read(study, files)],
        "cache": str(study.cache),
    }


def _as_read(study: OwnStudy, files: Sequence[FileReport]) -> list[FileReport]:
    inspected = {report.name: report for report in files}
    return [inspected.get(report.name, report) for report in study.files]
