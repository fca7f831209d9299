"""The page of batches: what a posted form leads to."""

from __future__ import annotations

import io
from contextlib import ExitStack
from pathlib import Path

from flask import Response

from app.batch import form, service, storage
from app.batch.form import BatchForm, example_row
from app.batch.places import with_places
from app.batch.problems import readable
from app.batch.schemas import MOST_ROWS
from app.batch.selection import Selection, choose
from app.batch.service import Answers
from app.batch.storage import Draft
from app.batch.uploads import LONGEST_TEXT, limit
from app.catalogue import snapshot
from app.errors import AppError, NotFound, OutsideArea, ValidationFailed
from app.studies.storage import size_text
from app.web.faces import Reply, render, settings
from ml.batch.answering import check_header
from ml.batch.run import output_rows, write_csv
from ml.batch.table import TableFile
from ml.spreadsheets import without_formula

__all__ = ["BatchForm", "download", "example_row", "handle", "names_of", "reply"]
_PAGE = ("batch/page.html", "batch/_batch.html")
# Answers that the page lists.
_MOST_SHOWN = 20
_PASTED = "pasted table"


def reply(filled: BatchForm, status: int = 200, **context: object) -> Reply:
    """Return the form with its messages.

    Template context: ``form`` BatchForm, ``choices`` species by study, ``limit`` of a table, ``most_rows``,
    ``has_jobs`` whether larger tables become jobs, ``preview`` Preview or None, ``data`` BatchAnswer or None,
    ``shown`` the first answers, ``names`` of the species by slug, ``fits`` whether the answers come at once.
    """
    known: dict[str, object] = {
        "form": filled,
        "choices": form.choices(),
        "limit": size_text(limit()),
        "most_rows": MOST_ROWS,
        "has_jobs": settings().allows_changes,
        "preview": None,
        "shown": [],
        "names": {},
        "fits": True,
    }
    data = context.pop("data", None)
    return Reply(data, status, known | context)  # type: ignore[arg-type]


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
    try:
        selection = _choose(filled)
        table, draft = _table(filled, stored, stack)
        with readable("/rows"):
            selection = with_places(selection, table.header, filled.options().places)
            shown = form.preview(selection, table)
            fits = service.fits_at_once(table, len(selection.subjects))
            _keep(filled, table, draft, fits)
            check_header(selection.subjects, table.header, table.name, selection.places)
        if not wants_answers:
            return render(reply(filled, preview=shown, fits=fits, names=_names(selection)), *_PAGE)
        if fits:
            answers = service.answer_now(selection, table, "/rows")
            data = service.as_answer(selection, answers)
            first = data.items[:_MOST_SHOWN]
            return render(reply(filled, data=data, shown=first, preview=None, names=_names(selection)), *_PAGE)
        job = service.start(selection, draft, service.key_of_form(draft.id))
        return Response(status=303, headers={"Location": f"/jobs/{job.id}"})
    except OutsideArea:
        raise
    except AppError as error:
        _add(filled, error)
        names = _names(selection) if selection is not None else {}
        return render(reply(filled, error.status, preview=shown, names=names), *_PAGE)


def download(stored: Draft | None, fields: dict[str, list[str]], stack: ExitStack) -> Response:
    """Return the answers to a posted table of up to 1,000 rows as CSV, or the form with its messages."""
    filled = BatchForm.of(fields)
    try:
        selection = _choose(filled)
        table, draft = _table(filled, stored, stack)
        with readable("/rows"):
            selection = with_places(selection, table.header, filled.options().places)
            fits = service.fits_at_once(table, len(selection.subjects))
            _keep(filled, table, draft, fits)
        if not fits:
            raise ValidationFailed([("/rows", f"has more than {MOST_ROWS:,} rows")])
        answers = service.answer_now(selection, table, "/rows")
    except AppError as error:
        _add(filled, error)
        return render(reply(filled, error.status), *_PAGE)
    return _csv(selection, answers, Path(draft.name).stem)


def _csv(selection: Selection, answers: Answers, stem: str) -> Response:
    stream = io.StringIO(newline="")
    write_csv(stream, [[without_formula(name) for name in (*answers.rows.header, *answers.columns)]], guard=False)
    for chunk, texts in answers.chunks:
        write_csv(stream, output_rows(chunk, texts, selection.slugs), guard=True)
    response = Response(stream.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename=f"{stem}-answers.csv")
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
            if not settings().allows_changes:
                raise
    if settings().allows_changes:
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


def _names(selection: Selection) -> dict[str, str]:
    return {entry.slug: entry.scientific_name for entry in selection.entries}
