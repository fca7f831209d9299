"""Files and folders put in their final place in one step, so that a killed process leaves nothing half done."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path


def place_file(source: Path, target: Path) -> None:
    """Move a file; nothing happens where it was moved before."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            draft = target.with_name(f".{target.name}.part")
            shutil.copyfile(source, draft)
            draft.replace(target)
            source.unlink()


def place_folder(source: Path, target: Path, *, move: bool = False) -> None:
    """Put a folder of files in place, as hard links or by renaming; another folder that is there is replaced.

    Parameters
    ----------
    source, target : Path
    move : bool
        Whether the source is renamed. It is copied where the target is on another disk.

    Raises
    ------
    FileNotFoundError
        There is no source.
    """
    draft = draft_of(target)
    if move and draft.is_dir() and not source.exists():
        # a process was killed between the two renames
        _replace(draft, target)
        return
    if not source.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(draft, ignore_errors=True)
    if move:
        try:
            source.rename(draft)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copytree(source, draft)
    else:
        draft.mkdir()
        for file in source.iterdir():
            os.link(file, draft / file.name, follow_symlinks=False)
    _replace(draft, target)


def draft_of(target: Path) -> Path:
    """Return the name under which a folder is complete before it is put in place."""
    return target.with_name(f".{target.name}.part")


def _replace(draft: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
