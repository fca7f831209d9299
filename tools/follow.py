"""Copy models and layers of one site to another: ``python -m tools.follow SOURCE TARGET``.

SOURCE and TARGET are data directories; SOURCE may be a mounted share or a bucket that was synchronised. The lists of
active models are copied last, so that the second site never answers by a model that it lacks. A file is replaced in one
step. What is killed in the middle is done by the next call.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

#: In this order.
FOLDERS = ("models", "layers")
LAST = "registry"
_DRAFT = ".following"


def follow(source: Path, target: Path) -> int:
    """Copy what is new or has changed, and return the number of copied files.

    Parameters
    ----------
    source, target : Path
        Data directories.

    Raises
    ------
    ValueError
        The source is no data directory of a site, or source and target are one folder, or one is inside of the other.
    """
    if not (source / LAST).is_dir() or not (source / FOLDERS[0]).is_dir():
        raise ValueError(f"{source} is no data directory: it has no folders {FOLDERS[0]} and {LAST}")
    first, second = source.resolve(), target.resolve()
    # links are followed, so that a folder by another name is found too
    if first == second or first in second.parents or second in first.parents:
        raise ValueError(f"{target} and {source} are one folder or one is inside of the other; name two separate ones")
    # What is read now names no model that is added to the source meanwhile.
    lists = {file.name: file.read_bytes() for file in sorted((source / LAST).glob("*.json"))}
    copied = 0
    for folder in FOLDERS:
        for file in sorted((source / folder).rglob("*")):
            relative = file.relative_to(source)
            # drafts of trainings, which are renamed when they are complete
            if any(part.startswith(".") for part in relative.parts) or file.is_symlink() or not file.is_file():
                continue
            copied += _copy(file, target / relative)
    (target / LAST).mkdir(parents=True, exist_ok=True)
    for name, content in lists.items():
        place = target / LAST / name
        if not place.is_file() or place.read_bytes() != content:
            draft = place.with_name(f"{_DRAFT}-{name}")
            draft.write_bytes(content)
            draft.replace(place)
            copied += 1
    return copied


def _copy(file: Path, place: Path) -> bool:
    """Copy a file unless it is there with the same size and time."""
    status = file.stat()
    if place.is_file():
        there = place.stat()
        if (there.st_size, there.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
            return False
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{_DRAFT}-{place.name}")
    shutil.copyfile(file, draft)
    os.utime(draft, ns=(status.st_atime_ns, status.st_mtime_ns))
    draft.replace(place)
    return True


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.follow", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    try:
        copied = follow(options.source, options.target)
    except (ValueError, OSError) as error:
        print(f"python -m tools.follow: {error}", file=sys.stderr)
        return 2
    print(f"{copied} file{'s' if copied != 1 else ''} copied")
    return 0


if __name__ == "__main__":
    sys.exit(main())
