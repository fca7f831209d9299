"""Names of the files that belong to a raster file: legends, coordinate systems, values beside a header."""

from __future__ import annotations

from pathlib import PurePath

#: Endings after the whole name of the raster, as ``biome.tif.aux.xml``.
AFTER_NAME = (".aux.xml", ".ovr", ".msk", ".vat.dbf", ".vat.cpg")
#: Endings instead of that of the raster: bio1.gri belongs to bio1.grd, and not to a bio1.tif beside it.
INSTEAD_OF_ENDING = {
    ".grd": (".gri",),
    ".asc": (".prj", ".aux.xml"),
    ".tif": (".tfw", ".tifw", ".wld", ".vat.dbf", ".aux.xml"),
    ".tiff": (".tfw", ".tiffw", ".wld", ".vat.dbf", ".aux.xml"),
}
#: Ending of the file in which ``python -m ml gbif`` writes the citation of the file beside it.
CITATION = ".citation.txt"
_ENDINGS = tuple(sorted({*AFTER_NAME, *(ending for endings in INSTEAD_OF_ENDING.values() for ending in endings)}))


def is_companion(name: str) -> bool:
    """Return whether a file is no table or raster by itself, by its name: it belongs to a raster or is a citation."""
    return name.casefold().endswith((*_ENDINGS, CITATION))


def companion_names(raster: str) -> list[str]:
    """Return the names that files can have which belong to a raster, as ``biome.tif`` or ``bio1.grd``."""
    path = PurePath(raster)
    names = {raster + ending for ending in AFTER_NAME}
    names |= {path.stem + ending for ending in INSTEAD_OF_ENDING.get(path.suffix.lower(), ())}
    return sorted(names - {raster})
