"""Stored layers of a study: the values of every cell, opened in milliseconds without GDAL.

A folder has ``layers.json`` and one ``.npy`` file for each layer set: float32, rows × columns × layers, so that the
values of a cell lie beside each other on one page of the disk, and a block of a map is a matrix of rows for a model.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.card import ModelCard
from ml.layers.cells import GridLookup
from ml.layers.stored_index import INDEX, StoredLayersError, StoredSet, layers_key, read_index

#: Hyphens, dashes and the minus sign.
_DASHES = re.compile("[\u2010-\u2015\u2212]")


class UnknownScenarioError(StoredLayersError):
    """There are no layers of a scenario; the message says which there are."""


def shortest(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return numbers in double precision that are written with as few digits as single precision needs.

    12.3 is shown as 12.3 then, and is the same number in single precision. NaN stays NaN.
    """
    unique, inverse = np.unique(values, return_inverse=True)
    return np.array([float(str(value)) for value in unique], dtype=np.float64)[inverse].reshape(values.shape)


class LayerSet:
    """The values of a set's layers in every cell, read from the disk when they are needed.

    Attributes
    ----------
    about : StoredSet
    names : list of str
        In the order of the columns of `values`.
    lookup : GridLookup
    coverage : str
        The area of the layers in words.
    """

    def __init__(self, path: Path, about: StoredSet, lookup: GridLookup, coverage: str) -> None:
        self.about, self.lookup, self.coverage = about, lookup, coverage
        self.names = [layer.name for layer in about.layers]
        grid = lookup.grid
        self._table = _open_array(path, (grid.height, grid.width, len(self.names))).reshape(-1, len(self.names))

    def cell_of(self, longitude: ArrayLike, latitude: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the cell of each place, -1 outside the grid; as `GridLookup.cell_of`."""
        return self.lookup.cell_of(longitude, latitude)

    def values(self, cell: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the values of cells, NaN outside the grid and where a layer has none.

        Parameters
        ----------
        cell : ndarray of int64, shape (n,)

        Returns
        -------
        ndarray of float32, shape (n, n_layers)
            Categories as their codes.
        """
        inside = (cell >= 0) & (cell < len(self._table))
        values = np.full((len(cell), len(self.names)), np.nan, dtype=np.float32)
        values[inside] = self._table[cell[inside]]
        return values

    def block(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return a copy of a window, shape (rows, columns, n_layers)."""
        grid = self.lookup.grid
        return np.array(self._table.reshape(grid.height, grid.width, -1)[rows, columns], dtype=np.float32)


class LayerStore:
    """The stored layer sets of a study.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    index : StoredLayers
    lookup : GridLookup

    Raises
    ------
    StoredLayersError
        ``layers.json`` is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = read_index(folder)
        try:
            self.lookup = GridLookup(self.index.grid)
        except RuntimeError as error:  # pyproj's errors are among them
            raise StoredLayersError(f"{folder / INDEX} has a CRS that is not known") from error
        self._open: dict[str | None, LayerSet] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the layers, in the order of their columns."""
        return [layer.name for layer in self.index.sets[0].layers]

    @property
    def scenarios(self) -> list[str]:
        """Labels of the scenarios."""
        return [one.scenario for one in self.index.sets if one.scenario is not None]

    def fits(self, card: ModelCard) -> bool:
        """Return whether a model was trained on these layers."""
        if card.study.slug != self.index.study or {p.name for p in card.predictors} != set(self.names):
            return False
        if card.preparation is not None:
            return layers_key(card.preparation) == self.index.key
        return card.training.data_fingerprint in self.index.trained

    def open(self, scenario: str | None = None) -> LayerSet:
        """Open a layer set, which stays open.

        Parameters
        ----------
        scenario : str, optional
            Label of a scenario, as `label_of` reads it; the training conditions otherwise.

        Raises
        ------
        UnknownScenarioError
            There is no such scenario, or it lacks layers.
        StoredLayersError
            The file is missing or damaged.
        """
        scenario = self.label_of(scenario) if scenario is not None else None
        about = next((one for one in self.index.sets if one.scenario == scenario), None)
        if about is None:
            raise UnknownScenarioError(self._why_unknown(scenario or ""))
        with self._lock:
            if scenario not in self._open:
                self._open[scenario] = LayerSet(
                    self.folder / about.file, about, self.lookup, describe_extent(self.index.extent)
                )
            return self._open[scenario]

    def label_of(self, text: str) -> str:
        """Return the label of a scenario as the layers have it, for one that is typed with other dashes or letters.

        Keyboards have no en dash. A text that could be several labels, or none, is returned as it is.
        """
        if text in self.scenarios:
            return text
        alike = [label for label in self.scenarios if _plain(label) == _plain(text)]
        return alike[0] if len(alike) == 1 else text

    def _why_unknown(self, scenario: str) -> str:
        lacking = self.index.incomplete.get(scenario)
        if lacking:
            return f"the layers of this scenario lack {', '.join(lacking[:5])}"
        if not self.scenarios:
            return "this study has no scenarios; leave it out"
        more = f" and {len(self.scenarios) - 10} more" if len(self.scenarios) > 10 else ""
        return f"must be one of {', '.join(self.scenarios[:10])}{more}; leave it out for the training conditions"


def _plain(label: str) -> str:
    return " ".join(_DASHES.sub("-", label).casefold().split())


def find_store(home: Path, card: ModelCard) -> LayerStore | None:
    """Return the stored layers that a model was trained on, or None.

    Parameters
    ----------
    home : Path
        Folder with a folder of stores for each study.
    card : ModelCard
        Of the model.

    Raises
    ------
    StoredLayersError
        The layers are damaged, and no others fit.
    """
    return choose_store([*open_stores(home / card.study.slug)], card)


def choose_store(stores: Iterable[LayerStore | StoredLayersError], card: ModelCard) -> LayerStore | None:
    """Return the first of some stores that fits a model, or None.

    Raises
    ------
    StoredLayersError
        None fits, and one of them is damaged.
    """
    damaged = None
    for store in stores:
        if isinstance(store, StoredLayersError):
            damaged = store
        elif store.fits(card):
            return store
    if damaged is not None:
        raise damaged
    return None


def open_stores(folder: Path) -> Iterator[LayerStore | StoredLayersError]:
    """Yield the stores of a study, or what is wrong with one. Drafts are left out."""
    for path in list_stores(folder):
        try:
            yield LayerStore(path)
        except StoredLayersError as error:
            yield error


def list_stores(folder: Path) -> list[Path]:
    """Return the folders of a study's stores, without drafts; none where the study has no folder."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def describe_extent(extent: tuple[float, float, float, float]) -> str:
    """Return an extent of degrees in words."""
    west, south, east, north = extent
    if east - west >= 359.99:
        return f"all longitudes from {_degrees(south, 'NS')} to {_degrees(north, 'NS')}"
    return f"{_degrees(west, 'EW')} to {_degrees(east, 'EW')} and {_degrees(south, 'NS')} to {_degrees(north, 'NS')}"


def _degrees(value: float, letters: str) -> str:
    return f"{abs(value):.4g}°{letters[value < 0] if value else ''}"


def _open_array(path: Path, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Open a file of values for reading, after checking that it is what it must be."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise StoredLayersError(f"{path} is not a regular file")
        table = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, StoredLayersError):
            raise
        raise StoredLayersError(f"{path} cannot be read: {str(error)[:200]}") from error
    if not isinstance(table, np.ndarray) or table.dtype != np.dtype("<f4") or table.shape != shape:
        raise StoredLayersError(f"{path} does not have {' × '.join(map(str, shape))} numbers of single precision")
    if not table.flags.c_contiguous:
        raise StoredLayersError(f"{path} is not in the order of rows")
    return table
