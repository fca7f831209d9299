"""Single species with their response curves."""

from __future__ import annotations

from app.catalogue import names, sensitive, snapshot, species, versions
from app.catalogue.entries import ModelEntry, SpeciesEntry
from app.catalogue.refs import ModelRef, PredictorRange, SpeciesRef, StudyRef
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.confirmations import newer
from app.errors import NotFound, ValidationFailed
from app.places.stores import store_or_none
from app.registry import service as registry
from app.species.curve_drawing import as_data
from app.species.schemas import CurveData, LayersRef, ResponseCurves, ScenarioRef, SpeciesDetail
from ml.card import ModelCard
from ml.serving.response_curves import response_curves

#: Slugs that a message names.
_MOST_NAMED = 5


def detail(slug: str) -> SpeciesDetail:
    """Return one species.

    Raises
    ------
    NotFound
        No species has this slug.
    """
    row, version = with_model(slug)
    return describe(row, version)


def with_model(slug: str) -> tuple[Species, ModelVersion | None]:
    """Return a species and its active model, from the database.

    Raises
    ------
    NotFound
        No species has this slug.
    """
    row = species.find(slug)
    if row is None:
        meant = ", ".join(entry.slug for entry in meant_by(slug)[:_MOST_NAMED])
        hint = f" Species of this name have the slugs {meant}." if meant else ""
        raise NotFound(f"There is no species “{names.shorten(slug)}”.{hint}")
    return row, versions.active_for(row.id)


def meant_by(slug: str) -> list[SpeciesEntry]:
    """Return the species that a text means in the address of a species, as it does in a prediction."""
    # a species that was deleted a moment ago may still be there
    return [entry for entry in snapshot.current().meant_by(slug) if entry.slug != slug]


def describe(row: Species | SpeciesEntry, version: ModelVersion | ModelEntry | None) -> SpeciesDetail:
    """Return a species as the API and the pages show it."""
    card = registry.card_of(version) if version is not None else None
    return SpeciesDetail(
        slug=row.slug,
        scientific_name=row.scientific_name,
        vernacular_name=row.vernacular_name,
        study=StudyRef(slug=row.study.slug, title=row.study.title),
        predictors=[PredictorRange.of(predictor) for predictor in (card.predictors if card is not None else [])],
        model=registry.scores_of(version) if version is not None else None,
        layers=_layers(card) if card is not None else None,
        places_grid_km=sensitive.grid_for(row.study.slug),
        newer_presences=newer.number_for(version.id) if version is not None else 0,
    )


def _layers(card: ModelCard) -> LayersRef | None:
    store = store_or_none(card)
    if store is None:
        return None
    sets = [one for one in store.index.sets if one.scenario is not None]
    scenarios = [ScenarioRef(label=one.scenario or "", note=one.note) for one in sets]
    return LayersRef(extent=store.index.extent, scenarios=scenarios)


def curves_of(
    version: ModelVersion | ModelEntry, environment: dict[str, float | str], study: str, points: int = 41
) -> list[CurveData]:
    """Return the response curves of a model around some conditions, one for each predictor.

    They have no density where the present request sees places on a grid: its kinks are at the training values.

    Raises
    ------
    Unavailable
        The model cannot be opened.
    """
    model = registry.opened(version)
    row = [environment[predictor.name] for predictor in model.card.predictors]
    curves = [as_data(curve) for curve in response_curves(model.predictor, row, points)]
    if sensitive.grid_for(study) is None:
        return curves
    return [curve.model_copy(update={"density": []}) for curve in curves]


def starting_curves(row: Species, version: ModelVersion, start: int = 0, points: int = 41) -> ResponseCurves:
    """Return the response curves of a species around a starting point of its model; number 0 is typical conditions.

    Raises
    ------
    ValidationFailed
        There is no such starting point.
    """
    starting_points = sensitive.shown_starts(registry.opened(version).card, row.study.slug)
    if start >= len(starting_points):
        raise ValidationFailed([("/start", f"must be less than {len(starting_points)}")])
    conditions = starting_points[start]
    return curves_around(row, version, conditions.label, dict(conditions.environment), points)


def curves_around(
    row: Species, version: ModelVersion | ModelEntry, at: str, environment: dict[str, float | str], points: int
) -> ResponseCurves:
    """Return the response curves of a species around some conditions, which have a label."""
    return ResponseCurves(
        species=SpeciesRef(slug=row.slug, scientific_name=row.scientific_name),
        model=ModelRef(id=version.id, version=version.version),
        at=at,
        environment=environment,
        curves=curves_of(version, environment, row.study.slug, points),
    )
