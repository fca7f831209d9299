"""Studies of users' own data: a recipe, its revision, and the reports on its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import update

from app.database.db import db
from app.database.types import now
from app.errors import Conflict as Conflict
from app.errors import NotFound
from app.studies import place_tables, tables
from app.studies.stored_recipe import read_recipe
from app.studies.tables import StudyFile, StudyRecipe
from app.web.entity_tags import revision_of_change
from app.web.faces import settings
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, are_samples


@dataclass(frozen=True)
class OwnStudy:
    """A study of a user's own data.

    Attributes
    ----------
    id : int
    slug : str
    title : str
    recipe : Recipe
    revision : int
        Increases with every change of the recipe or of the files.
    files : list of FileReport
        By name.
    folder : Path
        The folder with the files, as the operations of the workbench expect it.
    refused : list of str
        Members of the stored recipe that this version refuses. The recipe has their defaults.
    """

    id: int
    slug: str
    title: str
    recipe: Recipe
    revision: int
    files: list[FileReport]
    folder: Path
    refused: list[str] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        """The folder of audits and pictures. The names of its files contain the hash of what they depend on."""
        return self.folder.parent / "cache"

    @property
    def etag(self) -> str:
        """The revision as an entity tag."""
        return f'"{self.revision}"'

    @property
    def lists_records(self) -> bool:
        """Whether there are records whose rows and places can be listed; those that bring their conditions cannot."""
        return any(report.role == "records" for report in self.files) and not are_samples(self.files)

    def file(self, name: str) -> FileReport | None:
        """Return the report on a file, or None."""
        return next((report for report in self.files if report.name == name), None)


def studies_dir() -> Path:
    """Return the folder of the files of all studies."""
    return settings().data_dir.resolve() / "studies"


def load_for_change(slug: str, revision: int | None) -> OwnStudy:
    """Return a study in the state that a change is made on.

    Parameters
    ----------
    slug : str
    revision : int or None
        The member `revision` of the body; the header If-Match may state it instead.

    Raises
    ------
    NotFound
        No study has this slug, or it is not made of a user's own data.
    ValidationFailed
        The request states no revision, or two different ones.
    Conflict
        The study was changed in the meantime.
    """
    study = load(slug)
    if revision_of_change(revision, study.revision) != study.revision:
        raise stale()
    return study


def load(slug: str) -> OwnStudy:
    """Return a study of a user's own data.

    Raises
    ------
    NotFound
        No study has this slug, or it is not made of a user's own data.
    """
    row = tables.recipe_of(slug)
    if row is None:
        raise NotFound(f"There is no study of own data “{slug[:100]}”.")
    folder = studies_dir() / slug / "files"
    recipe, refused = read_recipe(row.recipe, row.study.title)
    return OwnStudy(
        id=row.study_id,
        slug=row.study.slug,
        title=row.study.title,
        recipe=recipe,
        revision=row.revision,
        files=[_report(folder, file) for file in tables.files_of(row.study_id)],
        folder=folder,
        refused=refused,
    )


def save_recipe(slug: str, recipe: Recipe, revision: int, members: Sequence[str] | None = None) -> int:
    """Store a recipe.

    Parameters
    ----------
    slug : str
    recipe : Recipe
    revision : int
        The revision that the change was made on.
    members : sequence of str, optional
        The members that are stored, by default all; the others stay as they are stored.

    Returns
    -------
    int
        The new revision.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The recipe or the files were changed since that revision.
    """
    row = tables.recipe_of(slug)
    if row is None:
        raise NotFound(f"There is no study of own data “{slug[:100]}”.")
    values: dict[str, Any] = recipe.model_dump(mode="json")
    if members is not None:
        values = {**row.recipe, **{name: values[name] for name in members}}
    statement = (
        update(StudyRecipe)
        .where(StudyRecipe.study_id == row.study_id, StudyRecipe.revision == revision)
        .values(recipe=values, revision=revision + 1, updated_at=now())
        .execution_options(synchronize_session=False)
    )
    # One statement compares and changes, so that of two simultaneous changes one is refused.
    changed: int = db.session.execute(statement).rowcount  # type: ignore[attr-defined]  # of a CursorResult
    if not changed:
        db.session.rollback()
        raise stale()
    # they are those of the earlier files and rules
    place_tables.remove(row.study_id)
    if row.study.title != recipe.title:
        row.study.title = recipe.title
        row.study.description = {**row.study.description, "title": recipe.title}
    db.session.commit()
    return revision + 1


def stale() -> Conflict:
    """Return the error of a change that was made on an old revision."""
    return Conflict(
        "Someone else changed this study in the meantime, so your change was not stored. Look at the study as it is "
        "now, then make the change again."
    )


def _report(folder: Path, file: StudyFile) -> FileReport:
    """Return the report on a file; a file that was changed outside the application is not what its report says."""
    report = FileReport.model_validate(file.report)
    try:
        stat = (folder / file.name).lstat()
    except OSError:
        return _replaced(file, f"“{file.name}” is missing on the disk of the server. Upload it again, or delete it.")
    if stat.st_size != file.size or stat.st_mtime_ns != file.stamp:
        return _replaced(file, f"“{file.name}” was changed on the disk of the server. Upload it again, or delete it.")
    return report


def _replaced(file: StudyFile, sentence: str) -> FileReport:
    return FileReport(name=file.name, size=file.size, sha256=file.sha256, role="unknown", sentence=sentence)
