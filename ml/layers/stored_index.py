"""The index of stored layers, ``layers.json``: grid, layers, scenarios and the key that ties them to models."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from ml.card_fields import Label, Name, Part, Slug
from ml.card_preparation import Preparation
from ml.recipes.reports import Grid
from ml.regular_files import RefusedFileError, read_regular_file

INDEX = "layers.json"
FORMAT = 1
_LARGEST_INDEX = 16 * 1024 * 1024
_MOST_CELLS = 10**11
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class StoredLayersError(ValueError):
    """Stored layers cannot be used; the message says why."""


class StoredLayer(Part):
    """One layer of a set."""

    name: Name
    label: Label = ""
    unit: Label = ""
    kind: Literal["continuous", "categorical"] = "continuous"
    levels: Annotated[dict[str, Label], Field(max_length=1_000)] = Field(
        default_factory=dict, description="code to label of a categorical layer"
    )

    def level_of(self, code: float) -> str:
        """Return the label of a category, or its code as text."""
        return level_name(self.levels, code)


class StoredSet(Part):
    """The layers of the training, or of one scenario. All sets of a study have the same layers in the same order."""

    file: Annotated[str, Field(pattern=r"^(training|scenario-\d{1,4})\.npy$")]
    scenario: Label | None = Field(None, description="label of the scenario; null for the training conditions")
    note: Annotated[str, Field(max_length=1_000)] = Field("", description="what the scenario is, in a sentence")
    layers: list[StoredLayer] = Field(min_length=1, max_length=1_000)


class StoredLayers(Part):
    """The content of ``layers.json``."""

    format: Literal[1] = 1
    key: Key = Field(description="of the sources and of what was done to them; the folder has this name")
    study: Slug
    grid: Grid
    extent: tuple[float, float, float, float] = Field(
        description="west, south, east and north, degrees of WGS 84; west above east crosses the antimeridian"
    )
    sources: dict[str, Label] = Field(default_factory=dict, description="SHA-256 by file")
    sets: list[StoredSet] = Field(min_length=1, max_length=1_000)
    incomplete: dict[str, list[Name]] = Field(
        default_factory=dict, description="scenarios that are not stored, with the layers that they lack"
    )
    trained: list[Label] = Field(
        default_factory=list, description="fingerprints of the training data of demo studies, whose cards name no files"
    )


def level_name(levels: dict[str, str], code: float) -> str:
    """Return the label of a category, or its code as text."""
    text = f"{code:g}" if code != int(code) else str(int(code))
    return levels.get(text, text)


def layers_key(preparation: Preparation) -> str:
    """Return the key of the layers that a model of own data was trained on.

    Parameters
    ----------
    preparation : Preparation
        Of the model's card. Records and settings do not change the key.
    """
    choices = json.loads(preparation.recipe).get("layers", [])
    layers = [[one.predictor, one.band, one.sha256, one.treatment] for one in preparation.layers]
    return key_of([preparation.grid, layers, choices])


def key_of(parts: object) -> str:
    """Return the key of JSON values."""
    text = json.dumps([FORMAT, parts], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_index(folder: Path) -> StoredLayers:
    """Read and check ``layers.json``.

    Raises
    ------
    StoredLayersError
        It is missing or damaged.
    """
    path = folder / INDEX
    try:
        index = StoredLayers.model_validate_json(read_regular_file(path, _LARGEST_INDEX))
    except RefusedFileError as error:
        raise StoredLayersError(f"{path} {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise StoredLayersError(f"{path} is not an index of layers: {where}: {first['msg'][:200]}") from error
    problem = _contradiction(index)
    if problem:
        raise StoredLayersError(f"{path} {problem}")
    return index


def _contradiction(index: StoredLayers) -> str:
    """Return what contradicts itself, or nothing."""
    grid = index.grid
    names = [[layer.name for layer in one.layers] for one in index.sets]
    if not 0 < grid.width * grid.height * len(names[0]) <= _MOST_CELLS:
        return "has a grid without cells, or a grid that is too large"
    if any(one != names[0] for one in names) or len(set(names[0])) < len(names[0]):
        return "has sets of different layers"
    labels = [one.scenario for one in index.sets]
    if labels[0] is not None or len(set(labels)) < len(labels) or len({one.file for one in index.sets}) < len(labels):
        return "names a set or a file twice, or begins with another set than that of the training"
    return ""


def count_bytes(grid: Grid, n_layers: int, n_sets: int) -> int:
    """Return the size of stored layers on the disk."""
    return grid.width * grid.height * n_layers * n_sets * 4
