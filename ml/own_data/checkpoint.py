"""A prepared study on the disk, so that a training that was stopped goes on from it. No pickle is written or read."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.card import Predictor, SpeciesDescription, StudyDescription
from ml.card_preparation import Preparation
from ml.own_data.assemble import Assembly
from ml.recipes.recipe import Recipe
from ml.serving.npz import read_arrays
from ml.study import StudyData

_NAME = "study.npz"
#: Of the code that assembles a study; it rises when the same files give another one.
_VERSION = 2
_ARRAYS = ("coordinates", "projected", "cells")
#: Largest size of the file after decompression, bytes.
_MOST_BYTES = 8 * 1024**3


def checkpoint_key(recipe: Recipe, species: Sequence[str] | None, hashes: Mapping[str, str]) -> str:
    """Return what a study depends on: the recipe, the files and the program."""
    parts = [recipe.model_dump_json(), list(species or ()), sorted(hashes.items()), _VERSION]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def save_assembly(assembly: Assembly, folder: Path, key: str) -> None:
    """Write a study to a folder; the file is complete or absent."""
    study = assembly.study
    about = {
        "key": key,
        "description": study.description.model_dump(),
        "predictors": [predictor.model_dump() for predictor in study.predictors],
        "species": [species.model_dump() for species in study.species],
        "dropped": study.dropped,
        "untrained": assembly.untrained,
        "recipe": assembly.recipe.model_dump(),
        "preparation": study.preparation.model_dump() if study.preparation is not None else None,
    }
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        "presence": study.presence.to_numpy(np.int8),
    }
    for number, predictor in enumerate(study.predictors):
        column = study.environment[predictor.name]
        text = predictor.type == "categorical"
        arrays[f"environment_{number}"] = column.to_numpy(str) if text else column.to_numpy(np.float64)
    for name in _ARRAYS:
        if getattr(study, name) is not None:
            arrays[name] = getattr(study, name)
    for number, one in enumerate(study.species if study.recorded is not None else ()):
        arrays[f"recorded_{number}"] = (study.recorded or {})[one.slug]
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{_NAME}.part"
    draft.write_bytes(buffer.getvalue())
    draft.replace(folder / _NAME)


def load_assembly(folder: Path, key: str | None = None) -> Assembly | None:
    """Return the study of a folder, or None where there is none that is complete and has the key.

    Parameters
    ----------
    folder : Path
    key : str, optional
        From `checkpoint_key`; any study is returned without it.
    """
    try:
        arrays = read_arrays((folder / _NAME).read_bytes(), _MOST_BYTES)
        about = json.loads(arrays["about"].tobytes())
        if key is not None and about["key"] != key:
            return None
        predictors = [Predictor(**one) for one in about["predictors"]]
        species = [SpeciesDescription(**one) for one in about["species"]]
        environment = pd.DataFrame(
            {predictor.name: arrays[f"environment_{number}"] for number, predictor in enumerate(predictors)}
        )
        study = StudyData(
            description=StudyDescription(**about["description"]),
            predictors=predictors,
            environment=environment,
            species=species,
            presence=pd.DataFrame(arrays["presence"].astype(np.int64), columns=[one.slug for one in species]),
            dropped=about["dropped"],
            preparation=Preparation(**about["preparation"]) if about["preparation"] else None,
            recorded=_recorded(arrays, species),
            **{name: arrays.get(name) for name in _ARRAYS},
        )
        return Assembly(study, Recipe.model_validate(about["recipe"]), about["untrained"])
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile, ValueError, KeyError, TypeError):
        # There is none, or one of another release, or a damaged one: the study is prepared again.
        return None


def _recorded(
    arrays: Mapping[str, NDArray[Any]], species: Sequence[SpeciesDescription]
) -> dict[str, NDArray[np.float64]] | None:
    if "recorded_0" not in arrays:
        return None
    return {one.slug: arrays[f"recorded_{number}"] for number, one in enumerate(species)}
