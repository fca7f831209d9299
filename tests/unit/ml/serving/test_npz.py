"""The file of arrays: sizes are checked before memory is used, and headers must be true."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from ml.serving.arrays import InvalidArraysError
from ml.serving.npz import read_arrays


def _npz(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def _array(header: str, data: bytes = b"", version=(1, 0)) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(text)) + text + data


def test_arrays_are_read_back():
    buffer = io.BytesIO()
    expected = {
        "nodes": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
        "empty": np.zeros((0, 3)),
        "one": np.array(7),
    }
    np.savez_compressed(buffer, **expected)
    arrays = read_arrays(buffer.getvalue())
    assert set(arrays) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array)


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("nodes.npy", _array(HUGE))], "size of its header"),
        ([("nodes.npy", _array(HUGE.replace("(1000000000000,)", "(-1,)")))], "size of its header"),
        ([("nodes.npy", _array(HUGE.replace("(1000000000000,)", "(2**70,)")))], "shape|parse|literal|malformed|header"),
        ([("nodes.npy", _array(HUGE.replace("<f8", "|V0")))], "size of its header"),
        ([("nodes.npy", _array(HUGE.replace("'<f8'", "'|O'")))], "objects"),
        ([("nodes.npy", _array(HUGE, version=(9, 0)))], "unknown format|format version"),
        ([("../nodes.npy", _array(HUGE))], "unusual name"),
        ([("nodes.txt", b"")], "unusual name"),
        ([(f"a{i}.npy", b"") for i in range(1001)], "1,001 arrays"),
    ],
)
def test_headers_that_are_not_true_are_refused(members, message):
    with pytest.raises((InvalidArraysError, ValueError), match=message):
        read_arrays(_npz(members))


def test_two_arrays_of_one_name_are_refused():
    one = io.BytesIO()
    np.save(one, np.arange(3))
    with pytest.warns(UserWarning, match="Duplicate name"), pytest.raises(InvalidArraysError, match="two of one name"):
        read_arrays(_npz([("a.npy", one.getvalue()), ("a.npy", one.getvalue())]))


def test_a_bomb_is_refused_before_it_is_unpacked():
    content = _npz([("nodes.npy", bytes(600 * 1024 * 1024))])
    assert len(content) < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArraysError, match="629,145,600 bytes, at most"):
            read_arrays(content)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
