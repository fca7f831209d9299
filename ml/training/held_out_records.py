"""Held-out scores by grid cell, stored beside a model, so that two versions can be compared on the same records."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldOutRecords:
    """Scores of records, each from a model that was fitted without the record's fold.

    Attributes
    ----------
    cell : ndarray of int, shape (n,)
    y : ndarray of 0/1, shape (n,)
    score : ndarray, shape (n,)
        Suitability; NaN where a record was not scored.
    fold : ndarray of int, shape (n,)
    """

    cell: NDArray[np.int64]
    y: NDArray[np.int64]
    score: NDArray[np.float64]
    fold: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write the scores and move the file into place in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, cell=self.cell, y=self.y, score=self.score, fold=self.fold)
        draft = path.with_name(f".{path.name}.part")
        draft.write_bytes(buffer.getvalue())
        draft.replace(path)
