"""Fill the shared cache in advance: the most frequent conditions, and the starting points of each model."""

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
from app.registry.examples import first_example
from ml.serving.artifact import Artifact

#: Number of latest predictions in which conditions are counted.
RECENT = 50_000

#: ``skipped``: the model has other predictors now or cannot be opened. ``refused``: Redis did not take the answer.
Outcome = Literal["cached", "skipped", "refused"]


@dataclass
class Plan:
    """The answers to compute, by species, so that each model is opened once."""

    frequent: list[tuple[SpeciesEntry, list[Canonical]]]
    species: list[SpeciesEntry]

    @property
    def steps(self) -> int:
        """Number of steps: one for each of the frequent conditions, one for each model's starting points."""
        return sum(len(conditions) for _, conditions in self.frequent) + len(self.species)


def plan(study: str | None, limit: int) -> Plan:
    """Return the answers that are worth computing.

    Parameters
    ----------
    study : str or None
        Only species of this study.
    limit : int
        Largest number of conditions: the most frequent ones among the latest predictions.

    Raises
    ------
    Unavailable
        No species, or none of the study, has an active model.
    """
    answering = [
        species
        for species in snapshot.current().species
        if species.model is not None and (study is None or species.study.slug == study)
    ]
    if not answering:
        raise Unavailable("no model answers" + (f" in a study {study}" if study is not None else ""))
    by_id = {species.id: species for species in answering}
    # insertion order: the species with the most frequent conditions comes first
    frequent: dict[int, list[Canonical]] = {}
    for species_id, environment in tables.most_frequent(list(by_id) if study is not None else None, RECENT, limit):
        if species_id in by_id:
            frequent.setdefault(species_id, []).append(environment)
    return Plan([(by_id[species_id], conditions) for species_id, conditions in frequent.items()], answering)


def fill(work: Plan) -> Iterator[Counter[Outcome]]:
    """Compute and cache answers step by step; an answer that Redis has already gets a new CACHE_TTL."""
    for species, conditions in work.frequent:
        for environment in conditions:
            yield Counter([_fill_one(species, environment)])
    example = first_example()
    for species in work.species:
        counts = _fill_starting_points(species)
        if example is not None and example.showcase is not None and example.species.id == species.id:
            # the first page shows these conditions
            counts[_fill_one(species, dict(example.showcase.environment))] += 1
        yield counts


def _fill_starting_points(species: SpeciesEntry) -> Counter[Outcome]:
    try:
        points = _open(species).card.starting_points
    except Unavailable:
        return Counter(["skipped"])
    return Counter(_fill_one(species, dict(point.environment)) for point in points)


def _fill_one(species: SpeciesEntry, conditions: Canonical) -> Outcome:
    try:
        artifact = _open(species)
        environment = read_environment(dict(conditions), artifact.card)
    except (Unavailable, ValidationFailed):
        return "skipped"
    computed = inference.compute(artifact, environment)
    return "cached" if answers.put_now(cache_key(artifact.model_id, environment), computed) else "refused"


def _open(species: SpeciesEntry) -> Artifact:
    assert species.model is not None  # noqa: S101 (a plan contains only species with a model)
    return registry.opened(species.model)
