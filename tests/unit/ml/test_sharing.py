"""Arrays in common: one for all of the same content, and none that nobody uses."""

import gc
from dataclasses import dataclass

import numpy as np

from ml import sharing
from ml.sharing import arrays_in, shared


def test_equal_arrays_are_one_and_others_are_not():
    one = shared(np.arange(6, dtype=np.float32))
    assert shared(np.arange(6, dtype=np.float32)) is one
    for other in (
        np.arange(6, dtype=np.int32),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array([0, 1, 2, 3, 4, 6], np.float32),
        np.arange(5, dtype=np.float32),
    ):
        assert shared(other) is other
    assert shared(np.zeros(0, np.float32)).size == 0


def test_an_array_is_forgotten_with_its_last_user():
    before = len(sharing._held)
    one = shared(np.full(1000, 7.25))
    two = shared(np.full(1000, 7.25))
    assert len(sharing._held) == before + 1
    del one
    gc.collect()
    assert shared(np.full(1000, 7.25)) is two
    del two
    gc.collect()
    assert len(sharing._held) == before


@dataclass
class _Inner:
    a: np.ndarray
    name: str = "inner"


@dataclass
class _Outer:
    inner: _Inner | None
    b: np.ndarray


def test_arrays_are_found_within_dataclasses():
    a, b, c = np.zeros(1), np.zeros(2), np.zeros(3)
    assert [array.size for array in arrays_in(_Outer(_Inner(a), b), None, c, "text")] == [1, 2, 3]
    assert [array.size for array in arrays_in(_Outer(None, b))] == [2]
