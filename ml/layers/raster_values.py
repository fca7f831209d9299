"""Values of a layer: windows of float32 with NaN where there is no value, and a summary of all values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml.layers.marks import Mark, judge, possible_marks
from ml.layers.placement import Placement
from ml.layers.rasters import Band, Layout
from ml.layers.value_hash import add_value, hash_window, weigh, weights
from ml.recipes.reports import Grid

Floats = NDArray[np.float32]
#: Cells of a window that is read at once.
_WINDOW_CELLS = 2**20
#: Numbers beyond it are no measurements, but marks of what has no value (-3.4e38, -1.7e308, 1e36).
_LARGEST = 1e30
#: Most distinct whole numbers that are counted.
MAX_CODES = 1_000


class Source(Protocol):
    """A raster or NetCDF file that is open."""

    layout: Layout
    bands: list[Band]

    def read(self, band: str, rows: slice, columns: slice) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return a window as stored, and where there is a value, if the file says so."""
        ...

    def thumbnail(self, band: str, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Return a band in about so many rows and columns, and where there is a value, if the file says so."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


@dataclass(frozen=True)
class Surface:
    """A layer as a grid that is north up: windows of its values.

    Parameters
    ----------
    source : Source
    band : str
    placement : Placement
    missing : sequence of float
        Stored values that mean "no value", besides NaN and what the file's mask says.
    scale, offset : float
        Value = scale × stored value + offset.
    """

    source: Source
    band: str
    placement: Placement
    missing: Sequence[float] = ()
    scale: float = 1.0
    offset: float = 0.0

    @property
    def grid(self) -> Grid:
        """The grid of `read`."""
        return self.placement.grid

    def read(self, rows: slice, columns: slice) -> Floats:
        """Return a window, shape (rows, columns), float32 with NaN where there is no value."""
        place, height, width = self.placement, self.grid.height, self.grid.width
        if place.flip:
            rows = slice(height - rows.stop, height - rows.start)
        pieces = []
        for part in _rolled(columns, place.roll, width):
            values, valid = self.source.read(self.band, rows, part)
            pieces.append(convert(values, valid, self.missing, self.scale, self.offset))
        window = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        return np.ascontiguousarray(window[::-1]) if place.flip else window


def _rolled(columns: slice, roll: int, width: int) -> list[slice]:
    """Return the columns of the file that columns of the grid are."""
    start, stop = columns.start + roll, columns.stop + roll
    if roll == 0 or stop <= width:
        return [slice(start, stop)]
    if start >= width:
        return [slice(start - width, stop - width)]
    return [slice(start, width), slice(0, stop - width)]


def convert(
    values: NDArray[Any], valid: NDArray[np.bool_] | None, missing: Sequence[float], scale: float, offset: float
) -> Floats:
    """Return stored values as float32 with NaN where there is no value.

    Parameters
    ----------
    values : ndarray
        As stored.
    valid : ndarray of bool or None
        Where the file's mask says that there is a value.
    missing : sequence of float
        Stored values that mean "no value".
    scale, offset : float

    Returns
    -------
    ndarray of float32, of the same shape
    """
    lacking = _lacking(values, valid, missing)
    numbers = values if (scale, offset) == (1.0, 0.0) else values.astype(np.float64) * scale + offset
    with np.errstate(over="ignore", invalid="ignore"):
        converted = np.array(numbers, dtype=np.float32)
    converted[lacking] = np.nan
    return converted


def _lacking(values: NDArray[Any], valid: NDArray[np.bool_] | None, missing: Sequence[float]) -> NDArray[np.bool_]:
    lacking = np.zeros(values.shape, dtype=bool) if valid is None else ~valid
    if values.dtype.kind == "f":
        # NaN fails the comparison too.
        lacking |= ~(np.abs(values) < _LARGEST)
    for mark in missing:
        lacking |= values == _stored(mark, values.dtype)
    return lacking


def _stored(mark: float, dtype: np.dtype[Any]) -> Any:
    """Return a number as a band of the type stores it; NaN, which equals nothing, where it cannot."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return dtype.type(mark)
    limits = np.iinfo(dtype)
    return dtype.type(mark) if mark.is_integer() and limits.min <= mark <= limits.max else np.nan


def windows(
    height: int, width: int, block: tuple[int, int], cells: int = _WINDOW_CELLS
) -> Iterator[tuple[slice, slice]]:
    """Yield windows of about a million cells, or of another number, that are made of complete blocks."""
    block_rows, block_columns = (max(1, min(size, limit)) for size, limit in zip(block, (height, width), strict=True))
    across = max(1, min(-(-width // block_columns), cells // (block_rows * block_columns)))
    columns = min(width, across * block_columns)
    rows = min(height, max(1, cells // (columns * block_rows)) * block_rows)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield slice(top, min(height, top + rows)), slice(left, min(width, left + columns))


@dataclass
class Summary:
    """What all stored values of a band have in common."""

    n: int = 0
    n_valid: int = 0
    minimum: float = np.inf
    maximum: float = -np.inf
    total: float = 0.0
    whole: bool = True
    #: Distinct values with their counts; None where there are more than `MAX_CODES`, or values that are not whole.
    codes: dict[float, int] | None = field(default_factory=dict)
    missing: list[float] = field(default_factory=list)
    #: Values that may be marks of no value, each with the smallest and the largest of the other values.
    doubtful: list[tuple[Mark, float, float]] = field(default_factory=list)
    #: Of the values and their places (`ml.layers.value_hash`).
    digest: int = 0
    notes: list[str] = field(default_factory=list)


def summarise(
    source: Source,
    band: Band,
    placement: Placement,
    classes: Collection[float] = (),
    progress: Callable[[float], None] | None = None,
) -> Summary:
    """Read every block of a band once.

    Parameters
    ----------
    source : Source
    band : Band
    placement : Placement
    classes : collection of float
        Codes with a label, which are never marks of no value.
    progress : callable, optional
        Gets the share that is done.

    Returns
    -------
    Summary
        Of the stored values, before scale and offset.

    Raises
    ------
    LayerError
        The file is damaged; the message names the band and the window.
    """
    layout = source.layout
    summary = Summary()
    declared = [] if band.nodata is None or not np.isfinite(band.nodata) else [band.nodata]
    summary.missing = list(declared)
    marks = possible_marks(np.dtype(band.dtype), {*declared, *classes})
    n_nan = n_declared = weight_lacking = 0
    for rows, columns in windows(layout.height, layout.width, layout.block):
        values, valid = source.read(band.band, rows, columns)
        lacking = _lacking(values, valid, ())
        summary.n += values.size
        n_nan += int(np.isnan(values).sum()) if values.dtype.kind == "f" else 0
        row, column = weights(placement, rows, columns)
        for mark in declared:
            hits = values == _stored(mark, values.dtype)
            n_declared += int(hits.sum())
            lacking |= hits
        weight_lacking += weigh(lacking, row, column)
        for possible in marks:
            hits = values == _stored(possible.value, values.dtype)
            if hits.any():
                hits &= ~lacking
                possible.n += int(hits.sum())
                possible.weights += weigh(hits, row, column)
                lacking |= hits
        summary.digest += hash_window(convert(values, ~lacking, (), band.scale, band.offset), row, column)
        _add(summary, values[~lacking])
        if progress is not None:
            progress(summary.n / (layout.height * layout.width))
    summary.digest = add_value(summary.digest, np.nan, weight_lacking)
    _settle_marks(summary, [mark for mark in marks if mark.n], band)
    if n_nan and band.nodata is not None and np.isfinite(band.nodata) and not n_declared:
        summary.notes.append(f"cells without a value are NaN in the file, which declares {band.nodata:g}")
    elif n_nan and band.nodata is None and not band.decoded:
        summary.notes.append("NaN was taken as no value; the file does not declare it")
    return summary


def _add(summary: Summary, values: NDArray[Any]) -> None:
    if not values.size:
        return
    summary.n_valid += values.size
    summary.minimum = min(summary.minimum, float(values.min()))
    summary.maximum = max(summary.maximum, float(values.max()))
    summary.total += float(values.sum(dtype=np.float64))
    if summary.codes is None:
        return
    if values.dtype.kind == "f" and summary.whole:
        summary.whole = bool((values == np.rint(values)).all())
    if not summary.whole:
        summary.codes = None
        return
    distinct, counts = _distinct(values)
    if distinct.size + len(summary.codes) > 2 * MAX_CODES:
        summary.codes = None
        return
    for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        summary.codes[float(value)] = summary.codes.get(float(value), 0) + count
    if len(summary.codes) > MAX_CODES:
        summary.codes = None


def _distinct(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return distinct whole numbers and their counts; integers of a short range without sorting."""
    low, high = int(values.min()), int(values.max())
    if values.dtype.kind == "f" or high - low >= 2**17:
        return np.unique(values, return_counts=True)
    counts = np.bincount(values.astype(np.int64) - low)
    present = np.flatnonzero(counts)
    return present + low, counts[present]


def _settle_marks(summary: Summary, marks: Sequence[Mark], band: Band) -> None:
    """Take marks as missing where no other value is near them, and as values elsewhere."""
    minimum, maximum, n = summary.minimum, summary.maximum, summary.n_valid
    verdicts = {mark.value: judge(mark, minimum, maximum, n) for mark in marks}
    for mark in marks:
        if verdicts[mark.value] == "missing":
            summary.missing.append(mark.value)
            summary.notes.append(
                f"{mark.value:.10g} was taken as no value ({mark.n:,} cells); the file does not declare it"
            )
            summary.digest = add_value(summary.digest, np.nan, mark.weights)
            continue
        if verdicts[mark.value] == "doubtful":
            others = [o.value for o in marks if o is not mark and verdicts[o.value] != "missing"]
            summary.doubtful.append((mark, min([minimum, *others]), max([maximum, *others])))
        summary.digest = add_value(summary.digest, mark.value * band.scale + band.offset, mark.weights)
        summary.n_valid += mark.n
        summary.minimum, summary.maximum = min(summary.minimum, mark.value), max(summary.maximum, mark.value)
        summary.total += mark.value * mark.n
        if mark.value.is_integer() and summary.codes is not None:
            summary.codes[mark.value] = mark.n
