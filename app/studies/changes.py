"""Creation, renaming and deletion of studies of own data, and what a change of their files does to the recipe."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from app.catalogue import access, sensitive, studies
from app.catalogue.snapshot import snapshot_file
from app.catalogue.species import Species
from app.catalogue.study_tables import SensitiveSpecies, Study, StudyPerson
from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.errors import Conflict, NotFound, ValidationFailed
from app.jobs.service import folder_of
from app.jobs.tables import FINISHED, Job
from app.studies import names, own, room, storage, tables
from app.studies.own import OwnStudy
from app.studies.schemas import NewStudy
from app.studies.stored_recipe import read_recipe
from app.studies.tables import StudyFile, StudyRecipe
from app.trail import recorder as trail
from app.web.faces import settings
from ml.card import StudyDescription
from ml.recipes.recipe import Recipe, RecordFile

#: Files in one study.
MOST_FILES = 500
_ATTEMPTS = 20
# Members of a recipe that depend on the files.
_OF_FILES = ("records", "layers", "grid")
DESCRIPTION = "A study of own data that has no models yet."


def create(request: NewStudy, key: str | None = None) -> OwnStudy:
    """Create a study without files, or return the one that the same request created.

    Parameters
    ----------
    request : NewStudy
    key : str, optional
        Idempotency key of the client.

    Raises
    ------
    ValidationFailed
        The slug is taken.
    Conflict
        There are too many studies, in all or of the person, or the key was used for another request.
    """
    key = access.own_key(key)
    earlier = _created_by(key, request)
    if earlier is not None:
        return earlier
    room.refuse_too_many()
    if request.slug is not None:
        if _is_taken(request.slug):
            raise _taken(request.slug)
        return _create(request.slug, request, key)
    base = names.slug_of(request.title)
    for attempt in range(room.MOST_STUDIES + _ATTEMPTS):
        slug = base if attempt == 0 else names.numbered(base, attempt + 1)
        if not _is_taken(slug):
            try:
                return _create(slug, request, key)
            except ValidationFailed:
                # another request has taken it a moment ago
                continue
    raise _taken(base)


def _created_by(key: str | None, request: NewStudy) -> OwnStudy | None:
    """Return the study that a request with a key created."""
    row = tables.created_by(key) if key is not None else None
    if row is None:
        return None
    if row.creation != request.model_dump(mode="json"):
        raise Conflict(
            f"The Idempotency-Key was used for another request, which created the study {row.study.slug}. Send a new "
            "key for a new study."
        )
    return own.load(row.study.slug)


def _create(slug: str, request: NewStudy, key: str | None) -> OwnStudy:
    title = request.title
    recipe = Recipe(title=title)
    description = StudyDescription(
        slug=slug, title=title, description=DESCRIPTION, records="presence-background", sources=[]
    )
    study = Study(
        slug=slug,
        title=title,
        description=description.model_dump(mode="json"),
        owner_id=access.owner_of_new(),
        visibility=access.visibility_of_new(),
    )
    db.session.add(study)
    try:
        db.session.flush()
        creation = request.model_dump(mode="json") if key is not None else None
        values = recipe.model_dump(mode="json")
        db.session.add(
            StudyRecipe(study_id=study.id, recipe=values, revision=1, idempotency_key=key, creation=creation)
        )
        db.session.flush()
        storage.create_folders(slug)
        db.session.commit()
        access.forget()
    except IntegrityError:
        db.session.rollback()
        # the same request may have arrived twice at the same time
        earlier = _created_by(key, request)
        if earlier is not None:
            return earlier
        raise _taken(slug) from None
    except OSError as error:
        db.session.rollback()
        raise storage.disk_problem(error) from error
    return own.load(slug)


def _is_taken(slug: str) -> bool:
    # Slugs that differ in case alone would be one folder on some systems.
    row = db.session.scalar(select(Study.id).where(func.lower(Study.slug) == slug.lower()))
    return row is not None or names.is_taken_by_page(slug) or storage.exists(slug)


def _taken(slug: str) -> ValidationFailed:
    return ValidationFailed([("/slug", f"“{slug}” is taken; choose another one")])


def rename(slug: str, title: str, revision: int | None) -> OwnStudy:
    """Give a study another title.

    Parameters
    ----------
    slug, title : str
    revision : int or None
        The revision that the change was made on; None for the current one.

    Raises
    ------
    Conflict
        The study has models, whose cards contain the title, or it was changed since that revision.
    """
    study = own.load(slug)
    if title == study.title and revision in (None, study.revision):
        return study
    if n_models(study.id):
        raise Conflict("The study has models, and its title is part of each of them. Create a new study instead.")
    try:
        recipe = Recipe.model_validate({**study.recipe.model_dump(), "title": title})
    except ValidationError:
        raise ValidationFailed([("/title", "must be one line of 1 to 200 characters")]) from None
    # not the titles: a line stays after the study is deleted
    trail.about("study", slug, "title")
    own.save_recipe(slug, recipe, study.revision if revision is None else revision)
    return own.load(slug)


def remove(slug: str, revision: int | None = None) -> None:
    """Delete a study with its files and its finished jobs.

    Parameters
    ----------
    slug : str
    revision : int or None
        The revision that the deletion was decided on; None for any.

    Raises
    ------
    NotFound
        No study has this slug.
    Conflict
        It is not a study of own data, has models or another revision, or a job of it is not finished.
    """
    row = tables.recipe_of(slug)
    if row is None:
        if studies.find(slug) is not None:
            raise Conflict("Only studies of own data can be deleted here.")
        raise NotFound(f"There is no study “{slug[:100]}”.")
    number = n_models(row.study_id)
    if number:
        raise Conflict(
            f"The study has {number} registered model{'s' if number > 1 else ''}, and stored predictions name them. "
            "It cannot be deleted."
        )
    study_id = row.study_id
    with storage.locked(slug):
        if revision is not None and own.load(slug).revision != revision:
            raise own.stale()
        folders = _forget_jobs(slug)
        for statement in (
            delete(StudyFile).where(StudyFile.study_id == study_id),
            delete(StudyRecipe).where(StudyRecipe.study_id == study_id),
            delete(Species).where(Species.study_id == study_id),
            delete(StudyPerson).where(StudyPerson.study_id == study_id),
            delete(SensitiveSpecies).where(SensitiveSpecies.study_id == study_id),
            delete(Study).where(Study.id == study_id),
        ):
            db.session.execute(statement.execution_options(synchronize_session=False))
        db.session.commit()
        storage.remove_study(slug)
        if sensitive.is_marked(slug):
            with contextlib.suppress(OSError):
                snapshot_file().write()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(settings().layers_dir / slug, ignore_errors=True)


def _forget_jobs(slug: str) -> list[Path]:
    """Delete the rows of the finished jobs of a study and return their folders.

    Raises
    ------
    Conflict
        A job is not finished.
    """
    jobs = list(db.session.scalars(select(Job).where(Job.study == slug)))
    if any(not job.is_finished for job in jobs):
        db.session.rollback()
        raise Conflict("A job of this study is running or waiting. Cancel it, or wait until it has ended.")
    folders = [folder_of(job.id) for job in jobs]
    db.session.execute(delete(Job).where(Job.study == slug, Job.state.in_(FINISHED)))
    return folders


def n_models(study_id: int) -> int:
    """Return the number of registered models of a study."""
    query = select(func.count(ModelVersion.id)).join(Species).where(Species.study_id == study_id)
    return db.session.scalar(query) or 0


def change_files(slug: str, change: Callable[[StudyRecipe], None]) -> OwnStudy:
    """Change rows of the files of a study, complete its recipe, and give it a new revision.

    The caller holds the lock of the study's files. A change of the recipe at the same time makes this one start again.

    Parameters
    ----------
    slug : str
    change : callable
        Adds, changes or deletes rows in the session.
    """
    for _ in range(_ATTEMPTS):
        row = tables.recipe_of(slug)
        if row is None:
            raise NotFound(f"The study “{slug[:100]}” was deleted in the meantime.")
        change(row)
        db.session.flush()
        before, refused = read_recipe(row.recipe, row.study.title)
        recipe = completed(before, tables.files_of(row.study_id))
        # A member that is refused today stays stored until the user resets or changes it.
        members = [name for name in _OF_FILES if getattr(recipe, name) != getattr(before, name)] if refused else None
        try:
            own.save_recipe(slug, recipe, row.revision, members)
        except Conflict:
            continue
        return own.load(slug)
    raise own.stale()


def completed(recipe: Recipe, files: list[StudyFile]) -> Recipe:
    """Return a recipe with the files that are there: all files of records, and no choice for a file that is not there.

    Files of records are in the order of their names, so that the order of the uploads does not change the model. A file
    that could not be read stays in the recipe, because the recipe may say how it is read.
    """
    roles = {file.name: str(file.report["role"]) for file in files}
    listed = {file.name: file for file in recipe.records if roles.get(file.name) in ("records", "unknown")}
    for name, role in roles.items():
        if role == "records" and name not in listed:
            listed[name] = RecordFile(name=name)
    return recipe.model_copy(
        update={
            "records": [listed[name] for name in sorted(listed)],
            "layers": [choice for choice in recipe.layers if choice.file in roles],
            "grid": recipe.grid if recipe.grid is not None and recipe.grid[0] in roles else None,
        }
    )
