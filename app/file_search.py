"""Search for files in folders that other processes and threads may remove meanwhile."""

from __future__ import annotations

from pathlib import Path


def find(folder: Path, pattern: str) -> list[Path]:
    """Return what matches a pattern below a folder.

    ``Path.glob`` raises FileNotFoundError for a folder that is removed while it is read; this leaves such a folder out.
    What is found may still be removed before it is used.

    Parameters
    ----------
    folder : Path
    pattern : str
        Names with wildcards, separated by slashes, without ``**``.

    Returns
    -------
    list of Path
    """
    name, _, rest = pattern.partition("/")
    try:
        found = list(folder.glob(name))
    except FileNotFoundError:
        return []
    return [path for one in found for path in find(one, rest)] if rest else found
