"""Pack static files once, when an image is built, so that nginx need not pack them at every request.

Each file that shrinks is written gzip-packed under the same name into another tree, where nginx/static.conf looks
first. The same files give the same bytes, and a file keeps its time, so that its ETag says whether it changed.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import sys
from pathlib import Path

PACKED = frozenset({".css", ".html", ".js", ".json", ".map", ".svg", ".txt"})


def pack(source: Path, target: Path) -> int:
    """Write the packed tree, in place of an earlier one.

    Parameters
    ----------
    source : Path
        Static files as they are.
    target : Path
        Where the packed ones go; what is there is replaced.

    Returns
    -------
    int
        Files that were packed.
    """
    draft = target.with_name(f".{target.name}-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix in PACKED)
    count = sum(_pack_file(path, draft / path.relative_to(source)) for path in files)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return count


def _pack_file(path: Path, target: Path) -> bool:
    """Pack one file; one that would not shrink is left out."""
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    if len(packed) >= len(content):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(packed)
    shutil.copystat(path, target)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the tree is packed, 1 when it could not be written."""
    parser = argparse.ArgumentParser(prog="tools/compress.py", description="Pack static files for nginx.")
    parser.add_argument("source", type=Path, help="static files, such as app/static")
    parser.add_argument("target", type=Path, help="where the packed files go; what is there is replaced")
    options = parser.parse_args(arguments)
    if not options.source.is_dir():
        print(f"compress: {options.source} is not a folder", file=sys.stderr)
        return 2
    try:
        count = pack(options.source, options.target)
    except OSError as error:
        print(f"compress: {error.filename or error}: {error.strerror or 'failed'}", file=sys.stderr)
        return 1
    print(f"Packed {count} files into {options.target}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
