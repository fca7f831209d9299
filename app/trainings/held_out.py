"""Held-out records of a model: cells, labels and scores from members that were fitted without the record's fold."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.regular_files import RefusedFileError, read_regular_file
from ml.serving.npz import read_arrays

# 100,000 background cells and as many presences take 6 MB.
_LARGEST_FILE = 64 * 1024 * 1024
_KINDS = {"cell": "i", "y": "iu", "score": "f"}


@dataclass(frozen=True)
class HeldOut:
    """Held-out records of one model.

    Attributes
    ----------
    cell : ndarray of int64, shape (n,)
        Cells of the study's grid, each at most once with each label.
    y : ndarray of int64, shape (n,)
        1 presence, 0 background.
    score : ndarray of float64, shape (n,)
        Finite.
    """

    cell: NDArray[np.int64]
    y: NDArray[np.int64]
    score: NDArray[np.float64]


@dataclass(frozen=True)
class PairedScores:
    """Scores of two models on the same records, shape (n,) each."""

    y: NDArray[np.int64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @property
    def n_presences(self) -> int:
        """Number of records with label 1."""
        return int(self.y.sum())

    @property
    def n_background(self) -> int:
        """Number of records with label 0."""
        return len(self.y) - self.n_presences


def read_held_out(path: Path) -> HeldOut | None:
    """Read the held-out records that a training wrote.

    Parameters
    ----------
    path : Path
        An npz file with the arrays `cell`, `y` and `score`.

    Returns
    -------
    HeldOut or None
        None where there is no such file, or where it is damaged: the comparison then uses the cards alone.
    """
    try:
        arrays = read_arrays(read_regular_file(path, _LARGEST_FILE))
    except (RefusedFileError, ValueError, OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile):
        return None
    if not all(name in arrays and arrays[name].dtype.kind in kinds for name, kinds in _KINDS.items()):
        return None
    cell, y, score = arrays["cell"], arrays["y"], arrays["score"]
    if not (cell.ndim == y.ndim == score.ndim == 1 and len(cell) == len(y) == len(score)):
        return None
    if len(cell) and (cell.min() < 0 or cell.max() >= 2**62 or y.min() < 0 or y.max() > 1):
        return None
    finite = np.isfinite(score)
    # several records of one cell and label count as one, with their mean score
    key, place = np.unique(cell[finite].astype(np.int64) * 2 + y[finite].astype(np.int64), return_inverse=True)
    mean = np.bincount(place, score[finite].astype(np.float64), len(key)) / np.maximum(
        np.bincount(place, minlength=len(key)), 1
    )
    return HeldOut(key // 2, key % 2, mean)


def pair(first: HeldOut, second: HeldOut) -> PairedScores:
    """Return the records that two models share: the same cell with the same label."""
    one, two = first.cell * 2 + first.y, second.cell * 2 + second.y
    common, of_first, of_second = np.intersect1d(one, two, assume_unique=True, return_indices=True)
    return PairedScores(common % 2, first.score[of_first], second.score[of_second])
