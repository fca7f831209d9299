"""The finished maps of a comparison, checked before they are opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from rasterio.windows import Window

from ml.card import Source
from ml.change.errors import ChangeError
from ml.change.layout import MOST_SCENARIOS
from ml.layers.files import sha256_of
from ml.layers.rasters import describe
from ml.projection.layout import SUMMARY, WORK, read_summary
from ml.recipes.reports import Grid, Scenario

_TYPES = {"verdict": "uint8", "inside": "uint8", "mess": "float32", "suitability": "uint16"}


class _Name(BaseModel):
    slug: str = ""
    scientific_name: str = ""
    title: str = ""


class _File(BaseModel):
    file: str
    size: int
    sha256: str


class _Summary(BaseModel):
    """What a comparison uses of the summary of a map."""

    model_id: str
    key: str
    species: _Name
    study: _Name
    scenario: Scenario | None
    shift: dict[str, float] = {}
    shift_text: str = ""
    grid: Grid
    better_than_chance: bool = True
    quantities: dict[str, _File]
    sources: list[Source]
    notes: list[str] = []


@dataclass(frozen=True)
class MapRef:
    """A finished map.

    Attributes
    ----------
    folder : Path
    about : _Summary
        Its summary.
    """

    folder: Path
    about: _Summary

    @property
    def label(self) -> str:
        """The scenario and the stated change of layers; empty for the map of today."""
        scenario = self.about.scenario.label if self.about.scenario is not None else ""
        return ", ".join(part for part in (scenario, self.about.shift_text) if part)


def read_map(folder: Path) -> MapRef:
    """Return the map of a folder.

    Raises
    ------
    ChangeError
        It has no finished map, or its summary is damaged.
    """
    if not folder.is_dir():
        raise ChangeError(f"{folder} is not a folder")
    content = read_summary(folder)
    if content is None:
        if (folder / SUMMARY).exists():
            raise ChangeError(f"{folder / SUMMARY} is damaged: make the map again")
        unfinished = (folder / WORK).is_dir()
        reason = "is not finished: run python -m ml project again" if unfinished else f"has no {SUMMARY}: it is no map"
        raise ChangeError(f"the map {folder} {reason}")
    try:
        return MapRef(folder, _Summary.model_validate(content))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ChangeError(f"{folder / SUMMARY} is damaged at {where}: make the map again") from None


def check_maps(today: MapRef, scenarios: Sequence[MapRef]) -> None:
    """Raise ChangeError where maps cannot be compared."""
    if not scenarios:
        raise ChangeError("name the map of at least one scenario")
    if len(scenarios) > MOST_SCENARIOS:
        raise ChangeError(f"there are {len(scenarios)} scenarios; a comparison has {MOST_SCENARIOS} at most")
    if today.label:
        raise ChangeError(
            f"{today.folder} is a map of {today.label}: the map of today is that of the training conditions"
        )
    seen = {today.about.key: today.folder}
    labels: dict[str, Path] = {}
    for one in scenarios:
        if one.about.model_id != today.about.model_id:
            raise ChangeError(
                f"{one.folder} is a map of the model {one.about.model_id}, and {today.folder} of "
                f"{today.about.model_id}: compare maps of one model"
            )
        if one.about.key in seen:
            raise ChangeError(f"{one.folder} and {seen[one.about.key]} are the same map")
        seen[one.about.key] = one.folder
        if one.about.grid != today.about.grid:
            raise ChangeError(f"{one.folder} has another grid than {today.folder}: {_difference(one, today)}")
        if not one.label:
            raise ChangeError(f"{one.folder} is a map of the training conditions: give the map of a scenario")
        if one.label in labels:
            raise ChangeError(f"{labels[one.label]} and {one.folder} are both maps of {one.label}")
        labels[one.label] = one.folder


def _difference(one: MapRef, today: MapRef) -> str:
    own, other = one.about.grid.model_dump(), today.about.grid.model_dump()
    name = next(name for name in own if own[name] != other[name])
    return f"its {name} is {str(own[name])[:80]} instead of {str(other[name])[:80]}"


class OpenMap:
    """The files of a map, open.

    Parameters
    ----------
    ref : MapRef
    names : sequence of str
        Quantities.

    Raises
    ------
    ChangeError
        A file is absent, or is not the one that was written.
    """

    def __init__(self, ref: MapRef, names: Sequence[str]) -> None:
        self.ref = ref
        self._exit, self._files = ExitStack(), {}
        try:
            for name in names:
                self._files[name] = self._open(name)
        except BaseException:
            self.close()
            raise

    def _open(self, name: str) -> Any:
        about, path = self.ref.about.quantities.get(name), self.ref.folder / f"{name}.tif"
        if about is None or not path.is_file():
            raise ChangeError(f"{path} does not exist: make the map again")
        if path.stat().st_size != about.size or sha256_of(path) != about.sha256:
            raise ChangeError(f"{path} is damaged: make the map again")
        try:
            data = self._exit.enter_context(rasterio.open(path, driver="GTiff"))
        except rasterio.RasterioIOError as error:
            raise ChangeError(f"{path} cannot be read: {describe(error, path)}") from error
        grid = self.ref.about.grid
        if data.shape != (grid.height, grid.width) or data.dtypes[0] != _TYPES[name]:
            raise ChangeError(f"{path} is not the file of its {SUMMARY}: make the map again")
        return data

    def read(self, name: str, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a window of a quantity as it is stored."""
        window = Window(columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        try:
            return np.asarray(self._files[name].read(1, window=window))
        except rasterio.RasterioIOError as error:
            path = self.ref.folder / f"{name}.tif"
            raise ChangeError(f"{path} cannot be read: {describe(error, path)}") from error

    def close(self) -> None:
        """Close the files."""
        self._exit.close()


@contextmanager
def opened(refs: Sequence[MapRef], names: Sequence[str]) -> Iterator[list[OpenMap]]:
    """Yield maps with open files."""
    with ExitStack() as exits:
        maps = []
        for ref in refs:
            maps.append(OpenMap(ref, names))
            exits.callback(maps[-1].close)
        yield maps
