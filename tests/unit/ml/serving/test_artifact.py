import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from ml.serving.artifact import ArtifactError, load_artifact, read_card
from ml.training.train import train_species
from tests.older import arrays_of, resign
from tests.synthetic import synthetic_study


def test_a_copy_answers_like_the_original(trained, copy):
    original, copied = load_artifact(trained), load_artifact(copy)
    assert original.model_id == copied.model_id == trained.name
    assert original.card == copied.card
    row = [30.0, 10.0, 15.0]
    assert original.predictor.answer(row) == copied.predictor.answer(row)


def test_the_same_data_and_seed_give_the_same_bytes_anywhere(trained, tmp_path):
    again = train_species(synthetic_study(), "oenanthe-hispanica", tmp_path, n_estimators=12, n_networks=1)
    assert again.name == trained.name
    for name in ("manifest.json", "card.json", "model.npz"):
        assert (again / name).read_bytes() == (trained / name).read_bytes()
    assert (
        train_species(synthetic_study(), "oenanthe-hispanica", tmp_path, n_estimators=12, n_networks=1, seed=1).name
        != trained.name
    )


@pytest.mark.parametrize("name", ["card.json", "model.npz"])
def test_one_changed_byte_is_noticed(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match="has changed"):
        load_artifact(copy)


@pytest.mark.parametrize("name", ["manifest.json", "card.json", "model.npz"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ArtifactError, match=f"{name} cannot be read"):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "format version None"),
        ("[" * 60_000, "not JSON"),
        ("[" * 200_000, "larger than the 65,536 bytes"),
        ('{"format_version": 99}', "format version 99, this program reads 4 and below"),
        ('{"format_version": 2}', "incomplete"),
        ('{"format_version": true}', "format version True"),
        ('{"format_version": 2, "model_id": "x", "sha256": {"../../etc/passwd": "x"}}', "incomplete"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(copy, text, message):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        load_artifact(copy)


def test_a_name_that_does_not_fit_the_content_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["model_id"] = "parus-major-000000000000"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="another model"):
        load_artifact(copy)


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("kind", ["pickle", "object array"])
def test_a_pickle_is_never_loaded(copy, kind):
    if kind == "pickle":
        (copy / "model.npz").write_bytes(pickle.dumps(_Bomb()))
    else:
        buffer = io.BytesIO()
        np.savez(buffer, nodes=np.array([_Bomb()], dtype=object))
        (copy / "model.npz").write_bytes(buffer.getvalue())
    resign(copy)
    with pytest.raises(ArtifactError, match=r"does not contain a model|an array of objects"):
        load_artifact(copy)


@pytest.mark.parametrize("how", ["damaged", "encrypted", "packed in an unknown way", "packed with LZMA", "cut off"])
def test_arrays_that_cannot_be_unpacked_are_refused(copy, how):
    """With a hash that fits, as only somebody who means it would make them."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, nodes=np.arange(1000))
    content = bytearray(buffer.getvalue())
    local, central = content.index(b"PK\x03\x04"), content.index(b"PK\x01\x02")
    if how == "damaged":
        content[local + 60 : local + 90] = b"\xff" * 30
    elif how == "encrypted":
        content[local + 6] |= 1
        content[central + 8] |= 1
    elif how == "packed in an unknown way":
        content[local + 8] = content[central + 10] = 99
    elif how == "packed with LZMA":
        arrays = arrays_of(copy)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, array)
        content = bytearray(packed.getvalue())
        content[120:140] = b"\xff" * 20
    else:
        del content[len(content) // 2 :]
    (copy / "model.npz").write_bytes(content)
    resign(copy)
    with pytest.raises(ArtifactError, match=r"does not contain a model|in a compression that is not used"):
        load_artifact(copy)


@pytest.mark.parametrize("name", ["manifest.json", "card.json", "model.npz"])
@pytest.mark.parametrize("kind", ["pipe", "link", "directory", "absent"])
def test_only_regular_files_are_read(copy, name, kind, tmp_path):
    file = copy / name
    content = file.read_bytes()
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        file.symlink_to(tmp_path / "elsewhere")
    elif kind == "directory":
        file.mkdir()
    with pytest.raises(ArtifactError, match=r"not a regular file|it is a link|No such file"):
        load_artifact(copy)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("study", "slug"), "../../etc"),
        (("study", "slug"), ""),
        (("species", "slug"), "a/b"),
        (("species", "scientific_name"), "Parus\u202emajor"),
        (("species", "scientific_name"), "Parus\nmajor"),
        (("species", "scientific_name"), "x" * 201),
        (("study", "description"), "x" * 10_001),
        (("study", "sources"), [{"title": "t", "citation": "c", "licence": "l", "url": "javascript:alert(1)"}]),
        (("study", "sources"), [{"title": "t", "citation": "c", "licence": "l", "url": 'http://a/"onclick='}]),
        (("study", "sources"), [{"title": "t", "citation": "c", "licence": "l", "url": "//evil"}]),
        (("notes",), ["note"] * 1_001),
        (("notes",), ["bell \x07"]),
        (("places",), [[0, 0]] * 100_001),
        (("predictors", 0, "name"), "a\tb"),
        (("predictors", 0, "levels"), ["a"] * 1_001),
    ],
)
def test_a_card_with_impossible_text_is_refused(copy, path, value):
    card = json.loads((copy / "card.json").read_text())
    part = card
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (copy / "card.json").write_text(json.dumps(card))
    resign(copy)
    with pytest.raises(ArtifactError, match=f"not a model card: {path[0]}"):
        load_artifact(copy)


def _break(what, arrays):
    nodes = arrays["nodes"]
    split = int(np.flatnonzero(nodes["feature"] >= 0)[0])
    if what == "a loop":
        nodes["right"][split] = split
    elif what == "a child beyond the end":
        nodes["right"][split] = 2**31 - 1
    elif what == "a child in another tree":
        nodes["right"][split] = arrays["roots"][1]
    elif what == "a predictor that does not exist":
        nodes["feature"][split] = 3
    elif what == "a value above one":
        nodes["value"][split] = 2
    elif what == "a threshold that is no number":
        nodes["threshold"][split] = np.nan
    elif what == "a tree without end":
        last = arrays["roots"][1] - 1
        nodes["feature"][last], nodes["right"][last] = 0, arrays["roots"][1] + 1
    elif what == "roots out of order":
        arrays["roots"][1] = 0
    elif what == "a group too many":
        arrays["group"][0] = 10**6
    elif what == "unsorted reference":
        arrays["reference_0"] = arrays["reference_0"][::-1]
    elif what == "no reference":
        del arrays["reference_2"]
    elif what == "another layout":
        arrays["nodes"] = np.zeros((len(nodes), 4))
    elif what == "an area of other predictors":
        arrays["area_points"] = arrays["area_points"][1:]
    elif what == "an area without points":
        arrays["area_points"] = arrays["area_points"][:, :0]
    elif what == "a point that is no number":
        arrays["area_points"][0, 0] = np.nan
    elif what == "a penalty below zero":
        arrays["area_penalty"][1] = -1
    elif what == "a scale too many":
        arrays["area_scale"] = np.append(arrays["area_scale"], arrays["area_scale"][:1])
    elif what == "a threshold of the area below zero":
        arrays["area_threshold"] = np.array(-0.5)
    elif what == "half an area":
        del arrays["area_centre"]
    elif what == "held-out records out of order":
        arrays["held_out_present"] = arrays["held_out_present"][::-1]
    elif what == "no held-out absences":
        arrays["held_out_other"] = arrays["held_out_other"][:0]


@pytest.mark.parametrize(
    "what",
    [
        "a loop",
        "a child beyond the end",
        "a child in another tree",
        "a predictor that does not exist",
        "a value above one",
        "a threshold that is no number",
        "a tree without end",
        "roots out of order",
        "a group too many",
        "unsorted reference",
        "no reference",
        "another layout",
        "an area of other predictors",
        "an area without points",
        "a point that is no number",
        "a penalty below zero",
        "a scale too many",
        "a threshold of the area below zero",
        "half an area",
        "held-out records out of order",
        "no held-out absences",
    ],
)
def test_forged_arrays_are_refused_before_compiled_code_sees_them(copy, what):
    arrays = arrays_of(copy)
    _break(what, arrays)
    np.savez(copy / "model.npz", **arrays)
    resign(copy)
    with pytest.raises(
        ArtifactError,
        match=r"contains (an )?invalid (forest|reference|area of applicability|held-out)|does not contain a model",
    ):
        load_artifact(copy)


def test_a_card_that_is_not_a_card_is_refused(copy):
    (copy / "card.json").write_text('{"species": {"slug": "oenanthe-hispanica"}}')
    resign(copy)
    for read in (load_artifact, read_card):
        with pytest.raises(ArtifactError, match="not a model card"):
            read(copy)
