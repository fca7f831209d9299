"""Counts of a study's records after cleaning, kept in the study's cache for its other pages."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from app.errors import Unavailable
from app.studies.own import OwnStudy
from app.workbench.derived import derived_file, derived_path
from ml.regular_files import RefusedFileError, read_regular_file

_KIND, _SUFFIX, _KEEP, _LARGEST = "counts", ".json", 4, 10_000


class Counts(BaseModel):
    """What is left of the records of a study.

    Attributes
    ----------
    n, kept : int
        Records.
    cells : int or None
        Cells with a kept record; None before there are layers.
    is_blocked : bool
        Whether a problem of the records stands in the way of training.
    """

    n: int
    kept: int
    cells: int | None
    is_blocked: bool


def save_counts(study: OwnStudy, counts: Counts) -> None:
    """Keep the counts of the present recipe and files. Where the disk is full, the pages do without them."""

    def make(draft: Path) -> None:
        draft.write_text(counts.model_dump_json(), encoding="utf-8")

    with contextlib.suppress(Unavailable):
        derived_file(study.cache, _KIND, _SUFFIX, _key(study), make, _KEEP)


def read_counts(study: OwnStudy) -> Counts | None:
    """Return the counts of the present recipe and files, or None where they were not counted yet."""
    path = derived_path(study.cache, _KIND, _SUFFIX, _key(study))
    try:
        return Counts.model_validate_json(read_regular_file(path, _LARGEST))
    except (RefusedFileError, ValidationError):
        return None


def _key(study: OwnStudy) -> list[Any]:
    recipe = study.recipe.model_dump(mode="json", exclude={"title", "slug", "settings"})
    return [recipe, sorted([report.name, report.sha256, report.role] for report in study.files)]
