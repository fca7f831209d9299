"""A model described in full: its ODMAP report, and what changed between the versions of its species."""

from __future__ import annotations

from app.catalogue import versions
from app.catalogue.refs import SpeciesRef
from app.catalogue.versions import ModelVersion
from app.errors import NotFound
from app.registry import history, service
from app.registry.history import OtherVersion
from ml.card import ModelCard
from ml.odmap import OdmapReport, build_report

#: Versions beside the one on the page; a species with more is left to the list of models.
MOST_VERSIONS = 20


def odmap(model_id: str) -> OdmapReport:
    """Return the model card and ODMAP report of a model.

    Raises
    ------
    NotFound
        No model has this id.
    """
    row = _found(model_id)
    return build_report(service.card_of(row), row.id, row.version)


def other_versions(model_id: str) -> list[OtherVersion]:
    """Return the other versions of a model's species, latest first, with what changed.

    Raises
    ------
    NotFound
        No model has this id.
    """
    here = _found(model_id)
    rows = versions.versions_of(here.species_id, MOST_VERSIONS + 1)
    card = service.card_of(here)
    return [_seen_from(here, card, row) for row in rows if row.id != here.id][:MOST_VERSIONS]


def species_with_models() -> list[SpeciesRef]:
    """Return the species that have any model, by scientific name."""
    return [SpeciesRef(slug=slug, scientific_name=name) for slug, name in versions.species_with_models()]


def _found(model_id: str) -> ModelVersion:
    row = versions.find(model_id)
    if row is None:
        raise NotFound(f"There is no model “{model_id[:150]}”.")
    return row


def _seen_from(here: ModelVersion, card: ModelCard, other: ModelVersion) -> OtherVersion:
    its_card = service.card_of(other)
    later = other.version > here.version
    difference, sentence = history.verdict(card, its_card)
    return OtherVersion(
        id=other.id,
        version=other.version,
        active=other.active,
        registered_at=other.registered_at,
        auc=its_card.metrics.get("auc_roc"),
        difference=difference,
        verdict=sentence,
        changes=history.changes(card, its_card) if later else history.changes(its_card, card),
        first=here.id if later else other.id,
        second=other.id if later else here.id,
    )
