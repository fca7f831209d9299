"""Comparing species and conditions: the models that answer predictions are asked, and nothing is kept."""

from __future__ import annotations

from typing import Any

from app.catalogue.entries import ModelEntry, StudyEntry
from app.catalogue.refs import ModelRef, StudyRef
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.comparisons.asking import UnstoredAnswer, answer_without_storing, refuse_any_outside
from app.comparisons.schemas import (
    ComparedConditions,
    ConditionsComparison,
    ConditionsComparisonQuery,
    Difference,
    EffectChange,
    ExpectedSpecies,
    RankedSpecies,
    SpeciesComparison,
    SpeciesComparisonQuery,
)
from app.comparisons.subjects import Panel, Subject, name_of
from app.errors import ValidationFailed
from app.predictions.conditions import Canonical, read_environment
from app.predictions.schemas import Computed
from app.web.reading import pointer

Interval = tuple[float, float]


def compare_species(panel: Panel, query: SpeciesComparisonQuery) -> SpeciesComparison:
    """Rank species by how well conditions suit them.

    Raises
    ------
    ValidationFailed
        A value is missing, unknown or impossible, or a model has no threshold by the rule that was asked for.
    OutsideArea
        The query refuses extrapolation and the conditions lie outside the area of a model.
    """
    environments = _read_for_each(panel.subjects, query.environment)
    answers = [
        (one, answer_without_storing(one.species.scientific_name, one.artifact, environment, query))
        for one, environment in zip(panel.subjects, environments, strict=True)
    ]
    if query.extrapolation == "refuse":
        refuse_any_outside(("", judged) for _, judged in answers)
    answers.sort(key=lambda pair: (pair[1].verdict == "cannot say", -pair[1].computed.suitability))
    sure = [judged.computed.suitability for _, judged in answers if judged.verdict != "cannot say"]
    return SpeciesComparison(
        study=_ref(panel.study),
        environment={name: value for environment in environments for name, value in environment.items()},
        items=[_ranked(one, judged, sure) for one, judged in answers],
        missing=panel.missing,
        expected=_expected([judged for _, judged in answers]),
    )


def compare_conditions(one: Subject, query: ConditionsComparisonQuery) -> ConditionsComparison:
    """Ask one species' model about several sets of conditions.

    Raises
    ------
    ValidationFailed
        A value is missing, unknown or impossible, or the model has no threshold by the rule that was asked for.
    OutsideArea
        The query refuses extrapolation and some conditions lie outside the model's area.
    """
    environments = _read_each(query, one)
    labels = [given.label or f"Conditions {at}" for at, given in enumerate(query.environments, 1)]
    answers = [
        answer_without_storing(label, one.artifact, environment, query)
        for label, environment in zip(labels, environments, strict=True)
    ]
    if query.extrapolation == "refuse":
        refuse_any_outside((pointer("environments", at), judged) for at, judged in enumerate(answers))
    first = answers[0].computed
    names = [predictor.name for predictor in one.artifact.card.predictors]
    return ConditionsComparison(
        species=name_of(one.species),
        study=_ref(one.species.study),
        model=_model(one.version),
        threshold=answers[0].threshold,
        baseline=first.baseline,
        differing=[name for name in names if len({environment[name] for environment in environments}) > 1],
        items=[_compared(judged, first if at else None) for at, judged in enumerate(answers)],
    )


def overlap(one: Interval, other: Interval) -> bool:
    """Tell whether two intervals share a value."""
    return one[0] <= other[1] and other[0] <= one[1]


def difference(first: Computed, here: Computed) -> Difference:
    """Return what sets an answer apart from the first one of the same model."""
    before = {item.predictor: item.effect for item in first.contributions}
    changes = [
        EffectChange(predictor=item.predictor, effect=item.effect - before.get(item.predictor, 0.0))
        for item in here.contributions
    ]
    changes.sort(key=lambda change: -abs(change.effect))
    return Difference(
        suitability=here.suitability - first.suitability,
        intervals_overlap=overlap(first.interval, here.interval),
        contributions=changes,
    )


def _read_for_each(subjects: list[Subject], given: dict[str, Any]) -> list[Canonical]:
    """Read conditions for each model; a value is unknown only where none of the models reads it."""
    names = [{predictor.name for predictor in one.artifact.card.predictors} for one in subjects]
    stray = given.keys() - set().union(*names)
    problems: dict[str, str] = {}
    environments: list[Canonical] = []
    for one, wanted in zip(subjects, names, strict=True):
        theirs = {name: value for name, value in given.items() if name in wanted or name in stray}
        try:
            environments.append(read_environment(theirs, one.artifact.card))
        except ValidationFailed as error:
            problems = dict(error.errors) | problems
    if problems:
        raise ValidationFailed(list(problems.items()))
    return environments


def _read_each(query: ConditionsComparisonQuery, one: Subject) -> list[Canonical]:
    """Read several conditions for one model."""
    problems: list[tuple[str, str]] = []
    environments: list[Canonical] = []
    for at, given in enumerate(query.environments):
        try:
            environments.append(read_environment(given.environment, one.artifact.card))
        except ValidationFailed as error:
            problems += [(pointer("environments", at) + where, text) for where, text in error.errors]
    if problems:
        raise ValidationFailed(problems)
    return environments


def _ranked(one: Subject, judged: UnstoredAnswer, sure: list[float]) -> RankedSpecies:
    suitability = judged.computed.suitability
    unsure = judged.verdict == "cannot say"
    return RankedSpecies(
        rank=None if unsure else 1 + sum(other > suitability for other in sure),
        species=name_of(one.species),
        suitability=suitability,
        interval=judged.computed.interval,
        verdict=judged.verdict,
        suitable=judged.suitable,
        threshold=judged.threshold,
        novelty=judged.computed.novelty,
        model=_model(one.version),
    )


def _expected(answers: list[UnstoredAnswer]) -> ExpectedSpecies | None:
    """Sum the chances of the species whose suitability is one: calibrated on absences, and inside the area."""
    chances = [
        judged.computed.suitability
        for judged in answers
        if judged.artifact.card.study.records == "presence-absence"
        and judged.artifact.card.calibration is not None
        and judged.computed.novelty.in_area_of_applicability
    ]
    return ExpectedSpecies(number=sum(chances), of=len(chances)) if chances else None


def _compared(judged: UnstoredAnswer, first: Computed | None) -> ComparedConditions:
    return ComparedConditions(
        label=judged.name,
        environment=judged.environment,
        suitability=judged.computed.suitability,
        interval=judged.computed.interval,
        verdict=judged.verdict,
        suitable=judged.suitable,
        novelty=judged.computed.novelty,
        contributions=judged.computed.contributions,
        difference=difference(first, judged.computed) if first is not None else None,
    )


def _model(version: ModelVersion | ModelEntry) -> ModelRef:
    return ModelRef(id=version.id, version=version.version)


def _ref(study: Study | StudyEntry) -> StudyRef:
    return StudyRef(slug=study.slug, title=study.title)
