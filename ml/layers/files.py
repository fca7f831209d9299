"""Files that belong to a raster file, and the hash of all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: Endings of the files that belong to a raster, after its name and instead of its ending.
_AFTER = (".aux.xml", ".ovr", ".msk", ".vat.dbf", ".vat.cpg")
#: By the ending of the raster: bio1.gri belongs to bio1.grd, and not to a bio1.tif beside it.
_INSTEAD = {
    ".grd": (".gri",),
    ".asc": (".prj", ".aux.xml"),
    ".tif": (".tfw", ".tifw", ".wld", ".vat.dbf", ".aux.xml"),
    ".tiff": (".tfw", ".tiffw", ".wld", ".vat.dbf", ".aux.xml"),
}


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
    candidates = {path.with_name(path.name + ending) for ending in _AFTER}
    candidates |= {path.with_suffix(ending) for ending in _INSTEAD.get(path.suffix.lower(), ())}
    return sorted(file for file in candidates if file != path and (file.is_file() or file.is_symlink()))


def hash_layers(path: Path) -> str:
    """Return the SHA-256 of a raster file together with the files that belong to it.

    That of the file alone where there are no others, so that equal layers are found whatever their names are.
    """
    parts = [(file.name[len(path.stem) :], _sha256(file)) for file in companions(path)]
    own = _sha256(path)
    if not parts:
        return own
    text = "\n".join([own, *(f"{ending} {digest}" for ending, digest in sorted(parts))])
    return hashlib.sha256(text.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
