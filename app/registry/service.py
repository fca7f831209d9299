"""Registering models and choosing which one answers. Workers see a change at their next request."""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import snapshot, versions
from app.catalogue import species as species_tables
from app.catalogue import studies as study_tables
from app.catalogue.names import fold
from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.catalogue.snapshot import ModelEntry
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import Activation, ModelVersion
from app.components import component
from app.database.db import db
from app.database.types import now
from app.errors import AppError, NotFound
from app.registry.loader import Loader
from app.registry.schemas import ModelDetail, ModelItem, ModelPage, ModelScores, ModelsQuery
from app.web.paging import read_cursor, write_cursor
from ml.card import Metric, ModelCard, Predictor
from ml.serving.artifact import Artifact, load_artifact

log = logging.getLogger(__name__)


class RegistryError(ValueError):
    """What was asked of the registry cannot be done; the message says why."""


def register(path: Path) -> tuple[ModelVersion, bool]:
    """Enter an artifact into the registry.

    Parameters
    ----------
    path : Path
        The artifact's directory.

    Returns
    -------
    (ModelVersion, bool)
        The version, and whether it is new; registering the same model again changes nothing but where it lies.

    Raises
    ------
    ml.artifact.ArtifactError
        The artifact is broken, changed or of another format.
    RegistryError
        Its species is known from another study.
    """
    artifact = load_artifact(path)
    card = artifact.card
    known = versions.find(artifact.model_id)
    if known is not None:
        known.path = _stored_path(path)
        db.session.commit()
        snapshot.snapshot_file().write()
        return known, False
    species = _upsert_species(card, _upsert_study(card))
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
    """Make a model the one that answers for its species.

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
    # also where nothing changed: an operator who activates again mends a file that was lost
    snapshot.snapshot_file().write()
    return version


def rollback(study_slug: str) -> list[tuple[str, str]]:
    """Put each species of a study back to the model that answered before.

    Returns
    -------
    list of (str, str)
        Model withdrawn and model that answers again.

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
    shown = rows[: query.limit]
    following = write_cursor(shown[-1].id) if len(rows) > query.limit else None
    return ModelPage(items=[ModelItem(**_item(row)) for row in shown], next=following)


def detail(model_id: str) -> ModelDetail:
    """Return one model with its card.

    Raises
    ------
    NotFound
        No model has this id.
    """
    row = versions.find(model_id)
    if row is None:
        raise NotFound(f"There is no model “{model_id[:150]}”.")
    return ModelDetail(**_item(row), card=card_of(row))


def card_of(version: ModelVersion | ModelEntry) -> ModelCard:
    """Return the card of a model; one that is known from the snapshot alone is opened for it."""
    return opened(version).card if isinstance(version, ModelEntry) else ModelCard.model_validate(version.card)


def auc_by_model(model_ids: list[str]) -> dict[str, Metric]:
    """Return the cross-validated AUC-ROC of models, for lists."""
    return {model_id: Metric(**found) for model_id, found in versions.metric_of(model_ids, "auc_roc").items()}


def predictors_of_study(study_id: int) -> list[Predictor]:
    """Return what a study measures, as its models that answer know it; empty while none does.

    Every model of a study is trained on all of its sites, so that any of them knows the study's ranges.
    """
    version = versions.any_active_of_study(study_id)
    return card_of(version).predictors if version is not None else []


def scores_of(version: ModelVersion | ModelEntry) -> ModelScores:
    """Return what held-out records say about a model."""
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


def refs(species_ids: list[int]) -> dict[int, ModelRef]:
    """Return the models that answer for some species."""
    found = versions.active_by_species(species_ids)
    return {species: ModelRef(id=model_id, version=version) for species, (model_id, version) in found.items()}


def has_active(species_id: int) -> bool:
    """Tell whether any model answers for a species."""
    return versions.active_for(species_id) is not None


def opened(version: ModelVersion | ModelEntry) -> Artifact:
    """Return a model, opened."""
    return component(Loader).get(version.id, version.path)


def opened_of_study(study_id: int) -> Artifact | None:
    """Return a model that answers for a study, opened; any knows the training values of all of the study's places."""
    version = versions.any_active_of_study(study_id)
    return opened(version) if version is not None else None


def best_active() -> ModelVersion | None:
    """Return the active model with the highest AUC: a stable pick for the example a first visitor sees."""
    return versions.best_active("auc_roc")


def warm(app: Flask) -> None:
    """Open the example's model, so that a worker's first visitor does not wait for compiled code to be loaded."""
    with app.app_context():
        try:
            best = snapshot.current().best()
            if best is not None and best.model is not None:
                artifact = opened(best.model)
                typical = artifact.card.starting_points[0].environment
                artifact.predictor.answer([typical[p.name] for p in artifact.card.predictors])
        except (SQLAlchemyError, AppError) as error:
            # A worker without database or models still has to answer /health/ready.
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
        # The index allows one active model a species: the old one must be off before the new one is on.
        db.session.flush()
    version.active = True


def _upsert_study(card: ModelCard) -> Study:
    study = study_tables.find(card.study.slug)
    if study is None:
        study = Study(slug=card.study.slug)
        db.session.add(study)
    study.title = card.study.title
    study.description = card.study.model_dump(mode="json")
    db.session.flush()
    return study


def _upsert_species(card: ModelCard, study: Study) -> Species:
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
    species_tables.index_names(species)
    return species


def _stored_path(path: Path) -> str:
    """Return the path as stored: below the models directory it is relative, so that DATA_DIR can move."""
    root: Path = current_app.config["SETTINGS"].models_dir.resolve()
    absolute = path.resolve()
    return str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
