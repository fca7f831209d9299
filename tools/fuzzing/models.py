"""The targets of stored models: the arrays, and the card."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_up import made_up_study
from ml.card import ModelCard, Predictor
from ml.odmap.markdown import to_markdown
from ml.odmap.report import build_report
from ml.serving.artifact import Artifact, ArtifactError, load_artifact
from ml.serving.predictor import FastPredictor
from ml.serving.response_curves import response_curves
from tools.fuzzing.targets import Mutate
from tools.fuzzing.zipped import mutate_zip

_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**30, 1e308, -1e-320, 0.5, "", "../../x", "javascript:alert(1)", "https://example.org/",
    "\u202e", "\ud800", "a\nb", "x" * 501, [], [[0, 0]], {}, {"": 0}, "nan",
)  # fmt: skip


def _make_model(folder: Path) -> Path:
    """Train a small model with a categorical predictor, and return its directory."""
    # Training is imported after the instrumentation, because numba cannot compile instrumented functions.
    from ml.training.train import train_species

    study = made_up_study(30, 3, 0)
    soils = np.random.default_rng(1).choice(["chalk", "clay", "sand"], len(study.environment))
    study = dataclasses.replace(
        study,
        predictors=[*study.predictors, Predictor(name="soil", label="Soil", type="categorical")],
        environment=study.environment.assign(soil=soils),
    )
    return train_species(study, "species", folder, n_estimators=5, n_networks=1)


def _check_answer(predictor: FastPredictor) -> None:
    for point in predictor.card.starting_points[:3]:
        row = [point.environment[one.name] for one in predictor.card.predictors]
        answer = predictor.answer(row)
        low, high = answer.interval
        assert 0 <= low <= answer.suitability <= high <= 1, (low, answer.suitability, high)
        for curve in response_curves(predictor, row, 5):
            assert all(0 <= one <= 1 for one in curve.suitability), curve.suitability


class _Model:
    """A model whose files are replaced, with a manifest that has their hashes."""

    def __init__(self, folder: Path) -> None:
        self.path = _make_model(folder)
        self.card = (self.path / "card.json").read_bytes()
        self.arrays = (self.path / "model.npz").read_bytes()

    def open(self, card: bytes, arrays: bytes) -> Artifact | None:
        """Open the model with these files, or return None where it is refused."""
        files = {"card.json": card, "model.npz": arrays}
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        try:
            slug = ModelCard.model_validate_json(card).species.slug
        except ValueError:
            slug = "species"
        digest = hashlib.sha256("".join(f"{name}:{hashes[name]}" for name in sorted(hashes)).encode()).hexdigest()
        manifest = {"format_version": 4, "model_id": f"{slug}-{digest[:12]}", "sha256": hashes}
        files["manifest.json"] = json.dumps(manifest).encode()
        for name, content in files.items():
            (self.path / name).write_bytes(content)
        try:
            return load_artifact(self.path)
        except ArtifactError as error:
            assert "changed" not in str(error) and "another model" not in str(error), error
            return None


class ArraysTarget:
    """A model with these arrays is refused with ArtifactError, or gives valid answers."""

    def __init__(self, folder: Path) -> None:
        self._model = _Model(folder / "models")

    def seeds(self) -> list[bytes]:
        """Return the arrays of a model."""
        return [self._model.arrays]

    def check(self, data: bytes) -> None:
        """Open a model with these arrays, and predict."""
        artifact = self._model.open(self._model.card, data)
        if artifact is not None:
            _check_answer(artifact.predictor)

    def mutate(self, data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
        """Change an array or the file."""
        return mutate_zip(data, most, draw, change)


class CardsTarget:
    """A card with valid hashes is refused with ArtifactError, or the model can be used and described."""

    def __init__(self, folder: Path) -> None:
        self._model = _Model(folder / "models")

    def seeds(self) -> list[bytes]:
        """Return the card of a model."""
        return [self._model.card]

    def check(self, data: bytes) -> None:
        """Open a model with this card, predict, and write its report."""
        artifact = self._model.open(data, self._model.arrays)
        if artifact is None:
            return
        card = artifact.card
        assert ModelCard.model_validate_json(json.dumps(card.model_dump())) == card, "the card does not read back"
        assert not {"/", "\\"} & set(card.study.slug + card.species.slug), "a slug that is a path"
        assert all((source.url or "http").lower().startswith("http") for source in card.study.sources), "an address"
        _check_answer(artifact.predictor)
        text = to_markdown(build_report(card, artifact.model_id))
        assert text.endswith("\n") and not any(ord(one) < 32 and one != "\n" for one in text), "control characters"

    def mutate(self, data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
        """Change a value of the card, or its bytes."""
        if draw.randrange(4) == 0:
            return change(data, most)
        try:
            card = json.loads(data)
        except ValueError:
            return change(data, most)
        for _ in range(draw.randint(1, 3)):
            _change_value(card, draw)
        changed = json.dumps(card).encode()
        return changed if len(changed) <= most else change(data, most)


def _change_value(part: Any, draw: random.Random) -> None:
    """Replace, remove or repeat a value somewhere within an object or a list."""
    while isinstance(part, dict | list) and part:
        key = draw.choice(list(part)) if isinstance(part, dict) else draw.randrange(len(part))
        if not isinstance(part[key], dict | list) or not part[key] or draw.randrange(4) == 0:
            action = draw.randrange(8)
            if action == 0:
                del part[key]
            elif action == 1 and isinstance(part, list):
                part.append(copy.deepcopy(part[key]))
            elif action == 2 and isinstance(part, dict):
                part[draw.choice(["", "x", "species"])] = copy.deepcopy(part[key])
            else:
                part[key] = copy.deepcopy(draw.choice(_VALUES))
            return
        part = part[key]
