"""Damaged and forged models: only documented errors, and no more memory than the limits allow."""

from __future__ import annotations

import io
import json
import shutil
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ml.card import ModelCard
from ml.serving.arrays import InvalidArraysError
from ml.serving.artifact import ArtifactError, load_artifact
from ml.serving.npz import read_arrays
from tests.older import resign

DOCUMENTED = (InvalidArraysError, ValueError, OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)
VALID = {"nodes": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]), "table": np.arange(6.0).reshape(2, 3)}
damages = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4)
shared_model = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def npz_of(arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def npz_with_header(header: bytes, data: bytes = b"") -> bytes:
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("nodes.npy", content)
    return buffer.getvalue()


def damaged(content, changes):
    for place, removed, inserted in changes:
        place %= len(content) + 1
        content = content[:place] + inserted + content[place + removed :]
    return content


@given(damages)
def test_a_damaged_file_of_arrays_raises_a_documented_error_or_gives_the_same_arrays(changes):
    tracemalloc.start()
    try:
        arrays = read_arrays(damaged(npz_of(VALID), changes))
    except DOCUMENTED:
        pass
    else:
        # The checksum of a member does not cover its name and date.
        assert len(arrays) <= len(VALID)
        for array in arrays.values():
            assert any(np.array_equal(array, valid) for valid in VALID.values())
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2_000_000


headers = st.one_of(
    st.binary(max_size=80),
    st.builds(
        "{{'descr': {}, 'fortran_order': {}, 'shape': {}, }}".format,
        st.sampled_from(["'<f8'", "'|O'", "'<U9999999'", "[('a', 'i4')]", "()", "[()]", "{}", "1", "'f8, f8'", "(("]),
        st.sampled_from(["False", "True", "2", "[]"]),
        st.sampled_from(["(2,)", "(-1,)", "(10**9,)", "(True,)", "(2**63,)", "2", "([],)", "(1e3,)", "()", "(0, 9)"]),
    ).map(str.encode),
)


@given(headers, st.sampled_from([b"", b"\0" * 8, b"\0" * 16]))
@example(b"{'descr': '<f8', 'shape': (", b"")
@example(b"{[]: 1}", b"")
@example(b"{'descr': (), 'fortran_order': False, 'shape': (2,)}", b"\0" * 16)
@example(b"{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}", b"\0" * 8)
@example(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}", b"\0" * 8)
@example(b"(" * 3_000, b"")
@example(b"-" * 4_000 + b"1", b"")
def test_any_header_raises_a_documented_error_or_has_the_size_of_its_data(header, data):
    try:
        arrays = read_arrays(npz_with_header(header, data))
    except DOCUMENTED:
        return
    assert arrays["nodes"].nbytes == len(data)
    assert not arrays["nodes"].dtype.hasobject


@shared_model
@given(st.sampled_from(["manifest.json", "card.json", "model.npz"]), damages)
def test_a_model_with_a_damaged_file_is_refused(trained, name, changes):
    content = (trained / name).read_bytes()
    changed = damaged(content, changes)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(trained, Path(folder) / trained.name))
        (copy / name).write_bytes(changed)
        try:
            artifact = load_artifact(copy)
        except ArtifactError as error:
            assert str(error)
        else:
            # The manifest's own blanks and unknown members are not part of the model.
            assert changed == content or name == "manifest.json"
            assert artifact.model_id == trained.name


json_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["../../x", "javascript:alert(1)", "a\u202eb", "x" * 600, 10**30]),
)  # fmt: skip


@shared_model
@given(st.data())
def test_a_forged_card_is_refused_or_is_a_valid_card_that_answers(trained, data):
    card = json.loads((trained / "card.json").read_text())
    part = card
    while True:
        key = data.draw(st.sampled_from(sorted(part)) if isinstance(part, dict) else st.integers(0, len(part) - 1))
        if not isinstance(part[key], dict | list) or not part[key] or data.draw(st.integers(0, 3)) == 0:
            break
        part = part[key]
    part[key] = data.draw(json_values)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(trained, Path(folder) / trained.name))
        (copy / "card.json").write_text(json.dumps(card))
        resign(copy)
        try:
            artifact = load_artifact(copy)
        except ArtifactError as error:
            assert str(error)
            return
    assert ModelCard.model_validate_json(json.dumps(artifact.card.model_dump())) == artifact.card
    assert artifact.card.species.slug == artifact.model_id.rsplit("-", 1)[0]
    low, high = artifact.predictor.answer([30.0, 10.0, 15.0]).interval
    assert 0 <= low <= high <= 1


@pytest.mark.parametrize("header", [b"{'descr': '<f8', 'shape': (", b"{[]: 1}"])
def test_an_unreadable_header_makes_the_model_invalid(copy, header):
    (copy / "model.npz").write_bytes(npz_with_header(header))
    resign(copy)
    with pytest.raises(ArtifactError, match=r"model\.npz contains an array with an unreadable header"):
        load_artifact(copy)
