"""Batches: the species, the answers to up to a thousand rows, and the job for more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.batch import storage
from app.batch.problems import readable
from app.batch.schemas import (
    MOST_ANSWERS,
    MOST_ROWS,
    MOST_SPECIES,
    BatchAnswer,
    BatchItem,
    CellProblem,
    VerdictCounts,
)
from app.batch.storage import Draft, Plan
from app.catalogue import snapshot
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.database.db import db
from app.errors import Conflict, ValidationFailed
from app.jobs import service as jobs
from app.jobs.tables import FINISHED, Job
from app.limits.limiter import charge_answers
from app.predictions.query_schemas import Extrapolation, RequestOptions
from app.registry import service as registry
from app.telemetry.logs import note
from app.web.faces import settings
from app.web.input_validation import pointer
from ml.batch.answering import Answering, Subject, Summary, check_header, columns_of_numbers
from ml.batch.table import Chunk, Overview, Rows, look_through
from ml.serving.artifact import Artifact
from ml.serving.threshold import Cutoff

#: Kind of the job.
KIND = "batch"
#: Answers of a batch that cost as much as one request.
_ANSWERS_A_REQUEST = 50
# Bytes of a table, times its species, that is answered at once.
_MOST_BYTES = 16_000_000
_NUMBERS = ("suitability", "low", "high", "dissimilarity_index", "mess")
_SIDES = ("suitable", "in_area_of_applicability")


@dataclass(frozen=True)
class Selection:
    """The species of a batch with their opened models, and the options."""

    entries: list[SpeciesEntry]
    models: list[ModelEntry]
    subjects: list[Subject]
    threshold: float | str | None
    extrapolation: Extrapolation

    @property
    def slugs(self) -> list[str]:
        """The slugs of the species."""
        return [subject.slug for subject in self.subjects]


@dataclass(frozen=True)
class Answers:
    """Rows with their answers as texts."""

    rows: Rows
    columns: tuple[str, ...]
    chunks: list[tuple[Chunk, list[list[tuple[str, ...]]]]]
    summary: Summary
    has_lines: bool


def choose(names: Sequence[str], options: RequestOptions) -> Selection:
    """Return species of one study with their opened models.

    Raises
    ------
    ValidationFailed
        A species is unknown, they are of several studies, or a model has no threshold by the rule.
    Conflict, Unavailable
        A species has no model that answers, or it cannot be opened.
    """
    entries: dict[int, SpeciesEntry] = {}
    problems: list[tuple[str, str]] = []
    if len(names) > MOST_SPECIES:
        raise ValidationFailed([("/species", f"must not name more than {MOST_SPECIES} species")])
    for at, name in enumerate(names):
        place = pointer("species") if len(names) == 1 else pointer("species", at)
        try:
            entry = snapshot.current().resolve(name)
        except ValidationFailed as error:
            problems.append((place, error.errors[0][1]))
            continue
        entries[entry.id] = entry
        first = next(iter(entries.values()))
        if entry.study.slug != first.study.slug:
            problems.append((place, f"{entry.slug} belongs to another study than {first.slug}; send a batch for each"))
    if problems:
        raise ValidationFailed(problems)
    models, subjects = [], []
    for entry in entries.values():
        if entry.model is None:
            raise registry.nothing_answers(entry)
        artifact = registry.opened(entry.model)
        models.append(entry.model)
        subjects.append(Subject(entry.slug, artifact, _cutoff(artifact, options.threshold)))
    return Selection(list(entries.values()), models, subjects, options.threshold, options.extrapolation)


def _cutoff(artifact: Artifact, requested: float | str | None) -> Cutoff:
    try:
        return artifact.predictor.cutoff(requested)
    except KeyError:
        raise ValidationFailed([("/threshold", f"a model has no threshold by the rule {requested}")]) from None


def fits_at_once(rows: Rows, n_species: int) -> bool:
    """Return whether a table has so few rows that they are answered at once. At most so many are read.

    Raises
    ------
    ValueError
        The rows cannot be read.
    """
    if rows.size * n_species > _MOST_BYTES:
        return False
    n = 0
    for chunk in rows.chunks():
        n += len(chunk)
        if n > MOST_ROWS or n * n_species > MOST_ANSWERS:
            return False
    return True


def answer_now(selection: Selection, rows: Rows, place: str, *, has_lines: bool) -> Answers:
    """Answer the rows of a table.

    Parameters
    ----------
    selection : Selection
    rows : Rows
    place : str
        JSON pointer of the table, for errors.
    has_lines : bool
        Whether the rows have lines of a file.

    Raises
    ------
    ValidationFailed
        The table lacks a column, or cannot be read.
    """
    with readable(place):
        overview = look_over(selection, rows)
        charge_answers(1 + overview.n_rows * len(selection.subjects) // _ANSWERS_A_REQUEST)
        answering = Answering(
            selection.subjects, rows.header, rows.name, decimal=overview.decimal, extrapolation=selection.extrapolation
        )
        chunks = [(chunk, answering.answer(chunk)) for chunk in rows.chunks()]
    note(rows=overview.n_rows)
    return Answers(rows, answering.columns, chunks, answering.summary, has_lines)


def look_over(selection: Selection, rows: Rows) -> Overview:
    """Return what a first pass finds; ValueError where the table cannot be used."""
    check_header(selection.subjects, rows.header, rows.name)
    return look_through(rows, columns_of_numbers(selection.subjects))


def as_answer(selection: Selection, answers: Answers) -> BatchAnswer:
    """Return answers as the API shows them."""
    items: list[BatchItem] = []
    rows_of_lines: dict[int, int] = {}
    number = 0
    for chunk, texts in answers.chunks:
        for line, several in zip(chunk.lines, texts, strict=True):
            number += 1
            rows_of_lines[line] = number
            shown = line if answers.has_lines else None
            items += [
                BatchItem.model_validate({"row": number, "line": shown, "species": slug, **_values(one, answers)})
                for slug, one in zip(selection.slugs, several, strict=True)
            ]
    problems = [
        CellProblem(row=rows_of_lines[line], line=line if answers.has_lines else None, predictor=predictor, detail=text)
        for line, predictor, text in answers.summary.problems
    ]
    summary = answers.summary
    return BatchAnswer(
        n_rows=summary.n_rows,
        n_errors=summary.n_bad,
        counts=counts_of(summary.counts),
        items=items,
        problems=problems,
    )


def counts_of(counts: Any) -> list[VerdictCounts]:
    """Return counts by verdict, in the order of the species."""
    return [VerdictCounts(species=slug, **by_verdict) for slug, by_verdict in counts.items()]


def _values(texts: tuple[str, ...], answers: Answers) -> dict[str, object]:
    """Return the values that the texts of an answer stand for."""
    values: dict[str, object] = dict(zip(answers.columns[-len(texts) :], texts, strict=True))
    for name, text in list(values.items()):
        if text == "":
            values[name] = None
        elif name in _NUMBERS:
            values[name] = float(str(text))
        elif name in _SIDES:
            values[name] = text == "1"
    return values


def start(selection: Selection, draft: Draft, key: str | None) -> Job:
    """Start the job of a table, or return the one that the same request started.

    Raises
    ------
    Conflict
        The key was used for another batch.
    ValidationFailed
        This server answers at once only.
    """
    if not settings().allows_changes:
        raise ValidationFailed([("/rows", _too_many())])
    fingerprint = _fingerprint(selection, draft)
    if (earlier := _earlier(key, fingerprint)) is not None:
        return earlier
    remove_old()
    storage.check_answers(draft, len(selection.subjects))
    plan = Plan(
        draft.name,
        selection.slugs,
        [model.path for model in selection.models],
        selection.threshold,
        selection.extrapolation,
    )
    storage.adopt(draft, plan)
    parameters = {"batch": draft.id, "request": fingerprint, "models": [model.id for model in selection.models]}
    try:
        return jobs.enqueue(KIND, "", parameters, key)
    except Conflict:
        storage.remove(draft.id)
        # two simultaneous requests with one key
        if (earlier := _earlier(key, fingerprint)) is None:
            raise
        return earlier


def key_of_form(batch: str) -> str:
    """Return the idempotency key of a table that the page stored."""
    return f"form:{batch}"


def job_of_form(batch: str) -> Job | None:
    """Return the job that a form started with a table that the page stored."""
    return db.session.scalars(
        select(Job).where(Job.kind == KIND, Job.study == "", Job.idempotency_key == key_of_form(batch))
    ).first()


def _too_many() -> str:
    return (
        f"has more than {MOST_ROWS:,} rows or {MOST_ANSWERS:,} answers, the most that this server answers; send it in "
        "parts, or use python -m ml predict"
    )


def _earlier(key: str | None, fingerprint: str) -> Job | None:
    if key is None:
        return None
    job = db.session.scalars(select(Job).where(Job.kind == KIND, Job.study == "", Job.idempotency_key == key)).first()
    if job is not None and job.parameters["request"] != fingerprint:
        raise Conflict(
            f"The Idempotency-Key was used for another batch, the job {job.id}. Send a new key for a new one."
        )
    return job


def _fingerprint(selection: Selection, draft: Draft) -> str:
    request = [draft.sha256, selection.slugs, selection.threshold, selection.extrapolation]
    return hashlib.sha256(json.dumps(request).encode()).hexdigest()


def remove_old() -> None:
    """Remove answers and tables that have been on the server for long."""
    statement = select(Job).where(Job.kind == KIND, Job.state.not_in(FINISHED))
    storage.remove_old({job.parameters["batch"] for job in db.session.scalars(statement)})
