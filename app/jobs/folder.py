"""The folder of a job: its working files, and its log of limited size."""

from __future__ import annotations

import contextlib
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

LOG_NAME = "log.txt"
#: Marks a folder whose working files are not deleted yet.
MARKER = ".working"
LARGEST_LOG = 5_000_000
LONGEST_LINE = 4_000
_FULL = "The log is full; further lines are not written."


def plain(text: str, most: int = LONGEST_LINE) -> str:
    """Return a text as one line that a database can store."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:most]


def jobs_dir(data_dir: Path) -> Path:
    """Return the folder of the folders of jobs."""
    return data_dir.resolve() / "jobs"


def reduce_to_log(folder: Path) -> None:
    """Delete everything in the folder of a job but its log, and the folder too where there is no log."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        # the marker is deleted last, so that a later call goes on where this one is killed
        for path in sorted(folder.iterdir(), key=lambda path: path.name == MARKER):
            if path.name == LOG_NAME:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if not (folder / LOG_NAME).exists():
            folder.rmdir()


def unfinished(jobs: Path) -> list[str]:
    """Return the ids of the jobs whose folders have working files."""
    return sorted(path.parent.name for path in jobs.glob(f"*/{MARKER}"))


def read_log(folder: Path, offset: int, most: int = LARGEST_LOG + LONGEST_LINE) -> bytes | None:
    """Return the bytes of a log from an offset, or None where there is no log."""
    try:
        with (folder / LOG_NAME).open("rb") as stream:
            stream.seek(offset)
            return stream.read(most)
    except FileNotFoundError:
        return None


def _prefixes(folder: Path) -> list[str]:
    """Return the beginnings of paths that say where the server stores its files, longest first."""
    folder = folder.resolve()
    # DATA_DIR/jobs/<id>
    parents = [folder, *folder.parents[:2], Path(__file__).resolve().parents[2]]
    return sorted({f"{path}/" for path in parents if len(path.parts) > 2}, key=len, reverse=True)


class JobLog:
    """Writes the log of a job, line by line with the time, up to a largest size. Paths of the server are shortened.

    A log that cannot be written, such as on a full disk, does not end the job.

    Parameters
    ----------
    folder : Path
        The folder of the job. It is made when the first line is written.
    largest : int
        In bytes.
    """

    def __init__(self, folder: Path, largest: int = LARGEST_LOG) -> None:
        self._path = folder / LOG_NAME
        self._prefixes = _prefixes(folder)
        self._largest = largest
        self._lock = threading.Lock()
        try:
            self._size = self._path.stat().st_size
        except OSError:
            self._size = 0

    def without_paths(self, text: str) -> str:
        """Return a text without the beginnings of paths that say where the server stores its files."""
        for prefix in self._prefixes:
            text = text.replace(prefix, "")
        return text

    def write(self, line: str) -> None:
        """Append a line."""
        text = self.without_paths("".join(one if one.isprintable() or one == "\t" else " " for one in line))
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        data = f"{stamp} {text[:LONGEST_LINE].rstrip()}\n".encode("utf-8", "replace")
        with self._lock:
            if self._size >= self._largest:
                return
            if self._size + len(data) > self._largest:
                data = f"{stamp} {_FULL}\n".encode()
                self._size = self._largest
            with contextlib.suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("ab") as stream:
                    stream.write(data)
                self._size += len(data)
