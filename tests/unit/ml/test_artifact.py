import hashlib
import io
import json
import pickle
import shutil

import numpy as np
import pytest

from ml.artifact import ArtifactError, find_artifacts, load_artifact, read_card
from ml.training import train_species
from tests.synthetic import synthetic_study


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train_species(
        synthetic_study(), "oenanthe-hispanica", tmp_path_factory.mktemp("models"), n_estimators=12, n_networks=1
    )


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / trained.name)


def _resign(path):
    """What a forger without knowledge of the arrays would do: write matching hashes."""
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"] = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in manifest["sha256"]}
    content = "".join(f"{name}:{manifest['sha256'][name]}" for name in sorted(manifest["sha256"]))
    slug = manifest["model_id"].rsplit("-", 1)[0]
    manifest["model_id"] = f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    (path / "manifest.json").write_text(json.dumps(manifest))


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
        ('{"format_version": 99}', "format version 99, this program reads 2 and below"),
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
    _resign(copy)
    with pytest.raises(ArtifactError, match="does not hold a model"):
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
    ],
)
def test_a_forged_forest_is_refused_before_compiled_code_walks_it(copy, what):
    with np.load(copy / "model.npz") as stored:
        arrays = {name: stored[name].copy() for name in stored}
    _break(what, arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (copy / "model.npz").write_bytes(buffer.getvalue())
    _resign(copy)
    with pytest.raises(ArtifactError, match=r"forest|reference|hold a model"):
        load_artifact(copy)


def test_a_card_that_is_not_a_card_is_refused(copy):
    (copy / "card.json").write_text('{"species": {"slug": "oenanthe-hispanica"}}')
    _resign(copy)
    for read in (load_artifact, read_card):
        with pytest.raises(ArtifactError, match="not a model card"):
            read(copy)


def test_unfinished_drafts_are_not_found(trained, tmp_path):
    home = tmp_path / "study" / "species"
    shutil.copytree(trained, home / trained.name)
    shutil.copytree(trained, home / ".writing-abc")
    assert find_artifacts(tmp_path) == [home / trained.name]


def test_a_model_of_the_first_format_still_answers(copy):
    """It had a forest alone, no calibration, and a card without the parts that came later."""
    with np.load(copy / "model.npz") as stored:
        arrays = {name: stored[name] for name in stored if name in ("nodes", "roots", "group") or "reference_" in name}
    arrays = {name: value for name, value in arrays.items() if not name.startswith("network")}
    np.savez_compressed(copy / "forest.npz", **arrays)
    (copy / "model.npz").unlink()
    card = json.loads((copy / "card.json").read_text())
    for later in ("background", "calibration", "optimism", "notes"):
        del card[later]
    (copy / "card.json").write_text(json.dumps(card))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["format_version"] = 1
    manifest["sha256"] = {"card.json": "", "forest.npz": ""}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    _resign(copy)
    artifact = load_artifact(copy)
    assert artifact.card.calibration is None
    answer = artifact.predictor.answer([30.0, 10.0, 15.0])
    nodes, roots = arrays["nodes"], arrays["roots"]
    encoded = artifact.predictor.encode([30.0, 10.0, 15.0])
    leaves = []
    for i in roots[:-1]:
        while nodes[i]["feature"] >= 0:
            i = i + 1 if encoded[nodes[i]["feature"]] <= nodes[i]["threshold"] else nodes[i]["right"]
        leaves.append(nodes[i]["value"])
    assert answer.suitability == pytest.approx(np.mean(leaves), abs=1e-6)
