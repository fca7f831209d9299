"""Filling the shared cache before anyone asks: the most asked conditions, and what each model's page begins with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.cache import answers
from app.catalogue import snapshot
from app.catalogue.entries import SpeciesEntry
from app.errors import Unavailable, ValidationFailed
from app.predictions import inference, tables
from app.predictions.conditions import Canonical, cache_key, read_environment
from app.registry import service as registry
from ml.serving.artifact import Artifact

#: How many of the latest predictions are looked at.
RECENT = 50_000


#: What became of some conditions: ``passed over`` where the model has other predictors by now or cannot be opened.
Outcome = Literal["kept", "passed over", "away"]


@dataclass
class Plan:
    """What to compute, by species, so that each model is opened once."""

    asked: list[tuple[SpeciesEntry, list[Canonical]]]
    beginnings: list[SpeciesEntry]

    @property
    def steps(self) -> int:
        """How many steps it takes: one for each of the conditions, one for each model's beginnings."""
        return sum(len(conditions) for _, conditions in self.asked) + len(self.beginnings)


def plan(study: str | None, limit: int) -> Plan:
    """Return what is worth computing.

    Parameters
    ----------
    study : str or None
        Only species of this study.
    limit : int
        How many conditions at most, those asked most often among the latest predictions.

    Raises
    ------
    Unavailable
        No model answers, or none of the study.
    """
    known = [
        one
        for one in snapshot.current().species
        if one.model is not None and (study is None or one.study.slug == study)
    ]
    if not known:
        raise Unavailable("no model answers" + (f" in a study {study}" if study is not None else ""))
    by_id = {one.id: one for one in known}
    # the order of a dict: the species with the most asked conditions first
    asked: dict[int, list[Canonical]] = {}
    for species_id, environment in tables.most_asked(list(by_id) if study is not None else None, RECENT, limit):
        if species_id in by_id:
            asked.setdefault(species_id, []).append(environment)
    return Plan([(by_id[species_id], found) for species_id, found in asked.items()], known)


def carry_out(work: Plan) -> Iterator[Counter[Outcome]]:
    """Compute and keep, step by step; what Redis has already is kept for another CACHE_TTL."""
    for species, conditions in work.asked:
        for given in conditions:
            yield Counter([_keep(species, given)])
    for species in work.beginnings:
        yield _begin(species)


def _begin(species: SpeciesEntry) -> Counter[Outcome]:
    try:
        points = _opened(species).card.starting_points
    except Unavailable:
        return Counter(["passed over"])
    return Counter(_keep(species, dict(point.environment)) for point in points)


def _keep(species: SpeciesEntry, given: Canonical) -> Outcome:
    try:
        artifact = _opened(species)
        environment = read_environment(dict(given), artifact.card)
    except (Unavailable, ValidationFailed):
        return "passed over"
    held = inference.compute(artifact, environment)
    return "kept" if answers.put_now(cache_key(artifact.model_id, environment), held) else "away"


def _opened(species: SpeciesEntry) -> Artifact:
    assert species.model is not None  # noqa: S101 (a plan holds no other)
    return registry.opened(species.model)
