"""The files of studies on the disk: whole files, parts of uploads, and the space that is left.

``DATA_DIR/studies/<slug>/files`` has whole files alone, ``parts`` the beginnings of uploads, ``cache`` what can be
computed again. No link is followed: a folder or file that is a symbolic link is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from app.errors import AppError, Conflict, InsufficientStorage, NotFound
from app.file_search import find
from app.studies.own import studies_dir
from app.web.faces import settings
from app.web.sizes import size_text

#: Bytes of the disk that uploads leave free.
RESERVE = 200 * 1024 * 1024
#: Seconds after which the part of an upload that was not continued is removed.
PART_LIFE_S = 7 * 24 * 3600
BLOCK = 256 * 1024
_FOLDERS = ("files", "parts", "cache")
_LOCK_S = 30.0


def create_folders(slug: str) -> None:
    """Create the folders of a study."""
    root = studies_dir() / slug
    for folder in (root, *(root / name for name in _FOLDERS)):
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_symlink():
            raise Conflict("The folder of this study is a link on the server, so no file is stored in it.")


def exists(slug: str) -> bool:
    """Return whether the folder of a study exists, also that of one that was deleted."""
    return os.path.lexists(studies_dir() / slug)


def remove_study(slug: str) -> None:
    """Remove all files of a study. Its folder is renamed first, so that no half of a study stays under its name."""
    root, away = studies_dir() / slug, studies_dir() / f".deleted-{secrets.token_hex(8)}"
    with contextlib.suppress(FileNotFoundError):
        root.rename(away)
        remove_tree(away)


def remove_tree(path: Path) -> None:
    """Remove a folder, a file or a link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(slug: str) -> Iterator[None]:
    """Hold the lock of a study's files; the kernel releases it when the process dies.

    Raises
    ------
    Conflict
        Another request holds it for too long.
    """
    path = studies_dir() / slug / ".lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileNotFoundError:
        raise NotFound(f"There is no study of own data “{slug[:100]}”.") from None
    except OSError as error:
        raise disk_problem(error) from error
    try:
        if not lock(handle, _LOCK_S):
            raise Conflict("The files of this study are being changed by another request. Try again in a moment.")
        yield
    finally:
        os.close(handle)


def lock(handle: int, seconds: float) -> bool:
    """Lock an open file within some seconds; return whether that was possible."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


@contextlib.contextmanager
def as_problem() -> Iterator[None]:
    """Turn a failure of the disk into an answer."""
    try:
        yield
    except OSError as error:
        raise disk_problem(error) from error


def disk_problem(error: OSError) -> AppError:
    """Return the answer to a failure of the disk."""
    return InsufficientStorage(
        f"The server cannot store the file: {error.strerror}. What has arrived is kept; continue later, or tell the "
        "operator."
    )


def place(part: Path, target: Path, twins: list[Path]) -> bool:
    """Move a whole file to its name, in one step that survives a crash; return whether it shares its space.

    Parameters
    ----------
    part : Path
        Synced to the disk.
    target : Path
    twins : list of Path
        Files with the same content.
    """
    shared = False
    for twin in twins:
        link = part.with_name(f".link-{secrets.token_hex(8)}")
        # A file system may not have hard links, or too many of one file.
        with contextlib.suppress(OSError):
            os.link(twin, link, follow_symlinks=False)
            # a second name of one content: renaming it over itself would leave both names
            if target.exists() and link.samefile(target):
                link.unlink()
                part.unlink()
                return True
            link.replace(target)
            part.unlink()
            shared = True
            break
    if not shared:
        part.replace(target)
    for folder in {target.parent, part.parent}:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return shared


def check_space(more: int, stored: int, own: int = 0) -> int:
    """Return the bytes that the quota and the disk have space for.

    Parameters
    ----------
    more : int
        Bytes that are still to arrive.
    stored : int
        Bytes of the files of all studies.
    own : int
        Bytes of this upload that have arrived, where it is longer than its beginning told.

    Raises
    ------
    InsufficientStorage
        There is less space than `more`.
    """
    quota = settings().upload_quota
    begun = bytes_of_parts()
    needs = f"{size_text(more)} more" if not own else f"more than {size_text(own)}"
    if stored + begun + more > quota:
        raise InsufficientStorage(
            f"The files of all studies may take {size_text(quota)} (UPLOAD_QUOTA); {size_text(stored + begun - own)} "
            f"are used and this upload needs {needs}. Delete files that no study uses, or ask the operator."
        )
    free = shutil.disk_usage(studies_dir()).free
    if free - RESERVE < more:
        raise InsufficientStorage(
            f"The disk of the server has {size_text(max(0, free - RESERVE))} left for uploads and this upload needs "
            f"{needs}. Delete files that no study uses, or ask the operator."
        )
    return min(quota - stored - begun, free - RESERVE)


def bytes_of_parts() -> int:
    """Return the bytes of the parts of all studies."""
    total = 0
    for path in find(studies_dir(), "*/parts/*.part"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total


def remove_old_parts(slug: str = "*") -> None:
    """Remove parts of uploads that nobody has continued."""
    oldest = time.time() - PART_LIFE_S
    for pattern in (f"{slug}/parts/*.part", f"{slug}/parts/*.lock", f"{slug}/parts/.link-*"):
        for path in find(studies_dir(), pattern):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < oldest:
                    path.unlink()


def remove_parts(slug: str, name: str) -> None:
    """Remove the parts of the uploads of a name."""
    for path in find(studies_dir() / slug / "parts", f"{digest_of(name)}-*.part"):
        path.unlink(missing_ok=True)


def remove_parts_of(slug: str, token: str) -> None:
    """Remove the parts and locks of the uploads with a token, none of which may be running."""
    for path in find(studies_dir() / slug / "parts", f"*-{digest_of(token)}.*"):
        path.unlink(missing_ok=True)


def digest_of(text: str) -> str:
    """Return what stands for a text in the name of a part."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]
