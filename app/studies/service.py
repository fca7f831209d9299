"""The list of studies and single studies."""

from __future__ import annotations

from app.catalogue import access, sensitive, species, studies, versions
from app.catalogue.refs import PredictorRange
from app.errors import NotFound
from app.registry import service as registry
from app.studies import tables
from app.studies.schemas import OwnPart, StudyDetail, StudyItem, StudyPage
from app.web.fields import PageQuery
from app.web.paging import cut_page, read_cursor
from ml.card import StudyDescription


def browse(query: PageQuery) -> StudyPage:
    """Return a page of studies, by title."""
    title, slug = read_cursor(query.cursor, str, 2) or ("", "")
    rows = studies.after(title, slug, query.limit + 1)
    counts, models, own = species.species_counts(), versions.active_counts(), own_parts()
    page, cursor = cut_page(rows, query.limit, lambda row: (row.title, row.slug))
    items = [
        StudyItem(
            slug=row.slug,
            title=row.title,
            description=row.description["description"],
            records=row.description["records"],
            n_species=counts.get(row.id, 0),
            n_models=models.get(row.id, 0),
            own=_shown(own.get(row.id), row.slug),
            visibility=row.visibility,
            access=access.level_of(row) or "read",
        )
        for row in page
    ]
    return StudyPage(items=items, next=cursor)


def own_parts() -> dict[int, OwnPart]:
    """Return the revision and the figures of every study of own data, by the study's id."""
    return {
        study_id: OwnPart(revision=revision, files=number, bytes=size)
        for study_id, (revision, number, size) in tables.totals().items()
    }


def _shown(own: OwnPart | None, slug: str) -> OwnPart | None:
    """Return the figures of a study as the present request may see them: the size of a small file tells its content."""
    if own is None or sensitive.grid_for(slug) is None:
        return own
    return own.model_copy(update={"bytes": None})


def detail(slug: str) -> StudyDetail:
    """Return one study.

    Raises
    ------
    NotFound
        No study has this slug.
    """
    row = studies.find(slug)
    if row is None:
        raise NotFound(f"There is no study “{slug[:100]}”.")
    description = StudyDescription.model_validate(row.description)
    return StudyDetail(
        slug=row.slug,
        title=row.title,
        description=description.description,
        records=description.records,
        n_species=species.species_counts().get(row.id, 0),
        n_models=versions.active_counts().get(row.id, 0),
        own=_shown(own_parts().get(row.id), row.slug),
        visibility=row.visibility,
        access=access.level_of(row) or "read",
        predictors=[PredictorRange.of(predictor) for predictor in registry.predictors_of_study(row.id)],
        sources=description.sources,
        limits=description.limits,
        places_grid_km=sensitive.grid_for(row.slug),
    )
