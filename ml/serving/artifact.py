"""A model as a directory of three files without pickles, checked by hash and format version when it is opened.

``manifest.json`` has the format version and the SHA-256 of the other files; ``card.json`` is the model card;
``model.npz`` contains plain arrays (``forest.npz`` in format 1, which had a forest alone; format 2 had no area of
applicability and no held-out suitabilities; format 3 had no records of the area's points). No content depends on the
time or place of training. The model's id is derived from the content, so that the same data, settings and seed give
the same id.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from ml.card import ModelCard
from ml.quality import Quality, quality_of
from ml.regular_files import RefusedFileError, read_regular_file
from ml.serving.arrays import InvalidArraysError, ModelArrays, pack, unpack
from ml.serving.contradictions import find_contradiction
from ml.serving.drafts import new_draft
from ml.serving.memory import move_to_block
from ml.serving.npz import read_arrays
from ml.serving.predictor import FastPredictor

FORMAT_VERSION = 4
_ARRAYS = {1: "forest.npz"} | dict.fromkeys((2, 3, 4), "model.npz")
# In bytes. A model of 5,800 presences has 26 MB of compressed arrays, and a card has some tens of kilobytes.
_LARGEST = {"manifest.json": 64 * 1024, "card.json": 8 * 1024 * 1024}
_LARGEST_ARRAYS = 512 * 1024 * 1024
# In characters: what a message repeats of a file.
_LONGEST_QUOTE = 200


class ArtifactError(ValueError):
    """The directory is not a valid model; the message says why."""


@dataclass(frozen=True)
class Artifact:
    """An opened model."""

    model_id: str
    card: ModelCard
    predictor: FastPredictor
    path: Path

    @cached_property
    def quality(self) -> Quality:
        """The quality of the model."""
        return quality_of(self.card)


def save_artifact(models: Path, card: ModelCard, model: ModelArrays) -> Path:
    """Write a model and move it into place in one step.

    Parameters
    ----------
    models : Path
        Root under which ``<study>/<species>/<model id>/`` is made.
    card : ModelCard
    model : ModelArrays

    Returns
    -------
    Path
        The model's directory. An existing valid one has the same content and is not changed.
    """
    arrays: dict[str, Any] = pack(model)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    files = {
        "card.json": json.dumps(card.model_dump(), indent=1, sort_keys=True, ensure_ascii=False).encode(),
        _ARRAYS[FORMAT_VERSION]: buffer.getvalue(),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    model_id = _model_id(card.species.slug, hashes)
    manifest = {"format_version": FORMAT_VERSION, "model_id": model_id, "sha256": hashes}
    files["manifest.json"] = json.dumps(manifest, indent=1, sort_keys=True).encode()

    home = models / card.study.slug / card.species.slug
    final = home / model_id
    home.mkdir(parents=True, exist_ok=True)
    if final.is_dir():
        try:
            load_artifact(final)
        except ArtifactError:
            shutil.rmtree(final)
        else:
            return final
    with new_draft(home) as draft:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        draft.chmod(0o755)
        draft.replace(final)
    return final


def load_artifact(path: Path) -> Artifact:
    """Check and open a model.

    Parameters
    ----------
    path : Path
        The model's directory.

    Returns
    -------
    Artifact

    Raises
    ------
    ArtifactError
        A file is missing or was changed, the format version is unknown, or the content is not valid.
    """
    manifest, card, content = _verified(path)
    version, model_id = manifest["format_version"], manifest["model_id"]
    name = _ARRAYS[version]
    model = move_to_block(_open_arrays(path / name, content, card, version))
    for described, values in zip(card.predictors, model.reference, strict=True):
        if (described.type == "categorical") != (len(values) == 0):
            raise ArtifactError(f"{path / name} has training values that do not fit the type of {described.name}")
    predictor = FastPredictor(card, model.blend, model.reference, model.area, model.held_out, model.records)
    return Artifact(model_id, card, predictor, path)


def find_artifacts(root: Path) -> list[Path]:
    """List the models under a directory.

    Parameters
    ----------
    root : Path
        A model's directory or any directory above.

    Returns
    -------
    list of Path
        In alphabetical order, without unfinished drafts.
    """
    directories = (p.parent for p in root.rglob("manifest.json"))
    return sorted(p for p in directories if not any(part.startswith(".") for part in p.relative_to(root).parts))


def read_card(path: Path) -> ModelCard:
    """Read a model's card alone, and check its hash.

    Parameters
    ----------
    path : Path
        The model's directory.

    Returns
    -------
    ModelCard

    Raises
    ------
    ArtifactError
        As `load_artifact`.
    """
    return _card(path, _manifest(path))


def verify_artifact(path: Path) -> int:
    """Compare a model's files with the hashes in its manifest, without opening the model.

    Parameters
    ----------
    path : Path
        The model's directory.

    Returns
    -------
    int
        Its format version.

    Raises
    ------
    ArtifactError
        Something is missing, of another format version, or changed since it was written.
    """
    return int(_verified(path)[0]["format_version"])


def _verified(path: Path) -> tuple[dict[str, Any], ModelCard, bytes]:
    """Return the manifest, the card and the content of the file of arrays, all checked by hash."""
    manifest = _manifest(path)
    card = _card(path, manifest)
    return manifest, card, _unchanged(path, _ARRAYS[manifest["format_version"]], manifest["sha256"])


def _unchanged(path: Path, name: str, hashes: dict[str, str]) -> bytes:
    content = _read(path, name)
    if hashlib.sha256(content).hexdigest() != hashes[name]:
        raise ArtifactError(f"{path / name} has changed since the model was written")
    return content


def _card(path: Path, manifest: dict[str, Any]) -> ModelCard:
    """Read the card, whose parts must agree, and compare the model's id with the hashes."""
    file = path / "card.json"
    content = _unchanged(path, file.name, manifest["sha256"])
    try:
        json.loads(content, object_pairs_hook=_without_repetition)
        card = ModelCard.model_validate_json(content)
    except ValidationError as error:
        raise ArtifactError(f"{file} is not a model card: {_first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{file} is not a model card: {_printable(str(error))}") from error
    if manifest["model_id"] != _model_id(card.species.slug, manifest["sha256"]):
        raise ArtifactError(f"{path / 'manifest.json'} has the id of another model")
    problem = find_contradiction(card)
    if problem is not None:
        raise ArtifactError(f"{file} {problem}")
    return card


def _without_repetition(members: list[tuple[str, object]]) -> None:
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        raise ValueError("a member is given more than once")


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = _printable(".".join(str(part) for part in first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}{more}"


def _printable(text: str) -> str:
    """Return a text of a file as part of a message."""
    return "".join(character if character.isprintable() else "?" for character in text[:_LONGEST_QUOTE])


def _model_id(slug: str, hashes: dict[str, str]) -> str:
    content = "".join(f"{name}:{hashes[name]}" for name in sorted(hashes))
    return f"{slug}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(_read(path, "manifest.json"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError(f"{path / 'manifest.json'} is not JSON") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if type(version) is not int or version not in _ARRAYS:
        raise ArtifactError(
            f"{path} has format version {_printable(repr(version))}, this program reads {FORMAT_VERSION} and below"
        )
    hashes = manifest.get("sha256")
    if (
        not isinstance(hashes, dict)
        or set(hashes) != {"card.json", _ARRAYS[version]}
        or not all(isinstance(value, str) for value in (*hashes.values(), manifest.get("model_id")))
    ):
        raise ArtifactError(f"{path / 'manifest.json'} is incomplete")
    return manifest


def _read(path: Path, name: str) -> bytes:
    """Read a file of a model, which may not be larger than such a file can be."""
    file = path / name
    try:
        return read_regular_file(file, _LARGEST.get(name, _LARGEST_ARRAYS))
    except RefusedFileError as error:
        raise ArtifactError(f"{file} {error}") from error


def _open_arrays(file: Path, content: bytes, card: ModelCard, format_version: int) -> ModelArrays:
    """Open and check the arrays, so that compiled code can use them without checks."""
    try:
        return unpack(read_arrays(content), len(card.predictors), format_version)
    except InvalidArraysError as error:
        raise ArtifactError(f"{file} contains {error}") from error
    except (
        KeyError,
        ValueError,
        OSError,
        EOFError,
        RuntimeError,
        MemoryError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        # RuntimeError: encrypted, or compressed by an unknown method (NotImplementedError is one).
        raise ArtifactError(f"{file} does not contain a model") from error
