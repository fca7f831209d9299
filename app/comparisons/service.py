"""Comparison of species and of conditions by the active models; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

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
from app.limits.limiter import charge_answers
from app.predictions.conditions import Canonical, read_environment
from app.predictions.schemas import ComputedPart
from app.web.input_validation import pointer
from ml.serving.verdict import VERDICTS, Verdict

Interval = tuple[float, float]


def compare_species(panel: Panel, query: SpeciesComparisonQuery) -> SpeciesComparison:
    """Rank species by how well conditions suit them.

    Raises
    ------
    ValidationFailed
        A value is missing, unknown or impossible, or a model has no threshold by the requested rule.
    OutsideArea
        The query refuses extrapolation and the conditions lie outside the area of a model.
    """
    environments = _read_for_each(panel.subjects, query.environment)
    charge_answers(len(environments))
    answers = [
        (
            one,
            answer_without_storing(
                one.species.scientific_name, one.artifact, environment, query, one.species.study.slug
            ),
        )
        for one, environment in zip(panel.subjects, environments, strict=True)
    ]
    if query.extrapolation == "refuse":
        refuse_any_outside(("", answer) for _, answer in answers)
    answers.sort(key=lambda pair: _place(pair[1]))
    places = [_place(answer) for _, answer in answers]
    return SpeciesComparison(
        study=_ref(panel.study),
        environment={name: value for environment in environments for name, value in environment.items()},
        items=[_ranked(one, answer, places) for one, answer in answers],
        missing=panel.missing,
        expected=_expected([answer for _, answer in answers]),
    )


def compare_conditions(one: Subject, query: ConditionsComparisonQuery) -> ConditionsComparison:
    """Compare the answers of one species' model to several sets of conditions.

    Raises
    ------
    ValidationFailed
        A value is missing, unknown or impossible, or the model has no threshold by the requested rule.
    OutsideArea
        The query refuses extrapolation and some conditions lie outside the model's area.
    """
    environments = _read_each(query, one)
    charge_answers(len(environments))
    labels = [item.label or f"Conditions {at}" for at, item in enumerate(query.environments, 1)]
    answers = [
        answer_without_storing(label, one.artifact, environment, query, one.species.study.slug)
        for label, environment in zip(labels, environments, strict=True)
    ]
    if query.extrapolation == "refuse":
        refuse_any_outside((pointer("environments", at), answer) for at, answer in enumerate(answers))
    first = answers[0]
    names = [predictor.name for predictor in one.artifact.card.predictors]
    return ConditionsComparison(
        species=name_of(one.species),
        study=_ref(one.species.study),
        model=_model(one.version),
        quality=one.artifact.quality,
        threshold=answers[0].threshold,
        baseline=first.computed.baseline,
        differing=[name for name in names if len({environment[name] for environment in environments}) > 1],
        items=[_compared(answer, first if at else None) for at, answer in enumerate(answers)],
    )


def by_verdict(comparison: SpeciesComparison) -> list[tuple[Verdict, list[RankedSpecies]]]:
    """Return the verdicts of a comparison in order, each with its species in order of suitability."""
    return [(verdict, list(items)) for verdict, items in groupby(comparison.items, lambda item: item.verdict)]


def overlap(one: Interval, other: Interval) -> bool:
    """Tell whether two intervals share a value."""
    return one[0] <= other[1] and other[0] <= one[1]


def difference(first: ComputedPart, other: ComputedPart) -> Difference:
    """Return the difference between an answer and the first answer of the same model."""
    before = {item.predictor: item.effect for item in first.contributions}
    changes = [
        EffectChange(predictor=item.predictor, effect=item.effect - before.get(item.predictor, 0.0))
        for item in other.contributions
    ]
    changes.sort(key=lambda change: -abs(change.effect))
    return Difference(
        suitability=other.suitability - first.suitability,
        intervals_overlap=overlap(first.interval, other.interval),
        contributions=changes,
    )


def _read_for_each(subjects: list[Subject], values: Mapping[str, object]) -> list[Canonical]:
    """Read conditions for each model; a value is unknown only if no model reads it."""
    names = [{predictor.name for predictor in one.artifact.card.predictors} for one in subjects]
    unknown = values.keys() - set().union(*names)
    problems: dict[str, str] = {}
    environments: list[Canonical] = []
    for one, predictors in zip(subjects, names, strict=True):
        subset = {name: value for name, value in values.items() if name in predictors or name in unknown}
        try:
            environments.append(read_environment(subset, one.artifact.card))
        except ValidationFailed as error:
            problems = dict(error.errors) | problems
    if problems:
        raise ValidationFailed(list(problems.items()))
    return environments


def _read_each(query: ConditionsComparisonQuery, one: Subject) -> list[Canonical]:
    """Read several conditions for one model."""
    problems: list[tuple[str, str]] = []
    environments: list[Canonical] = []
    for at, item in enumerate(query.environments):
        try:
            environments.append(read_environment(item.environment, one.artifact.card))
        except ValidationFailed as error:
            problems += [(pointer("environments", at) + where, text) for where, text in error.errors]
    if problems:
        raise ValidationFailed(problems)
    return environments


def _place(answer: UnstoredAnswer) -> tuple[int, float]:
    """Return the sort key of an answer: thresholds differ between species, so that the verdict comes first.

    Where the model cannot say, the number orders nothing: such species keep the order of the request.
    """
    ranked = answer.verdict != "cannot_say"
    return VERDICTS.index(answer.verdict), -answer.computed.suitability if ranked else 0.0


def _ranked(one: Subject, answer: UnstoredAnswer, places: list[tuple[int, float]]) -> RankedSpecies:
    return RankedSpecies(
        rank=None if answer.verdict == "cannot_say" else 1 + sum(_before(place, _place(answer)) for place in places),
        species=name_of(one.species),
        suitability=answer.computed.suitability,
        interval=answer.computed.interval,
        verdict=answer.verdict,
        verdict_reason=answer.verdict_reason,
        suitable=answer.suitable,
        threshold=answer.threshold,
        novelty=answer.computed.novelty,
        quality=one.artifact.quality,
        model=_model(one.version),
    )


def _before(place: tuple[int, float], other: tuple[int, float]) -> bool:
    """Tell whether a place is before another of the same verdict: verdicts are compared, numbers only within one."""
    return place[0] == other[0] and place < other


def _expected(answers: list[UnstoredAnswer]) -> ExpectedSpecies | None:
    """Sum the chances of the species whose suitability is a chance: inside the area, calibrated, better than chance."""
    chances = [
        answer.computed.suitability
        for answer in answers
        if answer.artifact.card.study.records == "presence-absence"
        and answer.artifact.card.calibration is not None
        and answer.computed.novelty.in_area_of_applicability
        and answer.artifact.quality.better_than_chance
    ]
    return ExpectedSpecies(number=sum(chances), of=len(chances)) if chances else None


def _compared(answer: UnstoredAnswer, first: UnstoredAnswer | None) -> ComparedConditions:
    says = first is not None and "cannot_say" not in (first.verdict, answer.verdict)
    return ComparedConditions(
        label=answer.name,
        environment=answer.environment,
        suitability=answer.computed.suitability,
        interval=answer.computed.interval,
        verdict=answer.verdict,
        verdict_reason=answer.verdict_reason,
        suitable=answer.suitable,
        novelty=answer.computed.novelty,
        contributions=answer.computed.contributions,
        difference=difference(first.computed, answer.computed) if first is not None and says else None,
    )


def _model(version: ModelVersion | ModelEntry) -> ModelRef:
    return ModelRef(id=version.id, version=version.version)


def _ref(study: Study | StudyEntry) -> StudyRef:
    return StudyRef(slug=study.slug, title=study.title)
