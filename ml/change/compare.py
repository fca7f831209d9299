"""The comparison of the map of today with those of scenarios: its files and its summary."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.change.counting import ScenarioCount, Suitable, Together, suitable_cells
from ml.change.errors import ChangeError
from ml.change.layout import SUMMARY
from ml.change.maps import MapRef, OpenMap, check_maps, opened, read_map
from ml.change.places import CellPlaces
from ml.change.quantities import quantities_of
from ml.change.range_size import RangeSize
from ml.change.summary import Counts, summarise, tags_of
from ml.layers.files import sha256_of
from ml.layers.raster_values import windows
from ml.layers.rasters import gdal
from ml.projection.areas import CellAreas
from ml.projection.cogs import TILE, write_cog
from ml.projection.errors import ProjectionError
from ml.projection.layout import WORK
from ml.projection.quantities import Quantity
from ml.projection.raw_files import raw_file, write_at
from ml.projection.work import clear, locked
from ml.recipes.reports import Grid

Advance = Callable[[float, str], None]
#: Rises when the same maps give other bytes.
_VERSION = 2
_QUANTITIES = ("verdict", "inside", "mess", "suitability")
#: Cells that are compared at once.
_WINDOW = 2**19
_COUNTED, _MEASURED = 0.6, 0.9


def compare(
    today: Path,
    scenarios: Sequence[Path],
    output: Path,
    *,
    advance: Advance = lambda share, message: None,
    replace: bool = False,
) -> dict[str, Any]:
    """Compare the map of today with those of scenarios, block by block, and write the files.

    Parameters
    ----------
    today : Path
        Folder of the finished map of the training conditions.
    scenarios : sequence of Path
        Folders of finished maps of the same model on the same grid, 20 at most.
    output : Path
        Folder of the comparison: new, empty, or with the same comparison.
    advance : callable, optional
        Is called with the share that is done, and a message.
    replace : bool
        Discard another comparison in the folder.

    Returns
    -------
    dict
        The content of ``change.json``.

    Raises
    ------
    ChangeError
        The maps cannot be compared, a file is damaged, or the folder has other content.
    """
    refs = [read_map(folder) for folder in (today, *scenarios)]
    check_maps(refs[0], refs[1:])
    key = _key_of(refs)
    quantities = quantities_of(len(scenarios))
    summary = _claim(output, key, refs, replace=replace)
    if summary is not None:
        return summary
    with _plain_errors(output), gdal(), opened(refs, _QUANTITIES) as maps, locked(output / WORK):
        work = (output / WORK).absolute()
        clear(work)
        counts = _count(maps, work, quantities, advance)
        sizes = []
        for n, (one, suitable) in enumerate(zip(maps, counts.suitable, strict=True)):
            advance(_COUNTED + (_MEASURED - _COUNTED) * n / len(maps), "Measuring the range")
            sizes.append(_measure(one, suitable))
        advance(_MEASURED, "Writing the files")
        for quantity in quantities:
            write_cog(work, quantity, refs[0].about.grid, tags_of(refs, quantity))
        files = {
            one.name: {"size": (work / one.file).stat().st_size, "sha256": sha256_of(work / one.file)}
            for one in quantities
        }
        summary = summarise(refs, counts, sizes, quantities, files) | {"key": key}
        _publish(output, work, quantities, summary)
    shutil.rmtree(output / WORK, ignore_errors=True)
    advance(1.0, "The comparison is complete")
    return summary


def _key_of(refs: Sequence[MapRef]) -> str:
    content = {"version": _VERSION, "maps": [ref.about.key for ref in refs]}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _claim(output: Path, key: str, refs: Sequence[MapRef], *, replace: bool) -> dict[str, Any] | None:
    """Return the summary of the same comparison; refuse, or with `replace` remove, another one."""
    if output.is_symlink() or (output.exists() and not output.is_dir()):
        raise ChangeError(f"{output} is not a folder")
    if output.resolve() in [ref.folder.resolve() for ref in refs]:
        raise ChangeError(f"{output} has a map that is compared: give the comparison a folder of its own")
    members = {path.name for path in output.iterdir()} if output.exists() else set()
    files = {one.file for one in quantities_of(2)}
    own = {SUMMARY, WORK, *files, *(f"{name}.aux.xml" for name in files)}
    if strange := sorted(members - own):
        raise ChangeError(f"{output} has other files, as {strange[0]}: give the comparison a folder of its own")
    content = _read(output / SUMMARY)
    needed = {one.file for one in quantities_of(len(refs) - 1)}
    if content is not None and content.get("key") == key and needed <= members:
        return content
    if members - {WORK} and not replace:
        raise ChangeError(f"{output} has another comparison: give another folder, or add --replace to discard it")
    # the summary first: without it the rest is no comparison
    for name in sorted(members - {WORK}, key=lambda name: (name != SUMMARY, name)):
        (output / name).unlink()
    return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes()[: 64 * 1024 * 1024])
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _windows(grid: Grid) -> list[tuple[slice, slice]]:
    return list(windows(grid.height, grid.width, (TILE, TILE), _WINDOW))


def _areas(areas: CellAreas, rows: slice, columns: slice) -> NDArray[np.float64]:
    return np.broadcast_to(areas.of(rows, columns), (rows.stop - rows.start, columns.stop - columns.start))


def _count(maps: Sequence[OpenMap], work: Path, quantities: Sequence[Quantity], advance: Advance) -> Counts:
    """Classify all cells, and write the quantities to raw files."""
    grid = maps[0].ref.about.grid
    places, areas = CellPlaces(grid), CellAreas(grid)
    now = Suitable(places)
    each = [ScenarioCount(places) for _ in maps[1:]]
    together = Together(len(each)) if len(each) > 1 else None
    parts = _windows(grid)
    for done, (rows, columns) in enumerate(parts):
        advance(_COUNTED * done / len(parts), "Comparing the maps")
        area = _areas(areas, rows, columns)
        today = maps[0].read("verdict", rows, columns)
        now.add(rows, columns, suitable_cells(today), area)
        verdicts, suitability, results = [], [], {}
        for one, count in zip(maps[1:], each, strict=True):
            scenario = {name: one.read(name, rows, columns) for name in ("verdict", "inside", "mess")}
            results = {"change": count.add((rows, columns), today, scenario, area)}
            if together is not None:
                verdicts.append(scenario["verdict"])
                suitability.append(one.read("suitability", rows, columns))
        if together is not None:
            results = together.add(today, verdicts, suitability, area)
        for quantity in quantities:
            _write(work, quantity, grid.width, rows, columns, results[quantity.name])
    return Counts(now, each, together)


def _write(work: Path, quantity: Quantity, width: int, rows: slice, columns: slice, values: NDArray[Any]) -> None:
    size = quantity.itemsize
    handle = os.open(raw_file(work, quantity), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        for row, line in zip(range(rows.start, rows.stop), values.astype(quantity.dtype), strict=True):
            write_at(handle, line.tobytes(), (row * width + columns.start) * size)
    finally:
        os.close(handle)


def _measure(one: OpenMap, suitable: Suitable) -> dict[str, Any]:
    """Return AOO and EOO of the suitable cells of a map."""
    grid = one.ref.about.grid
    size, areas = RangeSize(grid, suitable.centre), CellAreas(grid)
    for rows, columns in _windows(grid):
        inside = suitable_cells(one.read("verdict", rows, columns))
        size.add(rows, columns, inside, _areas(areas, rows, columns))
    return {"aoo": size.aoo(), "eoo": size.eoo()}


def _publish(output: Path, work: Path, quantities: Sequence[Quantity], summary: dict[str, Any]) -> None:
    """Move the files into the folder, the summary last."""
    draft = work / SUMMARY
    draft.write_text(json.dumps(summary, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")
    for quantity in quantities:
        for name in (f"{quantity.file}.aux.xml", quantity.file):
            if (work / name).exists():
                (work / name).replace(output / name)
    draft.replace(output / SUMMARY)


@contextmanager
def _plain_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except ProjectionError as error:
        raise ChangeError(str(error).replace("writing the map", "writing the comparison")) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ChangeError(f"the disk of {output} is full: free some space and start again") from error
        raise
