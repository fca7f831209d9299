"""The records of a study after cleaning, and changes of the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from app.catalogue import sensitive
from app.catalogue.place_checks import placeless
from app.errors import ValidationFailed
from app.records import audits, place_index
from app.records.changes import change_recipe, check_codes, check_species
from app.records.overlap import repeated_files
from app.records.schemas import RecordsAnswer, RecordsChange, RecordsFileItem
from app.studies import files, own
from app.studies.counts import Counts, save_counts
from app.studies.own import OwnStudy
from app.studies.shown_files import shown_error, shown_problems, shown_report
from app.web.input_validation import pointer
from app.workbench import crs
from app.workbench.runner import WorkbenchError
from ml.recipes.recipe import RecordFile
from ml.recipes.reports import FileReport, Problem, RecordsReport
from ml.records.recount import recount

RecordPlace = tuple[float, float, bool]


@dataclass(frozen=True)
class StudyRecords:
    """The records of a study under its recipe.

    Attributes
    ----------
    study : OwnStudy
    answer : RecordsAnswer
    have_list : bool
        Whether their rows and places can be listed; those of samples with data cannot.
    """

    study: OwnStudy
    answer: RecordsAnswer
    have_list: bool = True


def read(slug: str) -> StudyRecords:
    """Return the records of a study.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    """
    counted = _count(own.load(slug))
    place_index.keep_up(slug)
    return counted


def change(slug: str, change: RecordsChange) -> StudyRecords:
    """Change the rules, files or species of a study, and count again.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The study was changed in the meantime.
    ValidationFailed
        The change is not possible, or a file cannot be read in the new way. Nothing is stored.
    """
    study = own.load_for_change(slug, change.revision)
    changed = replace(study, recipe=change_recipe(study.recipe, change))
    if change.rules is not None:
        check_codes(change.rules)
    datums = {pointer("files", number, "datum"): file.datum for number, file in enumerate(change.files or [])}
    crs.check("datum", datums)
    _check_files(changed, change.files or [])
    counted = _count(changed)
    if change.species is not None:
        check_species(change.species, counted.answer)
    if changed.recipe == study.recipe:
        return counted
    revision = own.save_recipe(slug, changed.recipe, study.revision)
    if change.files:
        for file, report in audits.choices(changed):
            if any(file.name == choice.name for choice in change.files):
                revision = files.store_report(slug, report)
    place_index.keep_up(slug)
    return _at(counted, revision)


def rows(slug: str, status: str | None) -> Path:
    """Return the CSV file of every row with its reason, with places as the present request may see them.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The records are samples with data.
    ValidationFailed
        The study has no file of records, or one cannot be read.
    """
    study = own.load(slug)
    reports = [report for _, report in audits.choices(study)]
    audits.refuse_samples(study, reports)
    try:
        if not any(report.records for report in reports):
            raise WorkbenchError("The study has no file of records that can be read.")
        return audits.rows_file(study, reports, audits.audit_file(study, reports), status, sensitive.grid_for(slug))
    except WorkbenchError as error:
        text = shown_error(str(error), slug)
        raise ValidationFailed([("", text)], text) from None


def _at(counted: StudyRecords, revision: int) -> StudyRecords:
    answer = counted.answer.model_copy(update={"revision": revision})
    return replace(counted, study=replace(counted.study, revision=revision), answer=answer)


def _check_files(study: OwnStudy, changes: list[RecordFile]) -> None:
    """Refuse columns that a file does not have, and choices by which it cannot be read."""
    by_name = {file.name: file for file in study.recipe.records}
    errors = []
    for number, choice in enumerate(changes):
        report = study.file(choice.name)
        if report is None:
            continue
        try:
            inspected = audits.inspect_again(study, by_name[choice.name], report)
        except WorkbenchError as error:
            errors.append((pointer("files", number), shown_error(str(error), study.slug)))
            continue
        columns = inspected.records.columns if inspected.records is not None else []
        errors += [
            (pointer("files", number, "columns", term), f"the file has no column “{column}”")
            for term, column in choice.columns.items()
            if column and column not in columns
        ]
    if errors:
        raise ValidationFailed(errors)


def _count(study: OwnStudy) -> StudyRecords:
    inspected = audits.choices(study)
    reports = [report for _, report in inspected]
    problems: list[Problem] = []
    report = RecordsReport(n=0, kept=0, reasons=[], licences=[], species=[])
    if any(item.records is not None for item in reports):
        try:
            if audits.have_samples(study, reports):
                report = audits.samples_report(study, reports)
            else:
                audit = audits.saved_audit(study, reports)
                report = recount(audit, study.recipe)
                problems += repeated_files(audit)
        except WorkbenchError as error:
            problems.append(Problem(code="unreadable", text=str(error)))
    elif not inspected:
        text = "The study has no file of records. Add one, such as a download from GBIF."
        problems.append(Problem(code="no_records_file", text=text))
    problems += _missing(study, reports)
    answer = _answer(study, report, inspected, problems)
    is_blocked = any(problem.blocking for problem in answer.problems)
    save_counts(study, Counts(n=answer.n, kept=answer.kept, cells=answer.cells, is_blocked=is_blocked))
    # The steps of the page follow the files as the user wants them read.
    as_read = {item.name: item for item in reports}
    as_read_study = replace(study, files=[as_read.get(item.name, item) for item in study.files])
    return StudyRecords(as_read_study, answer, not audits.have_samples(study, reports))


def _missing(study: OwnStudy, reports: list[FileReport]) -> list[Problem]:
    names = {report.name for report in reports}
    return [
        Problem(code="file_missing", text=f"The file “{file.name}” is no longer in the study.", file=file.name)
        for file in study.recipe.records
        if file.name not in names
    ]


def _answer(
    study: OwnStudy, report: RecordsReport, inspected: list[tuple[RecordFile, FileReport]], problems: list[Problem]
) -> RecordsAnswer:
    members = {name: getattr(report, name) for name in RecordsReport.model_fields}
    # what stands in the way comes first
    found = shown_problems([*problems, *report.problems], study.slug)
    members["problems"] = sorted(found, key=lambda problem: not problem.blocking)
    members["checks_withheld"] = sensitive.hides_checks(report, study.slug)
    if members["checks_withheld"]:
        members["reasons"] = placeless(report.reasons)
    members["places"], grid_km = _shown_places(report.places, study.slug)
    shown = [(file, shown_report(item, study.slug)) for file, item in inspected]
    return RecordsAnswer(
        **members,
        revision=study.revision,
        rules=study.recipe.rules,
        chosen=study.recipe.species,
        merge=study.recipe.merge,
        files=[
            RecordsFileItem(
                name=file.name,
                sentence=item.sentence,
                choice=file,
                recognised=item.records,
                problems=item.problems,
            )
            for file, item in shown
        ],
        places_grid_km=grid_km,
    )


def _shown_places(places: list[RecordPlace], study: str) -> tuple[list[RecordPlace], int | None]:
    """Return places as the present request may see them, each cell once, and their grid."""
    grid_km = sensitive.grid_for(study)
    if grid_km is None or not places:
        return places, grid_km
    longitudes, latitudes, kept = zip(*places, strict=True)
    x, y = sensitive.coarsen(longitudes, latitudes, grid_km)
    cells: dict[tuple[float, float], bool] = {}
    for at, is_kept in zip(zip(x.tolist(), y.tolist(), strict=True), kept, strict=True):
        cells[at] = cells.get(at, False) or is_kept
    return [(*at, is_kept) for at, is_kept in sorted(cells.items())], grid_km
