"""The example of the first page: suitable conditions, and one condition that leads through the verdicts."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import sensitive, snapshot
from app.catalogue.entries import SpeciesEntry
from app.components import component
from app.errors import AppError, Unavailable
from app.registry import service
from app.registry.model_cache import ModelCache
from ml.serving.artifact import Artifact
from ml.serving.showcase import Showcase, find_showcase

log = logging.getLogger(__name__)
#: Species that are tried, those with the highest scores first; the search takes a few tenths of a second for each.
MOST_SPECIES = 5


@dataclass(frozen=True)
class FirstExample:
    """The species of the example, and its conditions; None where no model has suitable ones that lead on."""

    species: SpeciesEntry
    showcase: Showcase | None


class Showcases:
    """Showcases by model. A model never changes under its id, so each is computed once in a process."""

    def __init__(self) -> None:
        self._by_model: dict[str, Showcase | None] = {}

    def of(self, artifact: Artifact) -> Showcase | None:
        """Return the showcase of a model."""
        if artifact.model_id not in self._by_model:
            if len(self._by_model) > 10 * MOST_SPECIES:  # models of earlier versions
                self._by_model.clear()
            self._by_model[artifact.model_id] = find_showcase(artifact)
        return self._by_model[artifact.model_id]


def first_example() -> FirstExample | None:
    """Return the example of the first page, or None while no species has a model.

    Of the `MOST_SPECIES` species with the highest scores it is the one from whose suitable conditions one condition
    leads through most verdicts, the first of them where several lead equally far, and the species with the highest
    score where none leads to unsuitable.

    Raises
    ------
    Unavailable
        No model can be opened.
    """
    longest: FirstExample | None = None
    most_steps = 0
    for entry in snapshot.current().by_score[:MOST_SPECIES]:
        if entry.model is None or component(ModelCache).failed_recently(entry.model.id):
            continue
        if sensitive.grid_for(entry.study.slug) is not None:
            # a showcase has the conditions of a training record
            continue
        try:
            showcase = component(Showcases).of(service.opened(entry.model))
        except Unavailable:
            continue
        if showcase is not None and len(showcase.steps) > most_steps:
            longest, most_steps = FirstExample(entry, showcase), len(showcase.steps)
            if showcase.is_complete:
                break
    if longest is not None:
        return longest
    best = service.example_species()
    return None if best is None else FirstExample(best, None)


def preload(app: Flask) -> None:
    """Read the snapshot, index its names, find the example of the first page, and answer once with its model.

    The first request to a worker then does not wait until compiled code is loaded and the index is built.
    """
    with app.app_context():
        try:
            _ = snapshot.with_all_names().index
            example = first_example()
            if example is not None and example.species.model is not None:
                artifact = service.opened(example.species.model)
                typical = artifact.card.starting_points[0].environment
                artifact.predictor.answer([typical[predictor.name] for predictor in artifact.card.predictors])
        except (SQLAlchemyError, AppError) as error:
            # a worker without a database or models must still answer /health/ready
            log.warning("no model opened at the start: %s", type(error).__name__)
