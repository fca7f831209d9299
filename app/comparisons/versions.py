"""Two versions of a species' model side by side: their cards, and their answers to the same conditions."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue import sensitive, snapshot
from app.catalogue import versions as registry_tables
from app.catalogue.entries import SpeciesEntry
from app.catalogue.refs import PredictorRange, StudyRef
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.comparisons import tables
from app.comparisons.asking import answer_without_storing
from app.comparisons.schemas import (
    ComparedModel,
    ModelAnswers,
    ModelSays,
    ModelsComparison,
    ModelsComparisonQuery,
    ScoreChange,
)
from app.comparisons.service import overlap
from app.comparisons.subjects import name_of
from app.errors import NotFound, Unavailable, ValidationFailed
from app.limits.limiter import charge_answers
from app.predictions.conditions import Canonical, read_environment
from app.predictions.query_schemas import RequestOptions
from app.registry import service as registry
from ml.card import Conditions, Metric, ModelCard
from ml.odmap.intervals import standard_error
from ml.quality import quality_of
from ml.serving.artifact import Artifact

# Texts of a query that a note repeats: their number, and characters of each.
_MOST_TEXTS, _LONGEST_TEXT = 10, 100
_ORDER = ("auc_roc", "auc_prg", "cor", "tss", "cbi", "brier")
Pair = tuple[ModelVersion, ModelVersion]


@dataclass(frozen=True)
class SpeciesVersions:
    """A species and the versions of its model, latest first."""

    species: Species | SpeciesEntry
    versions: list[ModelVersion]

    @property
    def latest_two(self) -> Pair | None:
        """The latest version and the one before it, older first."""
        return (self.versions[1], self.versions[0]) if len(self.versions) > 1 else None


def versions_for(query: ModelsComparisonQuery, name: str) -> SpeciesVersions | None:
    """Return the versions to choose from: of the species of the requested model, or else of the named species.

    Raises
    ------
    NotFound
        No model has the requested id.
    ValidationFailed
        No species has this name.
    """
    model_id = query.first or query.second
    if not model_id and not name:
        return None
    species = _find(model_id).species if model_id else snapshot.current().resolve(name)
    return SpeciesVersions(species, tables.versions_of(species.id))


def find_pair(query: ModelsComparisonQuery) -> Pair:
    """Return the two requested versions.

    Raises
    ------
    NotFound
        No model has one of the ids.
    ValidationFailed
        No id was given, the two are the same or of different species, or one has no version before it.
    """
    if query.first is None and query.second is None:
        raise ValidationFailed([("/first", "the id of a model is needed")])
    first = _find(query.first) if query.first is not None else None
    second = _find(query.second) if query.second is not None else None
    if first is not None and second is not None:
        if first.id == second.id:
            raise ValidationFailed([("/second", "both are the same model")])
        if first.species_id != second.species_id:
            problem = (
                f"this is a model of {second.species.scientific_name}, the first of {first.species.scientific_name}"
            )
            raise ValidationFailed([("/second", problem)])
        return first, second
    requested = first or second
    assert requested is not None  # noqa: S101 (checked above)
    before = tables.version_before(requested)
    if before is None:
        absent = "/first" if first is None else "/second"
        raise ValidationFailed([(absent, f"version {requested.version} has no version before it: name another model")])
    # the older version is first, so that a difference is the change since then
    return before, requested


def compare_models(pair: Pair) -> ModelsComparison:
    """Compare two versions of a model."""
    cards = {version.id: registry.card_of(version) for version in pair}
    first, second = (cards[version.id] for version in pair)
    older, newer = (cards[version.id] for version in sorted(pair, key=lambda version: version.version))
    names = {predictor.name for predictor in newer.predictors}
    predictors = newer.predictors + [predictor for predictor in older.predictors if predictor.name not in names]
    artifacts = _opened(pair[0]), _opened(pair[1])
    species = pair[0].species
    starts = sensitive.shown_starts(newer, species.study.slug)
    charge_answers(len(artifacts) * len(starts))
    return ModelsComparison(
        species=name_of(species),
        study=StudyRef(slug=species.study.slug, title=species.study.title),
        first=_side(pair[0], first),
        second=_side(pair[1], second),
        predictors=[PredictorRange.of(predictor) for predictor in predictors],
        same_data=first.training.data_fingerprint == second.training.data_fingerprint,
        metrics=[
            _change(name, first.metrics.get(name), second.metrics.get(name))
            for name in _in_order({*first.metrics, *second.metrics})
        ],
        answers=[_answers(point, pair, artifacts) for point in starts],
    )


def _find(model_id: str) -> ModelVersion:
    version = registry_tables.find(model_id)
    if version is None:
        raise NotFound(f"There is no model “{model_id[:150]}”.")
    return version


def _opened(version: ModelVersion) -> Artifact | None:
    """Return an opened model, or None if its files are missing; its card is still available."""
    try:
        return registry.opened(version)
    except Unavailable:
        return None


def _side(version: ModelVersion, card: ModelCard) -> ComparedModel:
    gap = card.optimism.auc_roc_random - card.optimism.auc_roc_spatial if card.optimism is not None else None
    checked = card.interval
    return ComparedModel(
        id=version.id,
        version=version.version,
        active=version.active,
        registered_at=version.registered_at,
        n_presences=card.n_presences,
        n_absences=card.n_absences,
        data_fingerprint=sensitive.shown_fingerprint(card, version.species.study.slug),
        estimator=card.training.estimator,
        members=card.members,
        validation=card.validation.method,
        quality=quality_of(card),
        metrics=card.metrics,
        thresholds=card.thresholds,
        threshold_rule=card.threshold_rule,
        importance=card.importance,
        area_threshold=card.area.threshold if card.area is not None else None,
        interval_level=checked.level if checked is not None else None,
        interval_coverage=checked.coverage if checked is not None else None,
        interval_groups=checked.groups if checked is not None else None,
        interval_standard_error=standard_error(checked.coverage, checked.groups)
        if checked is not None and checked.groups
        else None,
        optimism=gap,
    )


def _change(name: str, first: Metric | None, second: Metric | None) -> ScoreChange:
    one, other = _interval(first), _interval(second)
    return ScoreChange(
        metric=name,
        first=first,
        second=second,
        difference=second.value - first.value if first is not None and second is not None else None,
        intervals_overlap=overlap(one, other) if one is not None and other is not None else None,
    )


def _in_order(metrics: set[str]) -> list[str]:
    return [name for name in _ORDER if name in metrics] + sorted(metrics.difference(_ORDER))


def _interval(metric: Metric | None) -> tuple[float, float] | None:
    if metric is None or metric.low is None or metric.high is None:
        return None
    return metric.low, metric.high


def _answers(point: Conditions, pair: Pair, artifacts: tuple[Artifact | None, Artifact | None]) -> ModelAnswers:
    environment: Canonical = dict(point.environment)
    notes: list[str] = []
    says = [_says(version, artifact, environment, notes) for version, artifact in zip(pair, artifacts, strict=True)]
    first, second = says
    return ModelAnswers(
        label=point.label,
        environment=environment,
        first=first,
        second=second,
        difference=_difference(first, second),
        notes=notes,
    )


def _difference(first: ModelSays | None, second: ModelSays | None) -> float | None:
    if first is None or second is None or "cannot_say" in (first.verdict, second.verdict):
        return None
    return second.suitability - first.suitability


def _says(
    version: ModelVersion, artifact: Artifact | None, environment: Canonical, notes: list[str]
) -> ModelSays | None:
    """Return one version's answer to the starting conditions of another; note the reason if there is none."""
    name = f"Version {version.version}"
    if artifact is None:
        notes.append(f"{name} cannot be opened right now.")
        return None
    predictors = {predictor.name: predictor.label for predictor in artifact.card.predictors}
    unread = [field for field in environment if field not in predictors]
    if unread:
        notes.append(f"{name} does not read {_join(unread)}.")
    try:
        known = read_environment({f: value for f, value in environment.items() if f in predictors}, artifact.card)
    except ValidationFailed as error:
        fields = [(at.rsplit("/", 1)[-1], text) for at, text in error.errors]
        texts = [f"{predictors.get(field, field)}: {text}" for field, text in fields]
        notes.append(f"{name} cannot answer: {_join(texts, '; ')}.")
        return None
    answer = answer_without_storing(name, artifact, known, RequestOptions(), version.species.study.slug)
    return ModelSays(
        suitability=answer.computed.suitability,
        interval=answer.computed.interval,
        verdict=answer.verdict,
        verdict_reason=answer.verdict_reason,
        suitable=answer.suitable,
    )


def _join(texts: list[str], separator: str = ", ") -> str:
    """Join some texts of a query, and count the others."""
    shortened = [text[:_LONGEST_TEXT] for text in texts[:_MOST_TEXTS]]
    more = f" and {len(texts) - _MOST_TEXTS} more" if len(texts) > _MOST_TEXTS else ""
    return separator.join(shortened) + more
