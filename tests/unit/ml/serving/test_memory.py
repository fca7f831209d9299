"""Arrays in common: one for all of the same content, and none that nobody uses."""

import gc
import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.serving import memory
from ml.serving.memory import arrays_in, move_to_block, share


def test_equal_arrays_are_one_and_others_are_not():
    one = share(np.arange(6, dtype=np.float32))
    assert share(np.arange(6, dtype=np.float32)) is one
    for other in (
        np.arange(6, dtype=np.int32),
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array([0, 1, 2, 3, 4, 6], np.float32),
        np.arange(5, dtype=np.float32),
    ):
        assert share(other) is other
    assert share(np.zeros(0, np.float32)).size == 0


def test_an_array_is_forgotten_with_its_last_user():
    # Arrays of earlier tests that are in reference cycles.
    gc.collect()
    before = len(memory._shared)
    one = share(np.full(1000, 7.25))
    two = share(np.full(1000, 7.25))
    assert len(memory._shared) == before + 1
    del one
    gc.collect()
    assert share(np.full(1000, 7.25)) is two
    del two
    gc.collect()
    assert len(memory._shared) == before


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


@dataclass
class _Pair:
    outer: _Outer
    common: np.ndarray
    again: np.ndarray


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


def test_a_models_arrays_are_moved_into_one_block_and_given_back_with_it():
    common = share(np.arange(7.0))
    given = _Outer(_Inner(np.arange(5, dtype=np.int16), "kept"), np.ones((3, 100, 1000)))
    found = move_to_block(_Pair(given, common, given.b))
    assert found.common is common
    assert found.again is found.outer.b
    assert found.outer.inner.name == "kept"
    for new, old in ((found.outer.inner.a, given.inner.a), (found.outer.b, given.b)):
        np.testing.assert_array_equal(new, old)
        assert new.dtype == old.dtype and not np.shares_memory(new, old)
        # as compiled code wants them
        assert new.flags.c_contiguous and new.flags.aligned and new.flags.writeable
        assert new.ctypes.data % 64 == 0
    before = _resident()
    del found, new
    gc.collect()
    assert _resident() < before - 2_000_000


def test_an_empty_array_is_moved_as_well():
    assert move_to_block(_Inner(np.zeros((0, 3)))).a.shape == (0, 3)
