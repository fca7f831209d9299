"""The served answers of one virtual group beside the truth, as one row for each species.

Two studies are made of each group: one of all records, and one of the records and the background of the half of the
region with the lower first coordinate, whose models are asked about the other half.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.virtual.scores import (
    area_check,
    calibration_check,
    card_check,
    interval_check,
    threshold_check,
    width_check,
)
from benchmarks.virtual.served import ServedGroup, answer_cells, train_group
from benchmarks.virtual.species import KINDS, RECORDS, VirtualGroup, World, make_group
from benchmarks.virtual.truth import Target, chance_of_record, other_places, target
from ml.serving.artifact import Artifact
from ml.training.provenance import TrainingOptions

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]


def run_group(
    world: World, number: int, kind: str, strength: float, options: TrainingOptions, n_cells: int
) -> list[dict[str, Any]]:
    """Make one group and check it.

    Parameters
    ----------
    world : World
    number : int
        Of the group among those of the same kind and strength.
    kind : str
    strength : float
    options : TrainingOptions
    n_cells : int
        Largest number of cells, drawn at random, that each model is asked about.

    Returns
    -------
    list of dict
        As `check_group` returns, with kind, strength and names of the group and the species.
    """
    made = make_group(world, kind, strength, np.random.default_rng((number, KINDS.index(kind), int(10 * strength))))
    name = f"{world.region} {kind} {strength:g} {number}"
    facts = {"region": world.region, "kind": kind, "strength": strength, "group": name}
    return [facts | row for row in check_group(world, made, options, n_cells, np.random.default_rng(number))]


def check_group(
    world: World, made: VirtualGroup, options: TrainingOptions, n_cells: int, draw: np.random.Generator
) -> list[dict[str, Any]]:
    """Train the two studies of a group, and return a row for each species and study.

    Parameters
    ----------
    world : World
    made : VirtualGroup
    options : TrainingOptions
    n_cells : int
        As for `run_group`.
    draw : Generator
        Chooses the cells.

    Returns
    -------
    list of dict
        The column "study" is "all" or "half". A species without a model has a row with a "problem", which is empty in
        the other rows.
    """
    rows: list[dict[str, Any]] = []
    chance = chance_of_record(made.suitability, made.effort, made.n_records)
    unbiased = chance_of_record(made.suitability, np.ones_like(made.effort), made.n_records)
    with tempfile.TemporaryDirectory() as folder:
        served = train_group(world, made, Path(folder) / "all", options)
        cells = _drawn(np.arange(len(world.rows)), n_cells, draw)
        for s, artifact in served.artifacts.items():
            answers, answered = answer_cells(artifact, world, cells)
            seen, fair = (_target(one, served, s, _share(artifact), answered) for one in (chance, unbiased))
            rows.append(
                _facts(made, s, artifact)
                | {"study": "all", "cells": len(answered)}
                | interval_check(answers, seen, fair)
                | width_check(answers, seen, artifact)
                | calibration_check(answers.suitability, seen)
                | threshold_check(answers.suitability, made.suitability[answered, s], artifact)
                | card_check(answers.suitability, *_records(chance, made, served, s, answered), artifact)
            )
        middle = np.median(world.places[:, 0])
        west = world.places[:, 0] <= middle
        half = train_group(world, made, Path(folder) / "half", options, made.group.places[:, 0] <= middle)
        home, away = (_drawn(np.flatnonzero(one), n_cells, draw) for one in (west, ~west))
        for s, artifact in half.artifacts.items():
            parts: dict[str, float] = {}
            for name, place in (("home", home), ("away", away)):
                answers, answered = answer_cells(artifact, world, place)
                seen = _target(chance, half, s, _share(artifact), answered, west)
                parts |= area_check(name, answers, seen.share, made.suitability[answered, s])
                parts[f"{name}_unanswered"] = 1 - len(answered) / len(place)
            rows.append(_facts(made, s, artifact) | {"study": "half"} | parts)
    return rows + [{"problem": one} for one in (*served.problems, *half.problems)]


def _facts(made: VirtualGroup, species: int, artifact: Artifact) -> dict[str, Any]:
    card = artifact.card
    records = int(card.n_presences)
    bias = card.background.bias_strength if card.background else None
    return {
        "species": made.group.species[species],
        "prevalence": float(made.suitability[:, species].mean()),
        "records": records,
        "class": min(RECORDS, key=lambda one: abs(np.log(one / records))),
        "share": _share(artifact),
        "bias": float("nan") if bias is None else bias,
        "better_than_chance": artifact.quality.better_than_chance,
        "auc_card": card.metrics["auc_roc"].value if "auc_roc" in card.metrics else float("nan"),
        "scale": card.interval.scale if card.interval else float("nan"),
        "place": card.interval.place if card.interval else float("nan"),
        "coverage_card": card.interval.coverage if card.interval else float("nan"),
        "problem": "",
    }


def _share(artifact: Artifact) -> float:
    background = artifact.card.background
    return background.target_group_share if background else 0.0


def _target(
    chance: Floats,
    served: ServedGroup,
    species: int,
    share: float,
    cells: Cells,
    within: NDArray[np.bool_] | None = None,
) -> Target:
    """Return the target of a species among those of its study, for some cells."""
    whole = target(chance[:, served.species], served.species.index(species), share, within)
    return replace(whole, share=whole.share[cells], mixture=whole.mixture[cells])


def _records(
    chance: Floats, made: VirtualGroup, served: ServedGroup, species: int, cells: Cells
) -> tuple[Floats, Floats]:
    """Return the expected numbers of a species' records and of its background points, for some cells."""
    of_study, column = chance[:, served.species], served.species.index(species)
    n_random = int((~made.group.records.recorded.any(axis=1)).sum())
    background = n_random / len(chance) + other_places(of_study, column)
    return of_study[cells, column], background[cells]


def _drawn(cells: Cells, most: int, draw: np.random.Generator) -> Cells:
    return cells if len(cells) <= most else np.sort(draw.choice(cells, most, replace=False))
