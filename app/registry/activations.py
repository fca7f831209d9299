"""Activation and rollback for the API and the pages: what changed, in a sentence, and errors with their status."""

from __future__ import annotations

import hashlib

from app.catalogue import studies, versions
from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.catalogue.versions import ModelVersion
from app.errors import Conflict, NotFound
from app.registry import changes, service
from app.registry.changes import Change, RegistryError
from app.registry.schemas import ActivationResult, RollbackResult


def activate(model_id: str) -> ActivationResult:
    """Let a model answer for its species. Activating it again changes nothing.

    Raises
    ------
    NotFound
        No model has this id.
    Conflict
        Others activate models of the species at the same time.
    """
    service.find(model_id)
    try:
        return _describe(changes.switch_to(model_id))
    except RegistryError as error:
        raise Conflict(f"{str(error)[:1].upper()}{str(error)[1:]}. Try again.") from None


def rollback(slug: str, state: str | None = None) -> RollbackResult:
    """Let the models of a study answer that answered before.

    Parameters
    ----------
    slug : str
    state : str, optional
        As :func:`state_of` returned it: the rollback is refused when other models answer by now. A form that is sent
        twice therefore goes back once.

    Raises
    ------
    NotFound
        No study has this slug.
    Conflict
        Other models answer by now, or no species has an earlier model.
    """
    study = studies.find(slug)
    if study is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    if state is not None and state != state_of(study.id):
        raise Conflict(
            "Other models of this study answer by now, so nothing was rolled back. Look at the versions again first."
        )
    try:
        pairs = changes.rollback(slug)
    except RegistryError:
        raise Conflict(
            f"No species of “{study.title}” has an earlier model to go back to; nothing was changed."
        ) from None
    items = []
    for withdrawn, restored in pairs:
        items.append(_describe(Change(service.find(restored), service.find(withdrawn), True)))
    sentence = items[0].sentence if len(items) == 1 else f"The earlier models of {len(items)} species answer again."
    return RollbackResult(study=StudyRef(slug=study.slug, title=study.title), items=items, sentence=sentence)


def state_of(study_id: int) -> str:
    """Return a short text that differs whenever other models of a study answer."""
    ids = ",".join(versions.active_of_study(study_id))
    return hashlib.sha256(ids.encode()).hexdigest()[:16]


def describe_active(model_id: str) -> str:
    """Return the sentence about a model that was activated a moment ago; "" where it does not answer."""
    version = versions.find(model_id)
    if version is None or not version.active:
        return ""
    standing = versions.standing_activations(version.species_id)
    before = next((one.model_id for one in standing if one.model_id != model_id), None)
    return _sentence(version, versions.find(before) if before else None)


def _describe(change: Change) -> ActivationResult:
    version, replaced = change.version, change.replaced
    species = version.species
    return ActivationResult(
        model=ModelRef(id=version.id, version=version.version),
        species=SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
        study=StudyRef(slug=species.study.slug, title=species.study.title),
        replaced=ModelRef(id=replaced.id, version=replaced.version) if replaced else None,
        changed=change.changed,
        sentence=_sentence(version, replaced),
    )


def _sentence(version: ModelVersion, replaced: ModelVersion | None) -> str:
    before = f" instead of version {replaced.version}" if replaced is not None else ""
    return f"Version {version.version} of {version.species.scientific_name} answers now{before}."
