"""Check that a folder's file system locks files and folders: ``python -m tools.locks FOLDER``.

Several machines share DATA_DIR in a cluster. Locks keep a web process from removing the model that a worker is writing,
and two workers from changing the same files. NFS refuses an exclusive lock of a folder.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from pathlib import Path


def problem(folder: Path) -> str | None:
    """Return what is wrong with the locks below a folder, or None."""
    try:
        with tempfile.TemporaryDirectory(prefix=".locks-", dir=folder) as name:
            file = Path(name) / "file"
            file.touch()
            for path, flags in ((file, os.O_RDWR), (Path(name), os.O_RDONLY | os.O_DIRECTORY)):
                what = "files" if path == file else "folders"
                if not _excludes(path, flags):
                    return f"{folder}: locks of {what} do not exclude each other"
    except OSError as error:
        return f"{folder} cannot be locked: {error.strerror}"
    return None


def _excludes(path: Path, flags: int) -> bool:
    """Return whether a second lock is refused while the first is held."""
    first, second = os.open(path, flags), os.open(path, flags)
    try:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
    finally:
        os.close(first)
        os.close(second)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where the folder cannot be used, 2 where the arguments are wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    if given in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if len(given) != 1:
        print("usage: python -m tools.locks FOLDER", file=sys.stderr)
        return 2
    found = problem(Path(given[0]))
    if found is not None:
        print(f"locks: {found}. Use a volume whose file system has flock, also of folders.", file=sys.stderr)
    return 0 if found is None else 1


if __name__ == "__main__":
    sys.exit(main())
