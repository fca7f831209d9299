"""Looking back: where requests lay and how far they are from what the models were trained on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import get_args

from app.analytics.schemas import (
    MOST,
    Analytics,
    AnalyticsQuery,
    KindCount,
    PredictorDrift,
    Quartiles,
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

_TOP = 10

AskedConditions = list[tuple[dict[str, float | str], Kind]]


def look_back(query: AnalyticsQuery) -> Analytics:
    """Return what was asked in a period."""
    # what was stored while the clock was ahead lies behind the period, and does not count in each until then
    until = datetime.now(UTC)
    since = until - timedelta(days=query.days)
    counts = stored.asked_by_species(since, until)
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
        species=[_species(species, requests, total) for species, requests in counts[:_TOP]],
    )


def _study(study: Study, requests: int, since: datetime, until: datetime) -> StudyUse:
    asked: AskedConditions = stored.asked_of_study(study.id, since, until, MOST)
    kinds = Counter(kind for _, kind in asked)
    return StudyUse(
        study=StudyRef(slug=study.slug, title=study.title),
        # one that is stored between the two queries must not make more examined than there are
        requests=max(requests, len(asked)),
        examined=len(asked),
        novelty=[
            KindCount(kind=kind, requests=kinds[kind], share=kinds[kind] / max(1, len(asked)))
            for kind in get_args(Kind)
        ],
        drift=_drift(study, asked),
    )


def _drift(study: Study, asked: AskedConditions) -> list[PredictorDrift] | None:
    try:
        artifact = registry.opened_of_study(study.id)
    except Unavailable:
        return None
    if artifact is None:
        return None
    found = _compare(artifact, asked)
    return sorted(found, key=lambda one: (one.word == "too few requests", -(one.distance or 0.0), one.label))


def _compare(artifact: Artifact, asked: AskedConditions) -> list[PredictorDrift]:
    """Compare what was asked with the training values, predictor by predictor."""
    found = []
    for predictor, reference in zip(artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical" or len(reference) == 0:
            continue
        # an earlier model of the study may have had other predictors
        given = (environment.get(predictor.name) for environment, _ in asked)
        values = [value for value in given if isinstance(value, int | float)]
        drift = drift_distance(reference, values) if values else None
        found.append(
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
    return found


def _quartiles(found: tuple[float, float, float]) -> Quartiles:
    low, median, high = found
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
