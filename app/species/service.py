"""Species, found by name and looked up."""

from __future__ import annotations

from app.catalogue import names, snapshot, species
from app.catalogue import versions as registry_tables
from app.catalogue.refs import ModelRef, PredictorRange, SpeciesRef, StudyRef
from app.catalogue.snapshot import ModelEntry, SpeciesEntry
from app.catalogue.species import Species
from app.catalogue.versions import ModelVersion
from app.errors import NotFound, ValidationFailed
from app.registry import service as registry
from app.species.curve_drawing import as_data
from app.species.schemas import CurveData, ResponseCurves, SpeciesDetail, SpeciesItem, SpeciesPage, SpeciesQuery
from app.web.paging import read_cursor, write_cursor
from ml.serving.response_curves import response_curves

_CANDIDATES = 300


def browse(query: SpeciesQuery) -> SpeciesPage:
    """Return a page of species: by name, or best match first when a name is asked for."""
    if names.fold(query.q):
        return _search(query)
    if query.q.strip():
        return SpeciesPage(items=[], next=None)
    name, slug = read_cursor(query.cursor, str, str) or ("", "")
    rows = species.after(name, slug, query.limit + 1, query.study)
    shown = rows[: query.limit]
    following = write_cursor(shown[-1].scientific_name, shown[-1].slug) if len(rows) > query.limit else None
    return SpeciesPage(items=_items(shown), next=following)


def _search(query: SpeciesQuery) -> SpeciesPage:
    (start,) = read_cursor(query.cursor, int) or (0,)
    candidates = species.sharing_grams(sorted(names.grams_of_query(query.q)), _CANDIDATES, query.study)
    scored = [(names.score(query.q, row.names), row) for row in candidates]
    matches = [row for score, row in sorted(scored, key=lambda pair: (-pair[0], pair[1].slug)) if score >= names.ENOUGH]
    end = start + query.limit
    return SpeciesPage(items=_items(matches[start:end]), next=write_cursor(end) if len(matches) > end else None)


def resolve(name: str) -> Species:
    """Return the species meant by a slug or a scientific name, with or without authorship.

    Raises
    ------
    ValidationFailed
        None is meant, or more than one; the pointer is ``/species``.
    """
    found = species.find(snapshot.current().resolve(name).slug)
    if found is None:
        raise ValidationFailed([("/species", f"no species is called “{_shortened(name.strip())}”")])
    return found


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
    """Return a species and the model that answers for it."""
    row = species.find(slug)
    if row is None:
        raise NotFound(f"There is no species “{_shortened(slug)}”.")
    return row, registry_tables.active_for(row.id)


def describe(row: Species | SpeciesEntry, version: ModelVersion | ModelEntry | None) -> SpeciesDetail:
    """Return a species as the API and the pages show it."""
    predictors = registry.card_of(version).predictors if version is not None else []
    return SpeciesDetail(
        slug=row.slug,
        scientific_name=row.scientific_name,
        vernacular_name=row.vernacular_name,
        study=StudyRef(slug=row.study.slug, title=row.study.title),
        predictors=[PredictorRange.of(predictor) for predictor in predictors],
        model=registry.scores_of(version) if version is not None else None,
    )


def curves_of(
    version: ModelVersion | ModelEntry, environment: dict[str, float | str], points: int = 41
) -> list[CurveData]:
    """Return how a model's answer to some conditions moves with each of them.

    Raises
    ------
    Unavailable
        The model cannot be opened.
    """
    model = registry.opened(version)
    row = [environment[predictor.name] for predictor in model.card.predictors]
    return [as_data(curve) for curve in response_curves(model.predictor, row, points)]


def starting_curves(row: Species, version: ModelVersion, start: int = 0, points: int = 41) -> ResponseCurves:
    """Return a species' curves around one of its model's starting points; the first are typical conditions.

    Raises
    ------
    ValidationFailed
        There is no such starting point.
    """
    given = registry.opened(version).card.starting_points
    if start >= len(given):
        raise ValidationFailed([("/start", f"must be less than {len(given)}")])
    start_at = given[start]
    return curves_around(row, version, start_at.label, dict(start_at.environment), points)


def curves_around(
    row: Species, version: ModelVersion | ModelEntry, at: str, environment: dict[str, float | str], points: int
) -> ResponseCurves:
    """Return a species' curves around given conditions."""
    return ResponseCurves(
        species=SpeciesRef(slug=row.slug, scientific_name=row.scientific_name),
        model=ModelRef(id=version.id, version=version.version),
        at=at,
        environment=environment,
        curves=curves_of(version, environment, points),
    )


def _items(rows: list[Species]) -> list[SpeciesItem]:
    models = registry.refs([row.id for row in rows])
    return [
        SpeciesItem(
            slug=row.slug,
            scientific_name=row.scientific_name,
            vernacular_name=row.vernacular_name,
            study=StudyRef(slug=row.study.slug, title=row.study.title),
            model=models.get(row.id),
        )
        for row in rows
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"
