"""The files in which the counters of all workers meet, on a disk that may be full.

prometheus_client writes into mapped files with holes. On a full disk the kernel cannot fill a hole and ends the process
with SIGBUS, and each worker that takes its place in the same way. Here the room is reserved before it is written to;
where there is none, a worker counts in memory, and others do not see what it counts.
"""

from __future__ import annotations

import contextlib
import logging
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
_FIRST = 1 << 16
# around a key: its length, what fills it up to eight bytes, value and moment
_AROUND = 4 + 8 + 16
_no_room = ThrottledLog(log)


class ReservedFile(MmapedDict):
    """One file of one worker.

    Parameters
    ----------
    filename : str
    read_mode : bool
        Only read it.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if read_mode or _reserved(filename):
            super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]
            return
        with _memory() as instead:
            super().__init__(instead)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        needed, capacity = self._used + len(key.encode()) + _AROUND, self._capacity
        while capacity < needed:
            capacity *= 2
        if capacity > self._capacity:
            try:
                os.posix_fallocate(self._f.fileno(), 0, capacity)
            except OSError as error:
                self._leave(error)
        super()._init_value(key)  # type: ignore[no-untyped-call]

    def _leave(self, error: OSError) -> None:
        """Go on in memory; the file stays as it is, and is what others see."""
        _say(self._fname, error)
        with _memory() as instead:
            file = Path(instead).open("a+b")  # noqa: SIM115 (mapped for as long as the process lives)
        file.write(self._m[:])
        file.flush()
        self._m.close()
        self._f.close()
        self._f, self._m = file, mmap.mmap(file.fileno(), self._capacity)


def install() -> None:
    """Let counters made from now on lie in such files."""
    # not where the system knows neither of the two: the development machines of some
    if hasattr(os, "posix_fallocate") and hasattr(os, "memfd_create"):
        values.MmapedDict = ReservedFile  # type: ignore[attr-defined]


def _reserved(filename: str) -> bool:
    """Reserve the room that a file has, or a new one begins with; a new one that finds none is taken away again."""
    fresh = False
    try:
        with Path(filename).open("a+b") as file:
            size = os.fstat(file.fileno()).st_size
            fresh = size == 0
            os.posix_fallocate(file.fileno(), 0, size or _FIRST)
    except OSError as error:
        _say(filename, error)
        if fresh:
            with contextlib.suppress(OSError):
                Path(filename).unlink()
        return False
    return True


@contextlib.contextmanager
def _memory() -> Iterator[str]:
    """A file that has no place on any disk, by the name under which it can be opened."""
    handle = os.memfd_create("metrics")
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def _say(filename: str, error: OSError) -> None:
    _no_room.warning("no room for metrics at %s (%s): this worker counts for itself", filename, error.strerror)
