"""The layers of a study, and changes of their roles, kinds and grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from app.errors import NotFound
from app.layers import sets
from app.layers.changes import change_recipe
from app.layers.schemas import LayersAnswer, LayersChange
from app.studies import own
from app.studies.own import OwnStudy
from app.studies.shown_files import shown_error
from app.web.input_validation import pointer
from app.workbench import crs
from app.workbench.runner import WorkbenchError
from ml.layers.review import review
from ml.recipes.reports import LayersReport, Problem


@dataclass(frozen=True)
class StudyLayers:
    """The layers of a study under its recipe.

    Attributes
    ----------
    study : OwnStudy
    answer : LayersAnswer
    """

    study: OwnStudy
    answer: LayersAnswer


def read(slug: str) -> StudyLayers:
    """Return the layers of a study.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    """
    return _review(own.load(slug))


def change(slug: str, change: LayersChange) -> StudyLayers:
    """Change the roles, kinds, units or the grid of the layers.

    Raises
    ------
    NotFound
        No study of own data has this slug.
    Conflict
        The study was changed in the meantime.
    ValidationFailed
        The change names a layer that the study does not have. Nothing is stored.
    """
    study = own.load_for_change(slug, change.revision)
    changed = replace(study, recipe=change_recipe(study.recipe, change, study.files))
    crs.check("crs", {pointer("layers", number, "crs"): one.crs for number, one in enumerate(change.layers or [])})
    if changed.recipe != study.recipe:
        changed = replace(changed, revision=own.save_recipe(slug, changed.recipe, study.revision))
    return _review(changed)


def picture(slug: str, file: str, band: str) -> Path:
    """Return the file of the picture of a layer.

    Raises
    ------
    NotFound
        The study has no such layer, or it cannot be drawn.
    """
    study = own.load(slug)
    report = review(study.recipe, study.files)
    layer = next((layer for layer in report.layers if (layer.file, layer.band) == (file, band)), None)
    if layer is None:
        raise NotFound("The study has no such layer.")
    try:
        return sets.picture(study, layer, report.layers)
    except WorkbenchError as error:
        raise NotFound(str(error)) from None


def _review(study: OwnStudy) -> StudyLayers:
    report = review(study.recipe, study.files)
    problems: list[Problem] = []
    if report.grid is not None and report.training:
        try:
            report = sets.counted(study)
        except WorkbenchError as error:
            problems.append(Problem(code="unreadable", text=shown_error(str(error), study.slug)))
    members = {name: getattr(report, name) for name in LayersReport.model_fields}
    members["problems"] = [*problems, *report.problems]
    answer = LayersAnswer(
        **members, revision=study.revision, choices=study.recipe.layers, chosen_grid=study.recipe.grid
    )
    return StudyLayers(study, answer)
