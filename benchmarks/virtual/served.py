"""Virtual species trained and asked as a server does it: study, artifact, and answers for many rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.virtual.species import VirtualGroup, World
from ml.card import Predictor, SpeciesDescription, StudyDescription
from ml.serving.artifact import Artifact, load_artifact
from ml.serving.bulk import BulkAnswers, answer_rows
from ml.study import StudyData
from ml.training.provenance import TrainingOptions
from ml.training.train import train_study

FEWEST_PRESENCES = 4
"""A species with fewer records is left out of its study, as services leave it out."""


@dataclass(frozen=True)
class ServedGroup:
    """The models of a study of virtual species.

    Attributes
    ----------
    species : list of int
        Columns of the virtual group that are in the study.
    artifacts : dict of int to Artifact
        By column of the virtual group.
    problems : list of str
        Why species could not be trained.
    """

    species: list[int]
    artifacts: dict[int, Artifact]
    problems: list[str]


def natural_rows(world: World, cells: NDArray[np.int64]) -> NDArray[Any]:
    """Return the conditions of cells as a user gives them: numbers, and levels as text.

    Parameters
    ----------
    world : World
    cells : ndarray of int, shape (n,)

    Returns
    -------
    ndarray of object, shape (n, n_predictors)
    """
    rows = world.rows[cells].astype(np.float64).astype(object)
    for j in world.categorical:
        rows[:, j] = [str(int(code)) for code in world.rows[cells, j]]
    return rows


def study_of(world: World, made: VirtualGroup, used: NDArray[np.bool_] | None = None) -> tuple[StudyData, list[int]]:
    """Make a study of the records and the random background of a virtual group.

    Parameters
    ----------
    world : World
    made : VirtualGroup
    used : ndarray of bool, shape (n_rows,), optional
        Rows of the group's records that are known; all by default.

    Returns
    -------
    study : StudyData
    species : list of int
        Columns of the group that have enough records; rows with records of other species only are left out.
    """
    records = made.group.records
    rows = np.ones(len(records.rows), bool) if used is None else used
    species = np.flatnonzero(records.recorded[rows].sum(axis=0) >= FEWEST_PRESENCES)
    left_out = records.recorded.any(axis=1) & ~records.recorded[:, species].any(axis=1)
    rows = rows & ~left_out
    names = made.group.predictors
    environment = pd.DataFrame(records.rows[rows].astype(np.float64), columns=names)
    for j in records.categorical:
        environment[names[j]] = [str(int(code)) for code in records.rows[rows, j]]
    slugs = [made.group.species[s] for s in species]
    places = made.group.places[rows]
    study = StudyData(
        description=StudyDescription(
            slug=f"virtual-{world.region.lower()}",
            title=f"Virtual species of {world.region}, bias {made.group.name}",
            description="Made-up species on the conditions of a region of the NCEAS benchmark.",
            records="presence-background",
            sources=[],
        ),
        predictors=[
            Predictor(name=name, label=name, type="categorical" if j in records.categorical else "continuous")
            for j, name in enumerate(names)
        ],
        environment=environment,
        species=[SpeciesDescription(slug=slug, scientific_name=slug) for slug in slugs],
        presence=pd.DataFrame(records.recorded[rows][:, species], columns=slugs),
        coordinates=places if made.group.geographic else None,
        projected=None if made.group.geographic else places,
    )
    return study, [int(s) for s in species]


def train_group(
    world: World, made: VirtualGroup, folder: Path, options: TrainingOptions, used: NDArray[np.bool_] | None = None
) -> ServedGroup:
    """Train the species of a virtual group as training for serving does, and open their models.

    Parameters
    ----------
    world : World
    made : VirtualGroup
    folder : Path
        Where the models are written.
    options : TrainingOptions
    used : ndarray of bool, shape (n_rows,), optional
        As for `study_of`.

    Returns
    -------
    ServedGroup
    """
    study, species = study_of(world, made, used)
    column = {made.group.species[s]: s for s in species}
    artifacts, problems = {}, []
    for result in train_study(study, folder, options):
        if result.path is None:
            problems.append(f"{made.group.region} {made.group.name}: {result.problem}")
        else:
            artifacts[column[result.species]] = load_artifact(result.path)
    return ServedGroup(species, dict(sorted(artifacts.items())), problems)


def known(artifact: Artifact, rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows have no level that the model has never seen; the server refuses the others.

    Parameters
    ----------
    artifact : Artifact
    rows : ndarray of object, shape (n, n_predictors)
        Natural values.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    out = np.ones(len(rows), bool)
    for j, predictor in enumerate(artifact.card.predictors):
        if predictor.type == "categorical":
            out &= np.isin(rows[:, j].astype(str), predictor.levels or [])
    return out


def answer_cells(artifact: Artifact, world: World, cells: NDArray[np.int64]) -> tuple[BulkAnswers, NDArray[np.int64]]:
    """Answer cells by the path of batches and maps.

    Parameters
    ----------
    artifact : Artifact
    world : World
    cells : ndarray of int, shape (n,)

    Returns
    -------
    answers : BulkAnswers
    answered : ndarray of int
        Those of the cells that have no unknown level.
    """
    rows = natural_rows(world, cells)
    answerable = known(artifact, rows)
    return answer_rows(artifact, rows[answerable]), cells[answerable]
