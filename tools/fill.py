"""Fill a volume from a folder: ``python -m tools.fill /demo /data`` copies what is missing or incomplete.

A file is copied under another name and then renamed, so that it is never there in part. A file of another size is
replaced: earlier versions copied in place, and a copy that was killed left it too short. Files that the folder does not
have stay.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

_DRAFT = ".fill-draft"


def fill(source: Path, target: Path) -> int:
    """Copy the files of a folder that another one lacks, or has in another size.

    Parameters
    ----------
    source, target : Path
        Folders; the second one and its folders are made.

    Returns
    -------
    int
        The number of files that were copied.

    Raises
    ------
    OSError
        A file cannot be read or written.
    """
    copied = 0
    for folder, _, names in os.walk(source, onerror=_raise):
        there = target / Path(folder).relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        for name in names:
            file, draft = there / name, there / f".{name}{_DRAFT}"
            if file.is_file() and file.stat().st_size == (Path(folder) / name).stat().st_size:
                continue
            shutil.copy2(Path(folder) / name, draft)
            draft.replace(file)
            copied += 1
    return copied


def _raise(error: OSError) -> None:
    raise error


def main(arguments: list[str] | None = None) -> int:
    """Fill a folder; 1 where a file cannot be read or written, after one line."""
    parser = argparse.ArgumentParser(prog="python -m tools.fill", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="folder that is copied from")
    parser.add_argument("target", type=Path, help="folder that is filled")
    given = parser.parse_args(arguments)
    try:
        copied = fill(given.source, given.target)
    except OSError as error:
        print(f"fill: {error}", file=sys.stderr)
        return 1
    print(f"Copied {copied} files to {given.target}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
