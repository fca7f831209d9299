"""Files that belong to a raster file, and the hash of all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ml.recipes.companions import companion_names


def companions(path: Path) -> list[Path]:
    """Return the files that belong to a raster file, in the order of their names.

    Parameters
    ----------
    path : Path
        As ``biome.tif`` (``biome.tif.aux.xml``, ``biome.tfw``), ``bio1.grd`` (``bio1.gri``) or ``bio1.asc``
        (``bio1.prj``).

    Returns
    -------
    list of Path
    """
    candidates = (path.with_name(name) for name in companion_names(path.name))
    return [file for file in candidates if file.is_file() or file.is_symlink()]


def hash_layers(path: Path) -> str:
    """Return the SHA-256 of a raster file together with the files that belong to it.

    That of the file alone where there are no others, so that equal layers are found whatever their names are.
    """
    parts = [(file.name[len(path.stem) :], sha256_of(file)) for file in companions(path)]
    own = sha256_of(path)
    if not parts:
        return own
    text = "\n".join([own, *(f"{ending} {digest}" for ending, digest in sorted(parts))])
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
