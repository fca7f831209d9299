"""A small made study: two grids as text and a table of records, with nothing but the standard library."""

from __future__ import annotations

import math
import random

TITLE = "Walked lizards"
SPECIES = "Lacerta ficta"
_WIDTH, _HEIGHT, _CELL = 60, 40, 0.25
_WEST, _SOUTH = -9.0, 34.0


def _grid(values: list[list[float]]) -> bytes:
    head = f"ncols {_WIDTH}\nnrows {_HEIGHT}\nxllcorner {_WEST}\nyllcorner {_SOUTH}\ncellsize {_CELL}\n"
    return (head + "\n".join(" ".join(f"{value:.3f}" for value in row) for row in values) + "\n").encode()


def files() -> dict[str, bytes]:
    """Return the files of the study by name: the species lives in the warm half."""
    draw = random.Random(1)
    warmth = [[18 - 0.25 * y + draw.gauss(0, 0.4) for _ in range(_WIDTH)] for y in range(_HEIGHT)]
    slope = [[abs(10 * math.sin(x / 5) * math.cos(y / 6)) for x in range(_WIDTH)] for y in range(_HEIGHT)]
    lines = ["scientificName,decimalLongitude,decimalLatitude,year,license"]
    for cell in draw.sample(range(_WIDTH * _HEIGHT // 2), 60):
        y, x = divmod(cell, _WIDTH)
        longitude, latitude = _WEST + (x + 0.5) * _CELL, _SOUTH + (_HEIGHT - y - 0.5) * _CELL
        lines.append(f"{SPECIES},{longitude:.4f},{latitude:.4f},2015,CC0_1_0")
    return {
        "records.csv": ("\n".join(lines) + "\n").encode(),
        "bio1.asc": _grid(warmth),
        "slope.asc": _grid(slope),
        "bio1.prj": _PROJECTION,
        "slope.prj": _PROJECTION,
    }


_PROJECTION = (
    b'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],'
    b'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
)
