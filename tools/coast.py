"""Draw the coasts of maps from the 1 km mask of land and sea in the wheel ``global-land-mask``.

The outline that `tools/fetch.py` stores (1:110 million) is too coarse above zoom 4. This one has cells of 1/40 degree,
2.8 km at the equator, without their steps, in pieces of 30 degrees.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray

from app.cartography.coast_pieces import COLUMNS, FOLDER, ROWS, SIDE, piece_name
from ml.records.land import mask_file

PROJECT = Path(__file__).resolve().parent.parent
#: Rows and columns of cells of the mask that become one cell, and cells for a degree then.
_FACTOR, _PER_DEGREE = 3, 40
#: Cells by which a line may leave the edges of cells: half of the diagonal, and a little more.
_TOLERANCE = 0.75
#: Degrees beside the antimeridian and the poles, where a coast ends.
_EDGE = 1e-6


def read_land(path: Path) -> NDArray[np.bool_]:
    """Return where at least half of a cell is land, shape (7200, 14400), from the north-west."""
    rows = []
    with zipfile.ZipFile(path) as archive, archive.open("mask.npy") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("the mask is not in the format that is known")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != (180 * _FACTOR * _PER_DEGREE, 360 * _FACTOR * _PER_DEGREE) or dtype != np.bool_:
            raise ValueError("the mask has another shape or type than the one that is known")
        size = shape[1] * _FACTOR
        for _ in range(shape[0] // _FACTOR):
            sea = np.frombuffer(stream.read(size), dtype=np.uint8).reshape(_FACTOR, -1)
            # sums of whole rows and columns: NumPy's sum over an axis of three takes several times as long
            down = functools.reduce(np.add, sea)
            rows.append(functools.reduce(np.add, (down[start::_FACTOR] for start in range(_FACTOR))) <= _FACTOR**2 / 2)
    return np.array(rows)


def draw_coasts(land: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Return the edges of land as lines, degrees."""
    shapes = rasterio.features.shapes(land.astype(np.uint8), mask=land)
    polygons = shapely.simplify([shapely.geometry.shape(one) for one, _ in shapes], _TOLERANCE)
    lines = shapely.get_rings(polygons)
    per_degree = land.shape[1] / 360
    return shapely.transform(lines, lambda xy: np.stack([xy[:, 0] / per_degree - 180, 90 - xy[:, 1] / per_degree], 1))


def cut(lines: NDArray[np.object_]) -> Iterator[tuple[str, list[list[list[float]]]]]:
    """Yield the name of each piece, and its lines: longitudes and latitudes with three decimals."""
    tree = shapely.STRtree(lines)
    for row in range(ROWS):
        for column in range(COLUMNS):
            west, north = column * SIDE - 180, 90 - row * SIDE
            sides = [max(west, -180 + _EDGE), max(north - SIDE, -90 + _EDGE)]
            sides += [min(west + SIDE, 180 - _EDGE), min(north, 90 - _EDGE)]
            near = lines[tree.query(shapely.box(*sides))]
            parts = shapely.get_parts(shapely.clip_by_rect(near, *sides))
            yield (
                piece_name(column, row),
                [np.round(shapely.get_coordinates(one), 3).tolist() for one in parts if one.length > 0],
            )


def write_coasts(data_dir: Path) -> bool:
    """Write the pieces below a data directory, unless they are there; return whether they were written."""
    target, mask = data_dir / FOLDER, mask_file()
    if target.is_dir() or mask is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".drawing-", dir=target.parent))
    try:
        for name, lines in cut(draw_coasts(read_land(mask))):
            content = {"type": "MultiLineString", "coordinates": lines}
            (draft / name).write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        # mkdtemp's 0700 would keep another user from reading them
        draft.chmod(0o755)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 1 where the coasts cannot be drawn."""
    parser = argparse.ArgumentParser(prog="tools/coast.py", description="Draw the coasts of maps.")
    default = Path(os.environ.get("DATA_DIR") or PROJECT / "instance")
    parser.add_argument("--data-dir", type=Path, default=default, help="where data goes (default: %(default)s)")
    try:
        if write_coasts(parser.parse_args(arguments).data_dir):
            print("The coasts of maps are drawn.")
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        print(f"coast: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
