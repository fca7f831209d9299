"""The species of a batch: their models and the options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.batch.schemas import MOST_SPECIES
from app.catalogue import sensitive, snapshot
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.errors import ValidationFailed
from app.predictions.query_schemas import Extrapolation, RequestOptions
from app.registry import service as registry
from app.web.input_validation import pointer
from ml.batch.answering import Subject
from ml.batch.place_columns import PlaceColumns
from ml.card import Predictor
from ml.serving.artifact import Artifact
from ml.serving.threshold import Cutoff


def shows_distances(slugs: Sequence[str]) -> bool:
    """Return whether the present request may see the dissimilarity index of answers for species.

    Where a study has a sensitive species, it may not for species that are gone or private to others by now.
    """
    if not sensitive.has_marks():
        return True
    known = snapshot.current().by_slug
    return all(slug in known and sensitive.grid_for(known[slug].study.slug) is None for slug in slugs)


@dataclass(frozen=True)
class Selection:
    """The species of a batch with their opened models, the options, and the columns of places, if it has places."""

    entries: list[SpeciesEntry]
    models: list[ModelEntry]
    subjects: list[Subject]
    threshold: float | str | None
    extrapolation: Extrapolation
    places: PlaceColumns | None = None

    @property
    def hides_index(self) -> bool:
        """Whether the present request sees the places of the study on a grid; the index marks training records."""
        return any(sensitive.grid_for(study) is not None for study in {one.study.slug for one in self.entries})

    @property
    def predictors(self) -> list[Predictor]:
        """The predictors of all models, each once."""
        predictors: dict[str, Predictor] = {}
        for subject in self.subjects:
            for one in subject.predictors:
                predictors.setdefault(one.name, one)
        return list(predictors.values())

    @property
    def slugs(self) -> list[str]:
        """The slugs of the species."""
        return [subject.slug for subject in self.subjects]


def choose(names: Sequence[str], options: RequestOptions) -> Selection:
    """Return species of one study with their opened models.

    Raises
    ------
    ValidationFailed
        A species is unknown, they are of several studies, or a model has no threshold by the rule.
    Conflict, Unavailable
        A species has no model that answers, or it cannot be opened.
    """
    entries: dict[int, SpeciesEntry] = {}
    problems: list[tuple[str, str]] = []
    if len(names) > MOST_SPECIES:
        raise ValidationFailed([("/species", f"must not name more than {MOST_SPECIES} species")])
    for at, name in enumerate(names):
        place = pointer("species") if len(names) == 1 else pointer("species", at)
        try:
            entry = snapshot.current().resolve(name)
        except ValidationFailed as error:
            problems.append((place, error.errors[0][1]))
            continue
        entries[entry.id] = entry
        first = next(iter(entries.values()))
        if entry.study.slug != first.study.slug:
            problems.append((place, f"{entry.slug} belongs to another study than {first.slug}; send a batch for each"))
    if problems:
        raise ValidationFailed(problems)
    models, subjects = [], []
    for entry in entries.values():
        if entry.model is None:
            raise registry.nothing_answers(entry)
        artifact = registry.opened(entry.model)
        models.append(entry.model)
        subjects.append(Subject(entry.slug, artifact, _cutoff(artifact, options.threshold)))
    return Selection(list(entries.values()), models, subjects, options.threshold, options.extrapolation)


def _cutoff(artifact: Artifact, requested: float | str | None) -> Cutoff:
    try:
        return artifact.predictor.cutoff(requested)
    except KeyError:
        raise ValidationFailed([("/threshold", f"a model has no threshold by the rule {requested}")]) from None
