"""The folders of maps below DATA_DIR."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
from pathlib import Path
from typing import Any

from app.web.faces import settings
from ml.projection.layout import OUTLINES

#: Of a map and of a comparison of maps.
_SUMMARIES, _PREVIEW = ("map.json", "change.json"), "preview"
_LARGEST = 64 * 1024 * 1024
_DELETED = ".deleted-"


def maps_dir() -> Path:
    """Return the folder of all maps."""
    return settings().data_dir.resolve() / "maps"


def folder_of(map_id: str) -> Path:
    """Return the folder of a map."""
    return maps_dir() / map_id


def raster_folder(map_id: str) -> tuple[Path, bool] | None:
    """Return the folder with the files of a map, and whether it is a preview; None where there are none yet."""
    folder = folder_of(map_id)
    if folder.is_symlink():
        return None
    if _is_finished(folder):
        return folder, False
    if (folder / _PREVIEW).is_dir() and not (folder / _PREVIEW).is_symlink():
        return folder / _PREVIEW, True
    # the summary is written before the preview is removed, and can have appeared since it was looked for
    return (folder, False) if _is_finished(folder) else None


def _is_finished(folder: Path) -> bool:
    return any(file_of(folder, name) is not None for name in _SUMMARIES)


def file_of(folder: Path, name: str) -> Path | None:
    """Return a regular file of a folder, or None: links are never followed."""
    path = folder / name
    try:
        return path if stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def read_summary(map_id: str) -> dict[str, Any] | None:
    """Return the summary of a finished map or comparison, or None."""
    path = next((path for name in _SUMMARIES if (path := file_of(folder_of(map_id), name)) is not None), None)
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8") as stream:
            content = json.loads(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def written_files(summary: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of the files of a finished map or comparison, by name.

    Raises
    ------
    ValueError
        The summary is damaged.
    """
    outlines = summary.get("outlines") or {}
    try:
        files = {f"{name}.tif": (one["size"], one["sha256"]) for name, one in summary["quantities"].items()}
        # maps of earlier versions have none, or one that nobody can check
        if "sha256" in outlines:
            files[OUTLINES] = outlines["size"], outlines["sha256"]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the files of a map are not listed") from error
    return files


def has_whole_files(map_id: str) -> bool:
    """Return whether all files of a finished map are there and have the sizes of its summary."""
    summary, folder = read_summary(map_id), folder_of(map_id)
    if summary is None:
        return False
    try:
        files = written_files(summary)
        paths = {name: file_of(folder, name) for name in files}
        return all((path := paths[name]) is not None and path.stat().st_size == files[name][0] for name in files)
    except (ValueError, OSError):
        return False


def remove(map_id: str) -> None:
    """Remove the files of a map. It is renamed first, so that no file of it is found a moment later."""
    folder = folder_of(map_id)
    gone = folder.with_name(f"{_DELETED}{map_id}")
    with contextlib.suppress(OSError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def names() -> list[str]:
    """Return the names of the folders of maps, those of unfinished removals included."""
    with contextlib.suppress(OSError):
        return sorted(path.name for path in maps_dir().iterdir())
    return []
