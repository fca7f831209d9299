"""Registration and activation of models. A worker sees a change at its next request."""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import snapshot, versions
from app.catalogue import species as species_tables
from app.catalogue import studies as study_tables
from app.catalogue.entries import ModelEntry
from app.catalogue.names import fold
from app.catalogue.refs import SpeciesRef, StudyRef
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import Activation, ModelVersion
from app.components import component
from app.database.db import db
from app.database.types import now
from app.errors import AppError, NotFound
from app.registry.model_cache import ModelCache
from app.registry.schemas import ModelDetail, ModelItem, ModelPage, ModelScores, ModelsQuery
from app.web.paging import cut_page, read_cursor
from ml.card import Metric, ModelCard, Predictor
from ml.serving.artifact import Artifact, load_artifact

log = logging.getLogger(__name__)


class RegistryError(ValueError):
    """The registry refuses a change; the message says why."""


def register(path: Path) -> tuple[ModelVersion, bool]:
    """Register an artifact.

    Parameters
    ----------
    path : Path
        The artifact's directory.

    Returns
    -------
    version : ModelVersion
    is_new : bool
        False for a model that was registered before; only its path is updated then.

    Raises
    ------
    ml.serving.artifact.ArtifactError
        The artifact is broken, was changed, or has another format.
    RegistryError
        Its species belongs to another study.
    """
    artifact = load_artifact(path)
    card = artifact.card
    registered = versions.find(artifact.model_id)
    if registered is not None:
        registered.path = _stored_path(path)
        db.session.commit()
        snapshot.snapshot_file().write()
        return registered, False
    species = _save_species(card, _save_study(card))
    version = ModelVersion(
        id=artifact.model_id,
        species_id=species.id,
        version=versions.latest_version(species.id) + 1,
        path=_stored_path(path),
        card=card.model_dump(mode="json"),
    )
    db.session.add(version)
    db.session.commit()
    snapshot.snapshot_file().write()
    return version, True


def activate(model_id: str) -> ModelVersion:
    """Make a model the active model of its species.

    Raises
    ------
    RegistryError
        There is no such model.
    """
    version = versions.find(model_id)
    if version is None:
        raise RegistryError(f"there is no model {model_id}; see `models list`")
    if not version.active:
        _switch(version)
        db.session.add(Activation(species_id=version.species_id, model_id=version.id))
        db.session.commit()
    # also when nothing changed, so that activating again restores a lost file
    snapshot.snapshot_file().write()
    return version


def rollback(study_slug: str) -> list[tuple[str, str]]:
    """Restore, for each species of a study, the model that was active before.

    Returns
    -------
    list of (str, str)
        Ids of the withdrawn and the restored model.

    Raises
    ------
    RegistryError
        The study is unknown or nothing in it has an earlier model.
    """
    study = study_tables.find(study_slug)
    if study is None:
        raise RegistryError(f"there is no study {study_slug}")
    changes: list[tuple[str, str]] = []
    for species in db.session.scalars(db.select(Species).where(Species.study_id == study.id).order_by(Species.slug)):
        standing = versions.standing_activations(species.id)
        if len(standing) < 2:
            continue
        latest, earlier = standing[0], standing[1]
        latest.withdrawn_at = now()
        version = versions.find(earlier.model_id)
        assert version is not None  # noqa: S101 (a foreign key guarantees it)
        _switch(version)
        changes.append((latest.model_id, earlier.model_id))
    if not changes:
        raise RegistryError(f"no species of {study_slug} has an earlier model to go back to")
    db.session.commit()
    snapshot.snapshot_file().write()
    return changes


def browse(query: ModelsQuery) -> ModelPage:
    """Return a page of models, by id."""
    (after,) = read_cursor(query.cursor, str) or ("",)
    rows = versions.after(after, query.limit + 1, query.species or None)
    page, cursor = cut_page(rows, query.limit, lambda row: (row.id,))
    return ModelPage(items=[ModelItem(**_item(row)) for row in page], next=cursor)


def detail(model_id: str) -> ModelDetail:
    """Return one model with its card.

    Raises
    ------
    NotFound
        No model has this id.
    """
    row = find(model_id)
    return ModelDetail(**_item(row), card=card_of(row))


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


def auc_by_model(model_ids: list[str]) -> dict[str, Metric]:
    """Return the cross-validated AUC-ROC of models, for lists."""
    return {model_id: Metric(**score) for model_id, score in versions.metric_of(model_ids, "auc_roc").items()}


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


def opened_of_study(study_id: int) -> Artifact | None:
    """Return an opened active model of a study; each contains the training values of all sites."""
    version = versions.any_active_of_study(study_id)
    return opened(version) if version is not None else None


def preload(app: Flask) -> None:
    """Read the snapshot, index its names, and answer once with the best model.

    The first request to a worker then does not wait until compiled code is loaded and the index is built.
    """
    with app.app_context():
        try:
            current = snapshot.with_all_names()
            _ = current.index
            best = current.best()
            if best is not None and best.model is not None:
                artifact = opened(best.model)
                typical = artifact.card.starting_points[0].environment
                artifact.predictor.answer([typical[predictor.name] for predictor in artifact.card.predictors])
        except (SQLAlchemyError, AppError) as error:
            # a worker without a database or models must still answer /health/ready
            log.warning("no model opened at the start: %s", type(error).__name__)


def _item(row: ModelVersion) -> dict[str, object]:
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


def _switch(version: ModelVersion) -> None:
    current = versions.active_for(version.species_id)
    if current is not None:
        current.active = False
        # the index allows one active model for a species: the old one is switched off first
        db.session.flush()
    version.active = True


def _save_study(card: ModelCard) -> Study:
    study = study_tables.find(card.study.slug)
    if study is None:
        study = Study(slug=card.study.slug)
        db.session.add(study)
    study.title = card.study.title
    study.description = card.study.model_dump(mode="json")
    db.session.flush()
    return study


def _save_species(card: ModelCard, study: Study) -> Species:
    about = card.species
    species = species_tables.find(about.slug)
    if species is None:
        species = Species(slug=about.slug, study_id=study.id)
        db.session.add(species)
    elif species.study_id != study.id:
        raise RegistryError(f"species {about.slug} already belongs to study {species.study.slug}")
    species.scientific_name = about.scientific_name
    species.vernacular_name = about.vernacular_name
    species.other_names = list(about.other_names)
    species.name_key = fold(about.scientific_name)
    db.session.flush()
    return species


def _stored_path(path: Path) -> str:
    """Return the path to store: relative below the models directory, so that DATA_DIR can move."""
    root: Path = current_app.config["SETTINGS"].models_dir.resolve()
    absolute = path.resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
