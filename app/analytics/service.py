"""Novelty of stored requests and their drift from the training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import get_args

from app.analytics.schemas import (
    MOST,
    Analytics,
    AnalyticsQuery,
    KindCount,
    PredictorDrift,
    Quartiles,
    Sort,
    SpeciesUse,
    StudyUse,
)
from app.catalogue.refs import StudyRef
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.errors import Unavailable
from app.predictions import stored
from app.predictions.schemas import Kind
from app.registry import service as registry
from ml.serving.artifact import Artifact
from ml.serving.drift import drift_distance, quartiles

TOP = 10
_ORDERS: dict[str, Callable[[SpeciesUse], tuple[int | str, ...]]] = {
    "requests": lambda use: (use.requests,),
    "name": lambda use: (use.scientific_name,),
    "study": lambda use: (use.study.title, use.scientific_name),
}

RequestedConditions = list[tuple[dict[str, float | str], Kind]]


def look_back(query: AnalyticsQuery, most: int | None = TOP) -> Analytics:
    """Return the analytics of a period.

    Parameters
    ----------
    query : AnalyticsQuery
    most : int or None
        Number of species, those with the most requests; None for all of them.
    """
    # predictions stored while the clock was ahead are after the period and not counted
    until = datetime.now(UTC)
    since = until - timedelta(days=query.days)
    counts = stored.count_by_species(since, until)
    total = sum(requests for _, requests in counts)
    by_study: Counter[Study] = Counter()
    for species, requests in counts:
        by_study[species.study] += requests
    return Analytics(
        days=query.days,
        since=since,
        until=until,
        requests=total,
        studies=[_study(study, requests, since, until) for study, requests in by_study.most_common()],
        species=_ordered([_species(species, requests, total) for species, requests in counts[:most]], query.sort),
    )


def _study(study: Study, requests: int, since: datetime, until: datetime) -> StudyUse:
    rows: RequestedConditions = stored.conditions_of_study(study.id, since, until, MOST)
    kinds = Counter(kind for _, kind in rows)
    return StudyUse(
        study=StudyRef(slug=study.slug, title=study.title),
        # a prediction stored between the two queries must not make examined larger than requests
        requests=max(requests, len(rows)),
        examined=len(rows),
        novelty=[
            KindCount(kind=kind, requests=kinds[kind], share=kinds[kind] / max(1, len(rows))) for kind in get_args(Kind)
        ],
        drift=_drift(study, rows),
    )


def _drift(study: Study, rows: RequestedConditions) -> list[PredictorDrift] | None:
    try:
        artifact = registry.opened_of_study(study.id)
    except Unavailable:
        return None
    if artifact is None:
        return None
    drifts = _compare(artifact, rows)
    return sorted(drifts, key=lambda drift: (drift.word == "too few requests", -(drift.distance or 0.0), drift.label))


def _compare(artifact: Artifact, rows: RequestedConditions) -> list[PredictorDrift]:
    """Compare requested with training values for each predictor."""
    drifts = []
    for predictor, reference in zip(artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical" or len(reference) == 0:
            continue
        # an earlier model of the study may have had other predictors
        requested = (environment.get(predictor.name) for environment, _ in rows)
        values = [value for value in requested if isinstance(value, int | float)]
        drift = drift_distance(reference, values) if values else None
        drifts.append(
            PredictorDrift(
                predictor=predictor.name,
                label=predictor.label,
                unit=predictor.unit,
                minimum=float(reference[0]),
                maximum=float(reference[-1]),
                trained=_quartiles(quartiles(reference)),
                requested=_quartiles(quartiles(values)) if values else None,
                requests=len(values),
                distance=drift.distance if drift else None,
                chance=drift.chance if drift else None,
                word=drift.word if drift else "too few requests",
            )
        )
    return drifts


def _ordered(species: list[SpeciesUse], sort: Sort) -> list[SpeciesUse]:
    return sorted(species, key=_ORDERS[sort.lstrip("-")], reverse=sort.startswith("-"))


def _quartiles(values: tuple[float, float, float]) -> Quartiles:
    low, median, high = values
    return Quartiles(low=low, median=median, high=high)


def _species(species: Species, requests: int, total: int) -> SpeciesUse:
    return SpeciesUse(
        slug=species.slug,
        scientific_name=species.scientific_name,
        vernacular_name=species.vernacular_name,
        study=StudyRef(slug=species.study.slug, title=species.study.title),
        requests=requests,
        share=requests / total,
    )
