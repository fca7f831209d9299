"""What a training reads: the recipe and hard links to the files of a study, frozen when the training is started.

A file that is replaced or deleted later does not change a training, because an upload replaces a file by renaming.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.config.version import app_version
from app.studies import own
from app.studies.own import OwnStudy
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport

RECIPE = "recipe.json"
FILES = "files"


class FrozenFilesError(ValueError):
    """A file of the study is missing or was changed; the message says which."""


def with_slug(study: OwnStudy) -> Recipe:
    """Return the recipe with the slug of the study, so that the recipe and the files determine the models alone."""
    return study.recipe.model_copy(update={"slug": study.slug})


def fingerprint_of(recipe: Recipe, files: Sequence[FileReport]) -> str:
    """Return a hash of all that the models and the preflight depend on.

    Parameters
    ----------
    recipe : Recipe
        With the slug of the study.
    files : sequence of FileReport
    """
    contents = sorted((file.name, file.sha256) for file in files)
    parts = [app_version(), recipe.model_dump(mode="json"), contents]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def trainings_dir(slug: str) -> Path:
    """Return the folder of what trainings of a study leave: recipes, reports and frozen files."""
    return own.studies_dir() / slug / "trainings"


def held_out_dir(slug: str) -> Path:
    """Return the folder of the held-out scores of a study's models."""
    return own.studies_dir() / slug / "held_out"


def frozen_dir(slug: str, fingerprint: str) -> Path:
    """Return the folder of a frozen recipe and its files."""
    return trainings_dir(slug) / fingerprint[:16]


@contextlib.contextmanager
def locked(slug: str) -> Iterator[None]:
    """Hold the lock of a study's frozen files, so that none is removed while a training is started with it."""
    folder = trainings_dir(slug)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def freeze(study: OwnStudy, recipe: Recipe, fingerprint: str) -> None:
    """Write the recipe and link the files; a folder that is complete is left as it is.

    Raises
    ------
    FrozenFilesError
        A file is missing or has another size than its report.
    """
    folder = frozen_dir(study.slug, fingerprint)
    link_files(study.folder, folder / FILES, study.files)
    write_json(folder / RECIPE, recipe.model_dump(mode="json"))


def link_files(source: Path, target: Path, files: Sequence[FileReport]) -> None:
    """Make a folder with hard links to files.

    Raises
    ------
    FrozenFilesError
        A file is missing or has another size than its report.
    """
    draft = target.with_name(f".{target.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for file in files:
        try:
            if (source / file.name).lstat().st_size != file.size:
                raise FrozenFilesError(f"“{file.name}” was changed on the disk of the server. Upload it again.")
            os.link(source / file.name, draft / file.name, follow_symlinks=False)
        except FileNotFoundError:
            raise FrozenFilesError(f"“{file.name}” is missing on the disk of the server. Upload it again.") from None
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)


def release_files(slug: str, fingerprint: str) -> None:
    """Remove the links to frozen files; the recipe stays."""
    shutil.rmtree(frozen_dir(slug, fingerprint) / FILES, ignore_errors=True)


def write_json(path: Path, content: object) -> None:
    """Write a file of JSON and move it into place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    draft.replace(path)
