"""The preflight of a study, computed by the workbench and kept in the study's cache."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pydantic import ValidationError

from app.errors import ValidationFailed
from app.file_search import find
from app.studies.own import OwnStudy
from app.trainings import frozen
from app.workbench import runner
from app.workbench.runner import WorkbenchError
from ml.recipes.recipe import Recipe
from ml.recipes.reports import Preflight, Problem
from ml.regular_files import RefusedFileError, read_regular_file

_TIMEOUT_S = 600.0
_LARGEST = 16 * 1024 * 1024
#: Preflights of earlier recipes and files that stay in the cache.
_MOST_KEPT = 20


def preflight(study: OwnStudy, recipe: Recipe) -> Preflight:
    """Return what a training would take, and what stands in its way.

    Parameters
    ----------
    study : OwnStudy
    recipe : Recipe
        With the slug of the study.

    Raises
    ------
    ValidationFailed
        The files cannot be read at all.
    Unavailable
        Too many files are being read.
    """
    report = _of_recipe(study, recipe)
    if not study.refused:
        return report
    text = (
        f"Stored choices are not valid any more ({'; '.join(study.refused[:5])}). Reset them on the page of the study."
    )
    return report.model_copy(update={"problems": [Problem(code="recipe", text=text[:4000]), *report.problems]})


def _of_recipe(study: OwnStudy, recipe: Recipe) -> Preflight:
    path = study.cache / f"preflight-{frozen.fingerprint_of(recipe, study.files)[:32]}.json"
    known = _read(path)
    if known is not None:
        return known
    payload = {
        "folder": str(study.folder),
        "recipe": recipe.model_dump(mode="json"),
        "files": [file.model_dump(mode="json") for file in study.files],
        "cache": str(study.cache),
    }
    try:
        report = Preflight.model_validate(runner.run("preflight", payload, _TIMEOUT_S))
    except WorkbenchError as error:
        raise ValidationFailed([("", str(error))], str(error)) from None
    frozen.write_json(path, report.model_dump(mode="json"))
    _forget_old(study.cache)
    return report


def _read(path: Path) -> Preflight | None:
    try:
        return Preflight.model_validate_json(read_regular_file(path, _LARGEST))
    except (RefusedFileError, ValidationError):
        return None


def _forget_old(cache: Path) -> None:
    """Remove all but the latest preflights."""
    files: list[tuple[float, Path]] = []
    for file in find(cache, "preflight-*.json"):
        # another thread forgets the same ones
        with contextlib.suppress(FileNotFoundError):
            files.append((file.stat().st_mtime, file))
    for _, file in sorted(files, reverse=True)[_MOST_KEPT:]:
        file.unlink(missing_ok=True)
