"""Registration, activation and rollback of models. A worker sees a change at its next request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import current_app
from sqlalchemy.exc import IntegrityError

from app.catalogue import rollouts, snapshot, versions
from app.catalogue import species as species_tables
from app.catalogue import studies as study_tables
from app.catalogue.names import fold
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import Activation, ModelVersion
from app.database.db import db
from app.database.types import now
from app.trail import recorder as trail
from ml.card import ModelCard
from ml.serving.artifact import load_artifact

# Simultaneous activations of one species follow each other; more than a few of them are not by people.
_TRIES = 5


class RegistryError(ValueError):
    """The registry refuses a change; the message says why."""


@dataclass(frozen=True)
class Change:
    """An activation: the model that answers now, and the one that answered before, if any."""

    version: ModelVersion
    replaced: ModelVersion | None
    changed: bool


def register(path: Path, *, commit: bool = True) -> tuple[ModelVersion, bool]:
    """Register an artifact.

    Parameters
    ----------
    path : Path
        The artifact's directory.
    commit : bool
        Whether to commit and to write the snapshot. A caller that registers several models in one transaction commits
        itself, and then calls :func:`publish_snapshot`.

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
        if commit:
            _commit()
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
    # so that a failure of the database concerns this model
    db.session.flush()
    if commit:
        _commit()
    return version, True


def _commit() -> None:
    db.session.commit()
    publish_snapshot()


def publish_snapshot() -> None:
    """Write the snapshot that all workers read."""
    snapshot.snapshot_file().write()


def is_registered(model_id: str) -> bool:
    """Return whether a model is registered."""
    return versions.find(model_id) is not None


def activate(model_id: str) -> ModelVersion:
    """Make a model the active model of its species.

    Raises
    ------
    RegistryError
        There is no such model.
    """
    return switch_to(model_id).version


def switch_to(model_id: str, claim: Callable[[], None] | None = None) -> Change:
    """Make a model the active model of its species, and return what it replaced.

    Parameters
    ----------
    model_id : str
    claim : callable, optional
        Changes rows in the same transaction before the switch, or raises to prevent it.

    Raises
    ------
    RegistryError
        There is no such model, or others activate models of the species all the time.
    """
    for _ in range(_TRIES):
        version = versions.find(model_id)
        if version is None:
            raise RegistryError(f"there is no model {model_id}; see `models list`")
        replaced = versions.active_for(version.species_id)
        changed = not version.active
        try:
            if claim is not None:
                claim()
            if changed:
                _switch(version)
                db.session.add(Activation(species_id=version.species_id, model_id=version.id))
                db.session.commit()
        except IntegrityError:
            # Somebody activated another model of the species in the meantime: this activation follows that one.
            db.session.rollback()
            continue
        # also when nothing changed, so that activating again restores a lost file
        publish_snapshot()
        return Change(version, replaced if changed else None, changed)
    raise RegistryError(f"model {model_id} was not activated: others activate models of its species at the same time")


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
        earlier = next((one for one in standing if one.model_id != standing[0].model_id), None)
        if earlier is None:
            continue
        latest = standing[0]
        # the same model has several where it was activated by two people at once
        for activation in standing[: standing.index(earlier)]:
            activation.withdrawn_at = now()
        version = versions.find(earlier.model_id)
        assert version is not None  # noqa: S101 (a foreign key guarantees it)
        _switch(version)
        changes.append((latest.model_id, earlier.model_id))
    if not changes:
        raise RegistryError(f"no species of {study_slug} has an earlier model to go back to")
    trail.about("study", study_slug, "; ".join(f"model {restored}, before {latest}" for latest, restored in changes))
    db.session.commit()
    publish_snapshot()
    return changes


def _switch(version: ModelVersion) -> None:
    current = versions.active_for(version.species_id)
    if current is not None:
        current.active = False
        # the index allows one active model for a species: the old one is switched off first
        db.session.flush()
    version.active = True
    reason = f"Version {version.version} was activated."
    rollouts.end_of_species(version.species_id, version.id, reason)


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
