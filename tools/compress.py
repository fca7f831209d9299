"""Compress static files with gzip when an image is built, so that nginx does not compress them for every request.

Each file that becomes smaller is written under the same name into another tree, which nginx/static.conf reads first.
The same files give the same bytes. A compressed file keeps the modification time, from which nginx makes its ETag.
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
    """Write the compressed tree and replace an earlier one.

    Parameters
    ----------
    source : Path
        Static files.
    target : Path
        Folder of the compressed files; an existing one is replaced.

    Returns
    -------
    int
        Number of files that were compressed.
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
    """Compress one file; return whether it became smaller and was written."""
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0)
    if len(packed) >= len(content):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(packed)
    shutil.copystat(path, target)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when the tree was written, 1 when it could not be."""
    parser = argparse.ArgumentParser(prog="tools/compress.py", description="Compress static files for nginx.")
    parser.add_argument("source", type=Path, help="static files, such as app/static")
    parser.add_argument("target", type=Path, help="folder of the compressed files; an existing one is replaced")
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
