"""Entries of the snapshot: studies, species and the models that answer for them."""

from __future__ import annotations

from dataclasses import dataclass

from app.catalogue.names import Names


@dataclass(frozen=True)
class StudyEntry:
    """A study by its names."""

    slug: str
    title: str


@dataclass(frozen=True)
class ModelEntry:
    """The model that answers for a species."""

    id: str
    version: int
    path: str
    auc: float | None


@dataclass(frozen=True)
class RolloutEntry:
    """A candidate that is tried beside the active model of a species.

    Attributes
    ----------
    id : int
    active_id : str
        The model that answered when it began.
    shadow : bool
        Whether the candidate computes copies that nobody sees, instead of answers.
    percent : int
        The share of the clients whom the candidate answers, or of the requests that are copied.
    candidate : ModelEntry
    """

    id: int
    active_id: str
    shadow: bool
    percent: int
    candidate: ModelEntry


@dataclass(frozen=True)
class SpeciesEntry:
    """A species and the model that answers for it, if any."""

    id: int
    slug: str
    scientific_name: str
    vernacular_name: str
    study: StudyEntry
    model: ModelEntry | None
    other_names: tuple[str, ...] = ()
    rollout: RolloutEntry | None = None

    def answering(self, model_id: str) -> ModelEntry | None:
        """Return the model with this id, if it answers somebody: the active one, or the candidate of a rollout."""
        candidate = self.rollout.candidate if self.rollout is not None and not self.rollout.shadow else None
        return next((one for one in (self.model, candidate) if one is not None and one.id == model_id), None)

    @property
    def names(self) -> Names:
        """Every name of the species, the scientific name first."""
        return (self.scientific_name, self.vernacular_name, *self.other_names)
