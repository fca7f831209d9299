"""The files that ``python -m ml train`` is given, in one folder."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ml.recipes.recipe import check_file_name


@contextlib.contextmanager
def open_folder(options: argparse.Namespace) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder that has all files, and their names. Files of several folders are linked into one."""
    if options.files is not None:
        if options.records or options.layers:
            raise ValueError("give a folder with --files, or files with --records and --layers, not both")
        if not options.files.is_dir():
            raise ValueError(f"{options.files} is not a folder")
        yield options.files, sorted(path.name for path in options.files.iterdir() if _is_usable(path))
        return
    paths = [*(options.records or []), *_layer_files(options.layers or [])]
    with tempfile.TemporaryDirectory(prefix="ecopredict-files-") as made:
        folder = Path(made)
        for path in paths:
            for one in (path, *_companions(path)):
                target = folder / check_file_name(one.name)
                if target.exists():
                    if target.samefile(one) or one != path:
                        continue
                    raise ValueError(f"two files are called {one.name}; rename one of them")
                _link(one, target)
        yield folder, sorted(path.name for path in folder.iterdir())


def _layer_files(paths: list[Path]) -> list[Path]:
    from ml.own_data.files import is_raster
    from ml.recipes.companions import is_companion

    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [one for one in sorted(path.iterdir()) if _is_usable(one) and not is_companion(one.name)]
            rasters = [one for one in inside if is_raster(one)]
            if not rasters:
                raise ValueError(f"{path} has no raster file")
            files += rasters
        elif path.is_file():
            files.append(path)
        else:
            raise ValueError(f"{path}: no such file or folder")
    return files


def _companions(path: Path) -> list[Path]:
    from ml.layers.files import companions

    return companions(path)


def _is_usable(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and not path.name.startswith(".")


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where the folders are on different disks."""
    if not source.is_file():
        raise ValueError(f"{source}: no such file")
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
