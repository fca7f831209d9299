"""Scenarios of a study, paired with its training set by the names of the layers."""

from __future__ import annotations

from collections.abc import Sequence

from ml.layers.layer_names import KNOWN
from ml.layers.review_checks import CodeRole
from ml.recipes.reports import LayerReport, Problem, Scenario, ScenarioReport

_NAMES = 8


def pair_scenarios(used: Sequence[tuple[LayerReport, CodeRole]]) -> tuple[list[ScenarioReport], list[Problem]]:
    """Pair each scenario with the training set by the names of the layers."""
    training = list(dict.fromkeys(layer.name for layer, role in used if role in ("training", "static")))
    static = {layer.name for layer, role in used if role == "static"}
    sets: dict[str, tuple[Scenario, list[LayerReport]]] = {}
    for layer, role in used:
        if role == "scenario":
            stated = layer.scenario or Scenario(label="future")
            sets.setdefault(stated.label, (stated, []))[1].append(layer)
    reports, problems = [], []
    for stated, layers in sets.values():
        own = {layer.name for layer in layers}
        names = [name for name in training if name in own]
        carried = [name for name in training if name not in own and name in static]
        missing = [name for name in training if name not in own and name not in static]
        reports.append(
            ScenarioReport(
                scenario=stated, layers=names, carried=carried, missing=missing, complete=bool(names) and not missing
            )
        )
        # Layers of WorldClim and CHELSA that the training set lacks are usual.
        unknown = [name for name in dict.fromkeys(layer.name for layer in layers) if name not in {*training, *KNOWN}]
        if unknown and carried:
            problems.append(
                Problem(
                    code="scenario-unpaired",
                    text=f"scenario {stated.label} has {', '.join(unknown[:_NAMES])}, which the training set does not "
                    f"have, and {', '.join(carried[:_NAMES])} of today is used for it: if they are one variable, give "
                    "both one name",
                    blocking=False,
                    file=next(layer.file for layer in layers if layer.name in unknown),
                )
            )
        if missing and training:
            more = f" and {len(missing) - _NAMES} more" if len(missing) > _NAMES else ""
            problems.append(
                Problem(
                    code="scenario-incomplete",
                    text=f"scenario {stated.label} lacks {', '.join(missing[:_NAMES])}{more} ({len(missing)} "
                    f"of {len(training)} layers): add them, leave them out of the training set, or do without it",
                    blocking=False,
                    file=layers[0].file,
                )
            )
    return reports, problems
