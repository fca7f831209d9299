"""Files that are derived from files of a study: their names contain the hash of what they depend on."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from app.errors import Unavailable

log = logging.getLogger(__name__)

#: Changes when a program of this version writes other bytes for the same key.
_FORMAT = 3
_DIGITS = 24


def key_hash(key: object) -> str:
    """Return the hash of JSON values."""
    text = json.dumps([_FORMAT, key], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def derived_path(folder: Path, kind: str, suffix: str, key: object) -> Path:
    """Return the path of a derived file; the parameters are those of `derived_file`."""
    return folder / f"{kind}-{key_hash(key)}{suffix}"


@contextlib.contextmanager
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock of a folder, over all processes. The kernel releases it when a process ends.

    Raises
    ------
    Unavailable
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / f".lock-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unavailable(folder, error) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _unavailable(path: Path, error: OSError) -> Unavailable:
    log.error("cannot store %s: %s", path.name, error)
    return Unavailable("The server cannot store its working files; its disk may be full.")


def derived_file(folder: Path, kind: str, suffix: str, key: object, make: Callable[[Path], object], keep: int) -> Path:
    """Return a derived file, and make it where it is missing.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    kind, suffix : str
        Beginning and end of the file's name, as "audit" and ".npz".
    key : JSON values
        What the file depends on.
    make : callable
        Writes the file under a name of a draft, which has the same suffix.
    keep : int
        Files of this kind that are kept; those that were not used for the longest time are deleted.

    Raises
    ------
    Unavailable
        The file cannot be stored. Errors of `make` are raised as they are.
    """
    path = derived_path(folder, kind, suffix, key)
    with contextlib.suppress(OSError):
        # the time of the last use
        os.utime(path)
        return path
    draft = folder / f".draft-{secrets.token_hex(8)}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        make(draft)
        draft.replace(path)
    except OSError as error:
        raise _unavailable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    _prune(folder, kind, suffix, keep)
    return path


def _prune(folder: Path, kind: str, suffix: str, keep: int) -> None:
    with contextlib.suppress(OSError):
        files = sorted(folder.glob(f"{kind}-*{suffix}"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[keep:]:
            path.unlink(missing_ok=True)
