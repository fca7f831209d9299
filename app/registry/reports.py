"""The ODMAP report of a model, and the differences between the versions of a species' model."""

from __future__ import annotations

from app.catalogue import sensitive, versions
from app.catalogue.refs import SpeciesRef
from app.catalogue.versions import ModelVersion
from app.registry import history, service
from app.registry.history import OtherVersion
from ml.card import ModelCard
from ml.odmap import OdmapReport, build_report

#: Other versions shown on the page of a model; the list of models has all of them.
MOST_VERSIONS = 20


def odmap(model_id: str) -> OdmapReport:
    """Return the model card and ODMAP report of a model.

    Raises
    ------
    NotFound
        No model has this id.
    """
    version = service.find(model_id)
    grid_km = sensitive.grid_for(version.species.study.slug)
    return build_report(service.shown_card(version), version.id, version.version, grid_km)


def other_versions(model_id: str) -> list[OtherVersion]:
    """Return the other versions of a model's species, latest first, with the changes.

    Raises
    ------
    NotFound
        No model has this id.
    """
    shown = service.find(model_id)
    rows = versions.versions_of(shown.species_id, MOST_VERSIONS + 1)
    card = service.card_of(shown)
    return [_compared(shown, card, row) for row in rows if row.id != shown.id][:MOST_VERSIONS]


def species_with_models() -> list[SpeciesRef]:
    """Return the species that have any model, by scientific name."""
    return [SpeciesRef(slug=slug, scientific_name=name) for slug, name in versions.species_with_models()]


def _compared(shown: ModelVersion, card: ModelCard, other: ModelVersion) -> OtherVersion:
    other_card = service.card_of(other)
    later = other.version > shown.version
    difference, sentence = history.verdict(card, other_card)
    return OtherVersion(
        id=other.id,
        version=other.version,
        active=other.active,
        registered_at=other.registered_at,
        auc=other_card.metrics.get("auc_roc"),
        difference=difference,
        verdict=sentence,
        changes=history.changes(card, other_card) if later else history.changes(other_card, card),
        first=shown.id if later else other.id,
        second=other.id if later else shown.id,
    )
