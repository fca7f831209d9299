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

from benchmarks.virtual.served import ServedGroup, answer_cells, train_group
from benchmarks.virtual.species import KINDS, RECORDS, VirtualGroup, World, expected_auc, make_group
from benchmarks.virtual.truth import (
    Target,
    best_tss,
    calibration_line,
    chance_of_record,
    covered,
    group_coverage,
    logit_error,
    rates,
    target,
)
from ml.serving.artifact import Artifact
from ml.serving.bulk import BulkAnswers
from ml.serving.verdict import VERDICTS
from ml.training.provenance import TrainingOptions

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]
BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Edges of the answers between which the mean difference from the truth is given."""
# A truth outside the interval by no more than this is a small miss.
_SMALL = 0.05
_FEWEST_CELLS = 50
_FEWEST_EXPECTED = 5.0
_CANNOT_SAY = VERDICTS.index("cannot_say")


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
                | calibration_check(answers.suitability, seen)
                | threshold_check(answers.suitability, made.suitability[answered, s], artifact)
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


def interval_check(answers: BulkAnswers, seen: Target, fair: Target) -> dict[str, float]:
    """Compare intervals with the share of presences, and with the share if people went everywhere equally often.

    Parameters
    ----------
    answers : BulkAnswers
    seen, fair : Target
        Of the same cells.

    Returns
    -------
    dict of str to float
    """
    low, high, truth = answers.low, answers.high, seen.share
    inside = covered(truth, low, high)
    missed = np.maximum(low - truth, truth - high)
    return {
        "coverage": float(inside.mean()),
        "coverage_records": float(np.average(inside, weights=seen.mixture)),
        "truth_below": float((truth < low).mean()),
        "truth_above": float((truth > high).mean()),
        "small_miss": float(((missed > 0) & (missed <= _SMALL)).mean()),
        "large_miss": float((missed > _SMALL).mean()),
        "coverage_groups": group_coverage(answers.suitability, low, high, seen),
        "width": float((high - low).mean()),
        "unbiased": float(covered(fair.share, low, high).mean()),
        "unbiased_groups": group_coverage(answers.suitability, low, high, fair),
    }


def calibration_check(answer: Floats, seen: Target) -> dict[str, float]:
    """Compare answers with the share of presences: regression, mean difference and mean absolute difference.

    Parameters
    ----------
    answer : ndarray, shape (n,)
    seen : Target

    Returns
    -------
    dict of str to float
        "band0" and so on are mean differences between the edges `BANDS` of the answers; NaN with few cells.
    """
    intercept, slope = calibration_line(answer, seen)
    difference = answer - seen.share
    out = {
        "intercept": intercept,
        "slope": slope,
        "difference": float(difference.mean()),
        "absolute": float(np.abs(difference).mean()),
    }
    band = np.clip(np.digitize(answer, BANDS) - 1, 0, len(BANDS) - 2)
    for b in range(len(BANDS) - 1):
        chosen = band == b
        out[f"band{b}"] = float(difference[chosen].mean()) if chosen.sum() >= _FEWEST_CELLS else float("nan")
    return out


def threshold_check(answer: Floats, suitability: Floats, artifact: Artifact) -> dict[str, float]:
    """Return the expected rates at the default threshold, those of the card, and the best sum of any cut-off.

    Parameters
    ----------
    answer, suitability : ndarray, shape (n,)
    artifact : Artifact

    Returns
    -------
    dict of str to float
    """
    cutoff = artifact.predictor.cutoff()
    sensitivity, specificity = rates(cutoff.reached_by(answer), suitability)
    return {
        "threshold": cutoff.value,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "tss": sensitivity + specificity - 1,
        "best_tss": best_tss(answer, suitability),
        "truth_tss": best_tss(suitability, suitability),
        "card_sensitivity": float("nan") if cutoff.sensitivity is None else cutoff.sensitivity,
        "card_specificity": float("nan") if cutoff.specificity is None else cutoff.specificity,
    }


def area_check(name: str, answers: BulkAnswers, truth: Floats, suitability: Floats) -> dict[str, float]:
    """Return errors, coverage and AUC of the cells inside and outside the area, and with and without a verdict.

    Parameters
    ----------
    name : str
        With which the columns start.
    answers : BulkAnswers
    truth, suitability : ndarray, shape (n,)

    Returns
    -------
    dict of str to float
        NaN for a part of fewer than 50 cells, or for an AUC with fewer than 5 expected presences or absences.
    """
    answer = answers.suitability
    cannot_say = answers.verdict == _CANNOT_SAY
    out = {f"{name}_outside": float((~answers.inside).mean()), f"{name}_cannot_say": float(cannot_say.mean())}
    parts = {"inside": answers.inside, "outside": ~answers.inside, "said": ~cannot_say, "unsaid": cannot_say}
    for part, chosen in parts.items():
        enough = chosen.sum() >= _FEWEST_CELLS
        expected = min(suitability[chosen].sum(), (1 - suitability[chosen]).sum())
        scored = enough and expected >= _FEWEST_EXPECTED
        error, far, coverage, auc, best = (float("nan"),) * 5
        if enough:
            error = float(np.abs(answer[chosen] - truth[chosen]).mean())
            far = float(logit_error(answer[chosen], truth[chosen]).mean())
            coverage = float(covered(truth[chosen], answers.low[chosen], answers.high[chosen]).mean())
        if scored:
            auc = expected_auc(answer[chosen], suitability[chosen])
            best = expected_auc(suitability[chosen], suitability[chosen])
        values = {"error": error, "logit_error": far, "coverage": coverage, "auc": auc, "lost_auc": best - auc}
        out |= {f"{name}_{part}_{key}": value for key, value in values.items()}
    return out


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


def _drawn(cells: Cells, most: int, draw: np.random.Generator) -> Cells:
    return cells if len(cells) <= most else np.sort(draw.choice(cells, most, replace=False))
