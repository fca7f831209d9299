"""The page of batches: what a posted form leads to."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from flask import Response

from app.accounts.identity import may
from app.batch import form, service, storage
from app.batch.form import BatchForm, example_row
from app.batch.places import HOW_ON_PAGE, with_places
from app.batch.problems import readable
from app.batch.schemas import MOST_ROWS
from app.batch.selection import Selection, choose
from app.batch.service import Answers
from app.batch.shown import scenario_labels, shown_answers
from app.batch.storage import Draft
from app.batch.uploads import LONGEST_TEXT, limit
from app.catalogue import snapshot
from app.errors import AppError, NotFound, OutsideArea, ValidationFailed
from app.web.faces import Reply, render
from app.web.sizes import size_text
from ml.batch.answering import check_header
from ml.batch.run import output_rows, write_csv
from ml.batch.summary import ERROR, errors_text
from ml.batch.table import TableFile
from ml.spreadsheets import without_formula

__all__ = ["BatchForm", "download", "example_row", "handle", "names_of", "reply"]
_PAGE = ("batch/page.html", "batch/_batch.html")
# Answers that the page lists.
_MOST_SHOWN = 20
_PASTED = "pasted table"


def reply(filled: BatchForm, status: int = 200, *, labels: Sequence[str] = (), **context: object) -> Reply:
    """Return the form with its messages.

    Template context: ``form`` BatchForm, ``choices`` species by study, ``limit`` of a table, ``most_rows``,
    ``has_jobs`` whether larger tables become jobs, ``preview`` Preview or None, ``data`` BatchAnswer or None,
    ``shown`` list of ShownAnswer, ``site`` the column that identifies rows, ``errors`` a sentence, ``models`` and
    ``scenarios`` of the answers, ``labels`` of scenarios that the form offers as ``scenario_options``, ``names`` of the
    species by slug, ``fits`` whether the answers come at once.
    """
    known: dict[str, object] = {
        "form": filled,
        "choices": form.choices(),
        "limit": size_text(limit()),
        "most_rows": MOST_ROWS,
        "has_jobs": may("editor"),
        "preview": None,
        "shown": [],
        "names": {},
        "labels": labels,
        "fits": True,
    }
    labels = list(labels)
    if labels and filled.scenario and filled.scenario not in labels:
        # shown beside its message
        labels.append(filled.scenario)
    known["scenario_options"] = [("", "Training conditions (today)"), *((label, label) for label in labels)]
    data = context.pop("data", None)
    return Reply(data, status, known | context)  # type: ignore[arg-type]


def first_form(species: list[str]) -> Reply:
    """Return the form before anything is sent, with the scenarios of the species that its address names."""
    filled = BatchForm(species=species)
    try:
        return reply(filled, labels=scenario_labels(_choose(filled)) if species else [])
    except AppError:
        # the form says so when it is sent
        return reply(filled)


def handle(stored: Draft | None, fields: dict[str, list[str]], stack: ExitStack) -> Response:
    """Check a posted form and return its page: a preview, answers, or the way to the job."""
    filled = BatchForm.of(fields)
    wants_answers = fields.get("action", [""])[-1] == "answer"
    selection: Selection | None = None
    shown: form.Preview | None = None
    started = service.job_of_form(filled.stored) if wants_answers and filled.stored else None
    if started is not None:
        # a form that was sent twice starts one job
        return Response(status=303, headers={"Location": f"/jobs/{started.id}"})
    labels: list[str] = []
    try:
        selection = _choose(filled)
        labels = scenario_labels(selection)
        table, draft = _table(filled, stored, stack)
        with readable("/rows"):
            selection = with_places(selection, table, filled.options().places, HOW_ON_PAGE)
            shown = form.preview(selection, table)
            fits = service.fits_at_once(table, len(selection.subjects))
            _keep(filled, table, draft, fits)
            check_header(selection.subjects, table.header, table.name, selection.places)
        if not wants_answers:
            names = _names(selection)
            return render(reply(filled, preview=shown, fits=fits, names=names, labels=labels), *_PAGE)
        if fits:
            answers = service.answer_now(selection, table, "/rows")
            data = service.as_answer(selection, answers)
            first = data.items[:_MOST_SHOWN]
            errors = errors_of(answers.summary.counts, data.n_rows)
            site, shown_rows = shown_answers(selection, answers, first)
            context: dict[str, object] = {"shown": shown_rows, "site": site, "errors": errors}
            context |= {"scenarios": data.scenarios, "models": data.models, "names": _names(selection)}
            return render(reply(filled, 200, labels=labels, data=data, **context), *_PAGE)
        job = service.start(selection, draft, service.key_of_form(draft.id))
        return Response(status=303, headers={"Location": f"/jobs/{job.id}"})
    except OutsideArea:
        raise
    except AppError as error:
        _add(filled, error)
        names = _names(selection) if selection is not None else {}
        return render(reply(filled, error.status, preview=shown, names=names, labels=labels), *_PAGE)


def download(stored: Draft | None, fields: dict[str, list[str]], stack: ExitStack) -> Response:
    """Return the answers to a posted table of up to 1,000 rows as CSV, or the form with its messages."""
    filled = BatchForm.of(fields)
    try:
        selection = _choose(filled)
        table, draft = _table(filled, stored, stack)
        with readable("/rows"):
            selection = with_places(selection, table, filled.options().places, HOW_ON_PAGE)
            fits = service.fits_at_once(table, len(selection.subjects))
            _keep(filled, table, draft, fits)
        if not fits:
            raise ValidationFailed([("/rows", f"has more than {MOST_ROWS:,} rows")])
        answers = service.answer_now(selection, table, "/rows")
    except AppError as error:
        _add(filled, error)
        return render(reply(filled, error.status), *_PAGE)
    return _csv(selection, answers, service.download_name(draft.name, answers.summary.scenarios))


def _csv(selection: Selection, answers: Answers, name: str) -> Response:
    stream = io.StringIO(newline="")
    write_csv(stream, [[without_formula(name) for name in (*answers.rows.header, *answers.columns)]], guard=False)
    for chunk, texts in answers.chunks:
        write_csv(stream, output_rows(chunk, texts, selection.slugs), guard=True)
    response = Response(stream.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _choose(filled: BatchForm) -> Selection:
    if not filled.species:
        raise ValidationFailed([("/species", "choose a species")])
    return choose(filled.species, filled.options())


def _table(filled: BatchForm, stored: Draft | None, stack: ExitStack) -> tuple[TableFile, Draft]:
    """Return the table of a form: a file, one that the server has, or a pasted text."""
    draft = stored
    if draft is not None:
        filled.text = ""
    if draft is None and filled.text.strip():
        content = filled.text.encode("utf-8", "replace")
        draft = stack.enter_context(storage.received(io.BytesIO(content), filled.name or _PASTED, LONGEST_TEXT))
    elif draft is None and filled.stored:
        try:
            draft = storage.open_draft(filled.stored)
        except NotFound as error:
            filled.stored = ""
            raise ValidationFailed([("/file", error.detail)]) from None
    if draft is None:
        raise ValidationFailed([("/file", "choose a file, or paste a table")])
    filled.name = draft.name
    with readable("/file"):
        return TableFile(draft.path, draft.name), draft


def _keep(filled: BatchForm, table: TableFile, draft: Draft, fits: bool) -> None:
    """Let the form keep a file: a small one as text, a large one on the server."""
    if filled.stored == draft.id:
        return
    filled.stored = ""
    if fits and draft.path.stat().st_size <= LONGEST_TEXT // 2:
        try:
            filled.text = filled.text if filled.text.strip() else table.text()
            return
        except ValueError:
            # a text cannot have bytes that are damaged
            if not may("editor"):
                raise
    if may("editor"):
        service.remove_old()
        storage.adopt(draft, None)
        filled.stored, filled.text = draft.id, ""


def _add(filled: BatchForm, error: AppError) -> None:
    for pointer, text in error.errors:
        filled.add_error(pointer, text if text.endswith((".", "?")) else f"{text}.")
    if not filled.errors:
        filled.add_error("", error.detail)


def names_of(slugs: list[str]) -> dict[str, str]:
    """Return the scientific names of species by their slugs."""
    known = {entry.slug: entry.scientific_name for entry in snapshot.current().species}
    return {slug: known.get(slug, slug) for slug in slugs}


def errors_of(counts: Mapping[str, Mapping[str, int]], n_rows: int) -> str:
    """Return how many rows have an error instead of an answer; "" where there is none."""
    is_any = any(one.get(ERROR) for one in counts.values())
    return errors_text(counts, n_rows, names_of(list(counts))) if is_any else ""


def _names(selection: Selection) -> dict[str, str]:
    return {entry.slug: entry.scientific_name for entry in selection.entries}
