"""The beginning of an upload on the disk, which one request at a time continues."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

from app.errors import Conflict
from app.studies.own import studies_dir
from app.studies.storage import BLOCK, as_problem, digest_of, lock

_UNKNOWN_TOTAL = "x"
# Seconds that an upload waits for another one of the same file.
_WAIT_S = 2.0


class Part:
    """The beginning of an upload of one name, locked against other requests.

    Parameters
    ----------
    slug, name : str
    token : str
        What tells apart the uploads of two people; may be empty.
    total : int or None
        Bytes of the whole file, None where they are not known.
    """

    def __init__(self, slug: str, name: str, token: str, total: int | None) -> None:
        self.folder = studies_dir() / slug / "parts"
        self.total = total
        self._beginning = _beginning(name, token)
        self.path = self.folder / f"{self._beginning}{_UNKNOWN_TOTAL if total is None else total}.part"
        self._pattern = f"{self._beginning}*.part"
        self._lock_path = self.folder / f"{self._beginning}lock"
        self._lock = -1
        self._handle = -1

    def __enter__(self) -> Part:
        """Open and lock the part.

        Raises
        ------
        Conflict
            Another request is uploading it.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._lock = self._locked(flags)
        try:
            with as_problem():
                self._handle = os.open(self.path, flags, 0o600)
            if not stat.S_ISREG(os.fstat(self._handle).st_mode):
                raise Conflict("The part of this upload is not a file on the server, so nothing is stored in it.")
            if self.total is not None and self.size > self.total:
                self.cut(0)
        except BaseException:
            self._close()
            raise
        return self

    def _locked(self, flags: int) -> int:
        """Return the open lock of the uploads with this name and token, whatever their total."""
        deadline = time.monotonic() + _WAIT_S
        while True:
            with as_problem():
                handle = os.open(self._lock_path, flags, 0o600)
            if lock(handle, max(0.0, deadline - time.monotonic())) and _is_named(self._lock_path, handle):
                return handle
            # The request that had it has removed it.
            os.close(handle)
            if time.monotonic() >= deadline:
                raise Conflict("Another upload of this file is running. Try again when it has ended.")

    def _close(self) -> None:
        self._lock_path.unlink(missing_ok=True)
        for handle in (self._handle, self._lock):
            if handle >= 0:
                os.close(handle)

    def __exit__(self, *_: object) -> None:
        """Release the part; an empty one is removed."""
        if self.is_there and self.size == 0:
            self.remove()
        self._close()

    @property
    def is_there(self) -> bool:
        """Whether the part was not removed by another request, such as the deletion of the study."""
        return _is_named(self.path, self._handle)

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return os.fstat(self._handle).st_size

    def cut(self, size: int) -> None:
        """Keep the first bytes and write behind them."""
        os.ftruncate(self._handle, size)
        os.lseek(self._handle, size, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises
        ------
        InsufficientStorage
            The disk is full.
        """
        view = memoryview(data)
        with as_problem():
            while view:
                view = view[os.write(self._handle, view) :]

    def sync(self) -> None:
        """Wait until the content is on the disk."""
        with as_problem():
            os.fsync(self._handle)

    def sha256(self) -> str:
        """Return the hash of the content, read again from the disk."""
        digest, offset = hashlib.sha256(), 0
        while block := os.pread(self._handle, 4 * BLOCK, offset):
            digest.update(block)
            offset += len(block)
        return digest.hexdigest()

    def other_parts(self) -> list[tuple[int, int]]:
        """Return the bytes and the total of each other beginning of this name that can be continued."""
        totals = (path.name.split(".")[-2] for path in self.folder.glob(self._pattern) if path != self.path)
        sizes = [(arrived(self.folder, self._beginning, int(total)), int(total)) for total in totals if total.isdigit()]
        return [(size, total) for size, total in sizes if size]

    def remove_others(self) -> None:
        """Remove the other beginnings of this name, because a new upload takes their place."""
        for path in self.folder.glob(self._pattern):
            if path != self.path:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the part."""
        self.path.unlink(missing_ok=True)


def n_arrived(slug: str, name: str, token: str, total: int) -> int:
    """Return the bytes that have arrived of a file with a total; nothing is changed."""
    return arrived(studies_dir() / slug / "parts", _beginning(name, token), total)


def arrived(folder: Path, beginning: str, total: int) -> int:
    """Return the bytes of a part, 0 where it is not there."""
    try:
        status = (folder / f"{beginning}{total}.part").lstat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_size <= total else 0


def _beginning(name: str, token: str) -> str:
    return f"{digest_of(name)}-{digest_of(token)}."


def _is_named(path: Path, handle: int) -> bool:
    """Return whether an open file still has its name."""
    try:
        named = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(handle))
