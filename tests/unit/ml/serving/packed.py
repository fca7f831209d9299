"""A blend with all that goes beside it, packed, for tests of what is stored and of what is refused."""

from __future__ import annotations

import io

import numpy as np

from ml.serving.arrays import ModelArrays, pack
from ml.serving.nearest_records import PointRecords
from ml.serving.novelty import Area
from ml.serving.threshold import HeldOutSuitability
from tests.unit.ml.serving.blends import fitted

REFERENCE = [np.linspace(-2, 2, 9, dtype=np.float32)] * 2 + [np.empty(0, np.float32), np.full(3, 5, np.float32)]

AREA = Area(
    points=np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32),
    scale=np.array([0.5, 1.5, 1, 0], np.float32),
    centre=np.array([0.1, -2, 0, 5], np.float32),
    penalty=np.array([0, 0, 0.3, 0], np.float32),
    threshold=0.4,
)
HELD_OUT = HeldOutSuitability(np.array([0.2, 0.6, 0.6, 0.9], np.float32), np.array([0.1, 0.15, 0.7], np.float32))

RECORDS = PointRecords(
    present=np.array([True, False, False, True, True, False]),
    places=np.array([[2, 41], [2.5, 42], [np.nan, np.nan], [-180, -90], [180, 90], [0, 0]], np.float32),
)


def arrays_of(blend=None, area=AREA, held_out=HELD_OUT, records=RECORDS):
    return dict(pack(ModelArrays(blend or fitted()[1], REFERENCE, area, held_out, records)))


def stored(arrays):
    """The same arrays after a file of them was written and read."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)
