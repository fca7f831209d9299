"""Batches: the species, the answers to up to a thousand rows, and the job for more."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from app.accounts.identity import may
from app.batch import storage
from app.batch.places import layers_unreadable
from app.batch.problems import readable
from app.batch.schemas import (
    MOST_ANSWERS,
    MOST_ROWS,
    BatchAnswer,
    BatchItem,
    CellProblem,
    ModelUsed,
    ScenarioCount,
    VerdictCounts,
)
from app.batch.selection import Selection
from app.batch.storage import Draft, Plan
from app.catalogue import access
from app.database.db import db
from app.errors import Conflict, ValidationFailed
from app.jobs import service as jobs
from app.jobs.tables import FINISHED, Job
from app.limits.limiter import charge_answers
from app.plans.callers import refuse_beyond_quota
from app.telemetry.logs import note
from ml.batch.answer_columns import LAYER, context_columns
from ml.batch.answering import Answering, Subject, check_header, columns_of_numbers
from ml.batch.chunks import Chunk, Rows
from ml.batch.conditions import TRAINING
from ml.batch.place_columns import PlaceColumns
from ml.batch.summary import Summary
from ml.batch.table import Overview, look_through
from ml.layers.stored_index import StoredLayersError

#: Kind of the job.
KIND = "batch"
#: Answers of a batch that cost as much as one request.
_ANSWERS_A_REQUEST = 50
# Bytes of a table, times its species, that is answered at once.
_MOST_BYTES = 16_000_000
_NUMBERS = ("suitability", "low", "high", "dissimilarity_index", "mess")
_SIDES = ("suitable", "in_area_of_applicability")


@dataclass(frozen=True)
class Answers:
    """Rows with their answers as texts."""

    rows: Rows
    columns: tuple[str, ...]
    chunks: list[tuple[Chunk, list[list[tuple[str, ...]]]]]
    summary: Summary


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


def answer_now(selection: Selection, rows: Rows, place: str) -> Answers:
    """Answer the rows of a table.

    Parameters
    ----------
    selection : Selection
    rows : Rows
    place : str
        JSON pointer of the table, for errors.

    Raises
    ------
    ValidationFailed
        The table lacks a column, or cannot be read.
    """
    with readable(place):
        overview = look_over(selection, rows)
        charge_answers(1 + overview.n_rows * len(selection.subjects) // _ANSWERS_A_REQUEST)
        answering = Answering(
            selection.subjects,
            rows.header,
            rows.name,
            decimal=overview.decimal,
            extrapolation=selection.extrapolation,
            places=selection.places,
            with_index=not selection.hides_index,
        )
        try:
            chunks = [(chunk, answering.answer(chunk)) for chunk in rows.chunks()]
        except StoredLayersError as error:
            raise layers_unreadable(error) from error
    note(rows=overview.n_rows)
    return Answers(rows, answering.columns, chunks, answering.summary)


def look_over(selection: Selection, rows: Rows) -> Overview:
    """Return what a first pass finds; ValueError where the table cannot be used."""
    check_header(selection.subjects, rows.header, rows.name, selection.places)
    return look_through(rows, columns_of_numbers(selection.subjects, selection.places))


def as_answer(selection: Selection, answers: Answers) -> BatchAnswer:
    """Return answers as the API shows them."""
    items: list[BatchItem] = []
    of_places = selection.places is not None
    for chunk, texts in answers.chunks:
        for position, several in enumerate(texts):
            place = {"row": chunk.first + position, "line": chunk.line_of(position)}
            items += [
                BatchItem.model_validate(
                    {**place, "species": subject.slug, **_values(one, answers, subject, of_places=of_places)}
                )
                for subject, one in zip(selection.subjects, several, strict=True)
            ]
    problems = [
        CellProblem(row=row, line=line, predictor=predictor or None, detail=text)
        for row, line, predictor, text in answers.summary.problems
    ]
    summary = answers.summary
    return BatchAnswer(
        n_rows=summary.n_rows,
        n_errors=summary.n_bad,
        counts=counts_of(summary.counts),
        models=models_of(summary.models),
        scenarios=scenarios_of(summary.scenarios),
        items=items,
        problems=problems,
    )


def download_name(table: str, scenarios: Mapping[str, int]) -> str:
    """Return the name of the file of answers, as ``sites-A1B-2070-2099-answers.csv``.

    Parameters
    ----------
    table : str
        Name of the table.
    scenarios : mapping of str to int
        As in `ml.batch.summary.Summary.scenarios`: the name has the scenario of all places, if they have one.
    """
    stem = (table.rpartition(".")[0] or table).removeprefix("the ")
    label = next(iter(scenarios)) if len(scenarios) == 1 else TRAINING
    scenario = "" if label == TRAINING else re.sub(r"[^\w.]+", "-", label).strip("-.")[:60]
    return f"{stem}-{scenario}-answers.csv" if scenario else f"{stem}-answers.csv"


def models_of(models: Any) -> list[ModelUsed]:
    """Return the models of a summary."""
    return [ModelUsed(**one) for one in models]


def scenarios_of(scenarios: dict[str, int]) -> list[ScenarioCount]:
    """Return the scenarios of a summary; None stands for the training conditions."""
    return [ScenarioCount(scenario=None if label == TRAINING else label, places=n) for label, n in scenarios.items()]


def counts_of(counts: Any) -> list[VerdictCounts]:
    """Return counts by verdict, in the order of the species."""
    return [VerdictCounts(species=slug, **by_verdict) for slug, by_verdict in counts.items()]


def _values(texts: tuple[str, ...], answers: Answers, subject: Subject, *, of_places: bool) -> dict[str, object]:
    """Return the values that the texts of an answer stand for."""
    values: dict[str, object] = {}
    # the names of these columns depend on those of the table
    n_context = len(context_columns((), of_places=of_places))
    label = texts[-n_context] if n_context else ""
    values |= {"scenario": None if label in ("", TRAINING) else label}
    values |= {"model": subject.artifact.model_id, "threshold": subject.cutoff.value}
    texts = texts[: len(texts) - n_context]
    columns = answers.columns[: len(answers.columns) - n_context]
    layers: dict[str, float | str | None] = {}
    types = {one.name: one.type for one in subject.predictors}
    for name, text in zip(columns[-len(texts) :], texts, strict=True):
        if name.startswith(LAYER):
            layer = name.removeprefix(LAYER)
            if layer in types:
                layers[layer] = None if text == "" else float(text) if types[layer] == "continuous" else text
        elif text == "":
            values[name] = None
        elif name in _NUMBERS:
            values[name] = float(text)
        else:
            values[name] = text == "1" if name in _SIDES else text
    values["environment"] = layers if any(value is not None for value in layers.values()) else None
    return values


def start(selection: Selection, draft: Draft, key: str | None, *, is_rows: bool = False) -> Job:
    """Start the job of a table, or return the one that the same request started.

    Raises
    ------
    Conflict
        The key was used for another batch.
    ValidationFailed, OverPlan
        This server answers at once only; the quota of the month is used up.
    """
    if not may("editor"):
        raise ValidationFailed([("/rows", _too_many())])
    refuse_beyond_quota()
    key = access.own_key(key)
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
        is_rows,
        _texts_of(selection.places),
        selection.hides_index,
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
    """Return the job that a form of the same person started with a table that the page stored."""
    key = access.own_key(key_of_form(batch))
    return db.session.scalars(select(Job).where(Job.kind == KIND, Job.study == "", Job.idempotency_key == key)).first()


def _too_many() -> str:
    return (
        f"has more than {MOST_ROWS:,} rows or {MOST_ANSWERS:,} answers, the most that is answered without an account "
        "with the role editor; let an editor send it, send it in parts, or use python -m ml predict"
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
    places = _texts_of(selection.places)
    request = [draft.sha256, selection.slugs, selection.threshold, selection.extrapolation, places]
    request += [True] if selection.hides_index else []
    return hashlib.sha256(json.dumps(request).encode()).hexdigest()


def _texts_of(places: PlaceColumns | None) -> dict[str, str | None] | None:
    if places is None:
        return None
    return {name: value for name, value in asdict(places).items() if name != "is_mixed"}


def remove_old() -> None:
    """Remove answers and tables that have been on the server for long."""
    statement = select(Job).where(Job.kind == KIND, Job.state.not_in(FINISHED))
    storage.remove_old({job.parameters["batch"] for job in db.session.scalars(statement)})
