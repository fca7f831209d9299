"""Folders in which models are written before they are moved into place."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Begins the name of a folder in which a model is being written.
_DRAFT = ".writing-"


@contextlib.contextmanager
def new_draft(home: Path) -> Iterator[Path]:
    """Make a folder that is locked while this process lives, and remove it where it was not renamed."""
    while True:
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=home))
        try:
            handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        fcntl.flock(handle, fcntl.LOCK_EX)
        # `remove_drafts` may have taken it for abandoned before it was locked
        if draft.exists():
            break
        os.close(handle)
    try:
        yield draft
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        os.close(handle)


def remove_drafts(models: Path) -> int:
    """Remove the folders of models that were being written by processes that were killed, and return their number."""
    removed = 0
    for draft in models.glob(f"*/*/{_DRAFT}*"):
        try:
            handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft, ignore_errors=True)
            removed += 1
        except OSError:
            # it is being written
            pass
        finally:
            os.close(handle)
    return removed
