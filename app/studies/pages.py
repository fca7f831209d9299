"""Pages of studies: the list, a new study, and the files of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from pydantic import ValidationError

from app.accounts import allowance
from app.catalogue import access
from app.catalogue import studies as study_tables
from app.errors import AppError, Conflict, NotFound, ValidationFailed
from app.studies import changes, fetches, files, own, own_views, service, tables
from app.studies.multipart import FormField, FormFile
from app.studies.other_page import other_page
from app.studies.schemas import NewStudy, Refusal, StudyFiles, UploadedFiles
from app.studies.sensitive import page_context as sensitive_context
from app.studies.sharing import page_context as sharing_context
from app.studies.steps import steps_of
from app.studies.uploads import OutOfOrder
from app.web.entity_tags import revision_of_form
from app.web.faces import Reply, faces, keep_all_private, render, settings
from app.web.fields import PageQuery
from app.web.input_validation import read_form, read_query, refuse_repeated
from app.web.sizes import size_text
from ml.recipes.recipe import LONGEST_FILE_NAME

pages = Blueprint("studies", __name__)
#: The title of a study whose files arrive before a usable title.
UNTITLED = "Untitled study"

keep_all_private(pages)


@pages.get("/studies")
@faces(page="studies/list.html", fragment="studies/_list.html")
def browse() -> Reply:
    """List studies. Template context: ``data`` StudyPage, ``later`` whether this is not the first page."""
    query = read_query(PageQuery)
    return Reply(service.browse(query), context={"later": query.cursor is not None, "size_text": size_text})


@pages.get("/studies/new")
@faces(page="studies/new.html", fragment="studies/new.html")
def new() -> Reply:
    """Show the form of a new study."""
    return Reply(None, context=_new_context())


@pages.post("/studies/new")
def create() -> Response:
    """Create a study and store the files of the form; without JavaScript they arrive together."""
    if request.mimetype != "multipart/form-data":
        return _create_without_files(read_form().get("title", ""))
    titles: list[str] = []
    title, form = "", own_views.form_stream()
    for part in form:
        if isinstance(part, FormField) and part.name == "title":
            title = part.value
            titles.append(title)
            refuse_repeated([("title", titles)])
        if isinstance(part, FormFile) and part.file_name:
            # The browser cannot keep chosen files in a form that comes back, so no title keeps them out.
            slug = changes.create(NewStudy(title=_usable(title))).slug
            result = own_views.store_files(slug, _again(part, form))
            return _after_upload(slug, result, "" if _usable(title) == title.strip() else _TITLE_NOTE)
    return _create_without_files(title)


_TITLE_NOTE = "The name of the study was empty or too long. The files are stored; give the study a name below."


def _again(first: FormFile, rest: Any) -> Any:
    yield first
    yield from rest


def _usable(title: str) -> str:
    try:
        return NewStudy(title=title).title
    except ValidationError:
        return UNTITLED


def _create_without_files(title: str) -> Response:
    try:
        study = changes.create(NewStudy(title=title))
    except ValidationError:
        message = "Give the study a name of 1 to 200 characters, in one line."
        return render(Reply(None, 422, _new_context(title=title[:500], error=message)), "studies/new.html")
    except AppError as error:
        return render(
            Reply(None, error.status, _new_context(title=title[:500], error=error.detail)), "studies/new.html"
        )
    return _see_other(f"/studies/{study.slug}")


def _new_context(title: str = "", error: str = "") -> dict[str, object]:
    return {"title": title, "error": error, "limit": size_text(allowance.most_upload_bytes())}


@pages.get("/studies/<slug:slug>")
def detail(slug: str) -> Response:
    """Show a study: the files of one of own data, the sources of another."""
    return other_page(slug) if tables.recipe_of(slug) is None else files_page(slug)


@pages.post("/studies/<slug:slug>/title")
def rename(slug: str) -> Response:
    """Change the title of a study."""
    form = read_form()
    typed = form.get("title", "")
    try:
        changes.rename(slug, NewStudy(title=typed).title, revision_of_form(form))
    except ValidationError:
        return files_page(
            slug, 422, title=typed, title_error="Give the study a name of 1 to 200 characters, in one line."
        )
    except Conflict as error:
        return files_page(slug, 409, title=typed, title_error=error.detail)
    return _see_other(f"/studies/{slug}")


@pages.post("/studies/<slug:slug>/reset")
def reset(slug: str) -> Response:
    """Replace the members of the recipe that are refused by their defaults."""
    study = own.load(slug)
    if study.refused:
        try:
            own.save_recipe(slug, study.recipe, study.revision)
        except Conflict as error:
            return files_page(slug, 409, message=error.detail)
    return _see_other(f"/studies/{slug}")


@pages.post("/studies/<slug:slug>/delete")
def remove(slug: str) -> Response:
    """Delete a study, once it is confirmed; before that, ask."""
    is_confirmed = "confirmed" in read_form()
    if not is_confirmed and tables.recipe_of(slug) is not None:
        study = own.load(slug)
        if not changes.n_models(study.id):
            return render(Reply(None, context={"study": study}), "studies/delete.html", "studies/delete.html")
    try:
        changes.remove(slug)
    except Conflict as error:
        if tables.recipe_of(slug) is None:
            raise
        return files_page(slug, 409, message=error.detail)
    return _see_other("/studies")


@pages.put("/studies/<slug:slug>/files/<path:name>")
def put_file(slug: str, name: str) -> Response:
    """Store a file or a part of it, and return its line on the page."""
    # A browser asks before it sends, and the file that it sends may have another content of the same size.
    arrival = own_views.read_file(slug, name, knows_complete=False)
    answer = own_views.answer_of(slug, arrival)
    context = {"slug": slug, "file": answer.file, "size_text": size_text}
    reply = Reply(answer, own_views.status_of(arrival), context, headers=own_views.headers_of(arrival))
    return render(reply, "studies/_line.html", "studies/_line.html")


pages.register_error_handler(OutOfOrder, own_views.out_of_order)


@pages.post("/studies/<slug:slug>/files")
def post_files(slug: str) -> Response:
    """Store the files of a form."""
    try:
        result = own_views.read_form_files(slug)
    except ValidationFailed as error:
        return files_page(slug, 422, message=error.detail)
    return _after_upload(slug, result)


@pages.post("/studies/<slug:slug>/files/delete")
def remove_files(slug: str) -> Response:
    """Delete files by their names. Each has the hash of the content that the page showed.

    A page with scripts has asked already; a browser without them gets a page that asks.
    """
    form = read_form(["name", "sha256"])
    names = form.getlist("name")
    hashes: Sequence[str | None] = form.getlist("sha256") or [None] * len(names)
    if "confirmed" not in form and not _is_htmx():
        shown = dict(zip(names, hashes, strict=False))
        study = own.load(slug)
        items = [item for item in files.of_study(study).items if item.name in shown]
        if items and all(shown[item.name] in (None, item.sha256) for item in items):
            reply = Reply(StudyFiles(revision=study.revision, items=items), context={"study": study})
            return render(reply, "studies/delete.html", "studies/delete.html")
    deleted = []
    for name, sha256 in zip(names, hashes, strict=False):
        try:
            files.remove(slug, name, sha256=sha256)
            deleted.append(name)
        except Conflict as error:
            return files_page(slug, 409, message=error.detail)
        except NotFound:
            # Somebody else has deleted it, which is what was meant; an unknown study is still an error.
            own.load(slug)
    return _changed(slug, deleted)


@pages.post("/studies/<slug:slug>/files/inspect")
def inspect_file(slug: str) -> Response:
    """Look again at a file that was not recognised."""
    name = read_form().get("name", "")
    files.inspect(slug, name)
    files.inspect_relatives(slug, name)
    return _changed(slug)


def _see_other(address: str) -> Response:
    return Response(status=303, headers={"Location": address})


def _changed(slug: str, deleted: Sequence[str] = ()) -> Response:
    """Return the list of files to HTMX, and the page to a browser without JavaScript."""
    if _is_htmx():
        return files_page(slug, done=_deletion(deleted))
    query = f"?{urlencode({'deleted': deleted[0] if len(deleted) == 1 else len(deleted)})}" if deleted else ""
    return _see_other(f"/studies/{slug}{query}")


def _is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def _deletion(deleted: Sequence[str]) -> str:
    if not deleted:
        return ""
    return f"{deleted[0]} was deleted." if len(deleted) == 1 else f"{len(deleted)} files were deleted."


def _earlier_deletion(study: own.OwnStudy) -> str:
    """Return the sentence about the deletion that led to this page."""
    text = request.args.get("deleted", "")[:LONGEST_FILE_NAME]
    if text.isascii() and text.isdigit() and len(text) < 4:
        return f"{text} files were deleted."
    return _deletion([text] if text and study.file(text) is None else [])


def _after_upload(slug: str, result: UploadedFiles, title_error: str = "") -> Response:
    if not result.refused and not title_error:
        return _see_other(f"/studies/{slug}")
    return files_page(slug, 422, refused=result.refused, title_error=title_error)


def files_page(
    slug: str,
    status: int = 200,
    *,
    message: str = "",
    done: str = "",
    refused: Sequence[Refusal] = (),
    title: str | None = None,
    title_error: str = "",
    gbif: str = "",
    gbif_error: str = "",
    sharing: Mapping[str, str] | None = None,
    learning: Mapping[str, str] | None = None,
    marking: Mapping[str, str] | None = None,
) -> Response:
    """Return the page of the files of a study.

    Template context: ``data`` StudyFiles, ``study`` OwnStudy, ``steps`` list of StudyStep, ``refused`` list of Refusal,
    ``message``, ``done`` and ``title_error`` sentences or "", ``title`` as typed, ``gbif`` and ``gbif_error`` the same
    of the fetch from GBIF, ``fetches_from_gbif`` whether there is one, ``fetch`` the id of its job that is not finished
    or None, ``people`` StudyPeople for who may change them or None, ``sharing`` the refused form of them,
    ``typed_learning`` the refused form of learning, ``visibility``, ``is_offered`` whether the reader may take the
    study over, ``sensitive`` and ``marking``.
    """
    study = own.load(slug)
    row = study_tables.find(slug)
    context = {
        "study": study,
        "steps": steps_of(study),
        "message": message,
        "done": done or ("" if message else _earlier_deletion(study)),
        "refused": refused,
        "title": study.title if title is None else title[:500],
        "title_error": title_error,
        "gbif": gbif[:500],
        "gbif_error": gbif_error,
        "fetches_from_gbif": bool(settings().gbif_api) and access.edits(slug),
        "fetch": fetches.unfinished(slug),
        **sharing_context(row, sharing or {}),
        "typed_learning": learning or {},
        **sensitive_context(slug, marking),
        "has_models": changes.n_models(study.id) > 0,
        "description": row.description["description"] if row is not None else "",
        "limit": size_text(allowance.most_upload_bytes()),
        "size_text": size_text,
    }
    return render(Reply(files.of_study(study), status, context), "studies/own.html", "studies/_files.html")
