"""The registered models: lists, details, and models opened to answer."""

from __future__ import annotations

from app.accounts.identity import may
from app.catalogue import sensitive, snapshot, versions
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.catalogue.refs import SpeciesRef, StudyRef
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.components import component
from app.errors import Conflict, NotFound, Unavailable
from app.registry.model_cache import ModelCache
from app.registry.schemas import ModelDetail, ModelScores
from ml.card import ModelCard, Predictor
from ml.serving.artifact import Artifact


def nothing_answers(species: Species | SpeciesEntry) -> Conflict:
    """Return the error of a request to a species without an active model."""
    detail = f"No version of {species.scientific_name} answers yet"
    if may("admin"):
        return Conflict(f"{detail}; activate one under /studies/{species.study.slug}/versions.")
    return Conflict(f"{detail}.")


def detail(model_id: str) -> ModelDetail:
    """Return one model with its card.

    Raises
    ------
    NotFound
        No model has this id.
    """
    row = find(model_id)
    study = row.species.study.slug
    return ModelDetail(**item_of(row), card=shown_card(row), places_grid_km=sensitive.grid_for(study))


def find(model_id: str) -> ModelVersion:
    """Return a model by its id.

    Raises
    ------
    NotFound
        No model has this id.
    """
    version = versions.find(model_id)
    if version is None:
        raise NotFound(f"There is no model “{model_id[:150]}”.")
    return version


def card_of(version: ModelVersion | ModelEntry) -> ModelCard:
    """Return the card of a model; the card of a snapshot entry is read from the opened model."""
    return opened(version).card if isinstance(version, ModelEntry) else ModelCard.model_validate(version.card)


def shown_card(version: ModelVersion) -> ModelCard:
    """Return the card of a model as the present request may see it: what leaves the server has it."""
    return sensitive.shown_card(card_of(version), version.species.study.slug)


def predictors_of_study(study_id: int) -> list[Predictor]:
    """Return the predictors of a study from one of its active models; empty while it has none.

    Every model of a study is trained on all of its sites, so each has the study's ranges.
    """
    version = versions.any_active_of_study(study_id)
    return card_of(version).predictors if version is not None else []


def scores_of(version: ModelVersion | ModelEntry) -> ModelScores:
    """Return a model's scores on held-out records."""
    card = card_of(version)
    return ModelScores(
        id=version.id,
        version=version.version,
        metrics=card.metrics,
        validation=card.validation,
        thresholds=card.thresholds,
        threshold_rule=card.threshold_rule,
        n_presences=card.n_presences,
        n_absences=card.n_absences,
    )


def threshold_of(version: ModelVersion | ModelEntry) -> float | None:
    """Return the suitability from which conditions are called suitable; None for a card without thresholds."""
    card = card_of(version)
    threshold = card.thresholds.get(card.threshold_rule)
    return threshold.value if threshold is not None else None


def has_active(species_id: int) -> bool:
    """Return whether a species has an active model."""
    return versions.active_for(species_id) is not None


def opened(version: ModelVersion | ModelEntry) -> Artifact:
    """Return a model from memory, or open it.

    Raises
    ------
    Unavailable
        The model cannot be opened.
    """
    return component(ModelCache).get(version.id, version.path)


def example_species() -> SpeciesEntry | None:
    """Return the species with the best model that can be opened: the example for a first visitor.

    Returns
    -------
    SpeciesEntry or None
        None while no species has a model.

    Raises
    ------
    Unavailable
        No model can be opened.
    """
    candidates = snapshot.current().by_score
    models = component(ModelCache)
    for entry in candidates:
        assert entry.model is not None  # noqa: S101 (by_score has only species with a model)
        if models.failed_recently(entry.model.id):
            continue
        try:
            opened(entry.model)
        except Unavailable:
            continue
        return entry
    if candidates:
        raise Unavailable("No model can be opened right now.")
    return None


def opened_of_study(study_id: int) -> Artifact | None:
    """Return an opened active model of a study; each contains the training values of all sites."""
    version = versions.any_active_of_study(study_id)
    return opened(version) if version is not None else None


def item_of(row: ModelVersion) -> dict[str, object]:
    """Return the members that a model has in a list and by itself."""
    study = row.species.study
    return {
        "id": row.id,
        "version": row.version,
        "species": SpeciesRef(slug=row.species.slug, scientific_name=row.species.scientific_name),
        "study": StudyRef(slug=study.slug, title=study.title),
        "active": row.active,
        "registered_at": row.registered_at,
        "metrics": card_of(row).metrics,
    }
