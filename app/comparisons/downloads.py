"""Comparisons as tables for CSV files: one row for each answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.comparisons.schemas import (
    ComparedConditions,
    ConditionsComparison,
    ModelSays,
    ModelsComparison,
    RankedSpecies,
    SpeciesComparison,
)
from app.predictions.schemas import Novelty, ThresholdUsed
from app.web.csv_download import Cell
from ml.quality import Quality

#: As in the output of `python -m ml predict`.
VERDICT = ("verdict", "verdict_reason", "suitability", "low", "high", "suitable")
THRESHOLD = ("threshold", "threshold_rule")
NOVELTY = ("in_area_of_applicability", "dissimilarity_index", "mess", "most_dissimilar")
QUALITY = ("quality", "auc", "auc_low", "auc_high", "validated_by", "better_than_chance")


@dataclass(frozen=True)
class Table:
    """The columns and rows of a CSV file."""

    columns: list[str]
    rows: list[list[Cell]]


def species_table(comparison: SpeciesComparison) -> Table:
    """Return the species in their order, and those without an answer at the end."""
    names = list(comparison.environment)
    columns = ["rank", "species", "scientific_name", "vernacular_name", *VERDICT, *THRESHOLD, *NOVELTY, *QUALITY]
    columns += ["model", *(f"env.{name}" for name in names)]
    values: list[Cell] = [comparison.environment[name] for name in names]
    rows: list[list[Cell]] = [
        [
            item.rank,
            item.species.slug,
            item.species.scientific_name,
            item.species.vernacular_name,
            *_verdict(item),
            *_threshold(item.threshold),
            *_novelty(item.novelty),
            *_quality(item.quality),
            item.model.id,
            *values,
        ]
        for item in comparison.items
    ]
    for missing in comparison.missing:
        row: list[Cell] = [None, missing.slug, missing.scientific_name, missing.vernacular_name, None, missing.reason]
        rows.append(row + [None] * (len(columns) - len(row)))
    return Table(columns, rows)


def conditions_table(comparison: ConditionsComparison) -> Table:
    """Return the sets of conditions in the order of the request, with their values and effects."""
    names = list(comparison.items[0].environment)
    columns = ["label", "species", "scientific_name", *VERDICT, *THRESHOLD, *NOVELTY, *QUALITY, "model", "difference"]
    columns += [*(f"env.{name}" for name in names), *(f"effect.{name}" for name in names)]
    rows: list[list[Cell]] = []
    for item in comparison.items:
        effects = {contribution.predictor: contribution.effect for contribution in item.contributions}
        rows.append(
            [
                item.label,
                comparison.species.slug,
                comparison.species.scientific_name,
                *_verdict(item),
                *_threshold(comparison.threshold),
                *_novelty(item.novelty),
                *_quality(comparison.quality),
                comparison.model.id,
                item.difference.suitability if item.difference is not None else None,
                *(item.environment[name] for name in names),
                *(effects.get(name) for name in names),
            ]
        )
    return Table(columns, rows)


def models_table(comparison: ModelsComparison) -> Table:
    """Return the answers of both versions to the same conditions, two rows for each."""
    names = [predictor.name for predictor in comparison.predictors]
    columns = ["label", "species", "scientific_name", "version", *VERDICT, *QUALITY, "model", "notes"]
    columns += [f"env.{name}" for name in names]
    rows: list[list[Cell]] = []
    for answers in comparison.answers:
        for side, says in ((comparison.first, answers.first), (comparison.second, answers.second)):
            rows.append(
                [
                    answers.label,
                    comparison.species.slug,
                    comparison.species.scientific_name,
                    side.version,
                    *(_verdict(says) if says is not None else [None] * len(VERDICT)),
                    *_quality(side.quality),
                    side.id,
                    " ".join(answers.notes),
                    *_values(answers.environment, names),
                ]
            )
    return Table(columns, rows)


def _values(environment: Mapping[str, float | str], names: list[str]) -> Iterator[Cell]:
    return (environment.get(name) for name in names)


def _verdict(item: RankedSpecies | ComparedConditions | ModelSays) -> list[Cell]:
    return [
        item.verdict,
        item.verdict_reason,
        item.suitability,
        *item.interval,
        None if item.suitable is None else int(item.suitable),
    ]


def _threshold(threshold: ThresholdUsed) -> list[Cell]:
    return [threshold.value, threshold.rule]


def _novelty(novelty: Novelty) -> list[Cell]:
    inside = int(novelty.in_area_of_applicability)
    return [inside, novelty.dissimilarity_index, novelty.mess, novelty.most_dissimilar]


def _quality(quality: Quality) -> list[Cell]:
    low, high = quality.auc_interval or (None, None)
    return [quality.sentence, quality.auc, low, high, quality.validated_by, int(quality.better_than_chance)]
