"""Names of what the folder of a map contains, and its summary, without the libraries that read rasters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: The summary; a folder with it has a complete map.
SUMMARY = "map.json"
#: The suitable area as GeoJSON. Maps of earlier versions have none.
OUTLINES = "suitable.geojson"
#: Folder of a coarse preview, while the map is made.
PREVIEW = "preview"
#: Folder of unfinished blocks.
WORK = ".work"
_LARGEST = 64 * 1024 * 1024


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Return the summary of a finished map, or None where there is none that can be read."""
    try:
        with (folder / SUMMARY).open(encoding="utf-8") as stream:
            summary = json.loads(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return summary if isinstance(summary, dict) else None
