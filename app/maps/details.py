"""What the API and pages show of one map."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from app.catalogue import sensitive, versions
from app.catalogue.refs import ModelRef, SpeciesRef
from app.jobs.tables import Job
from app.maps import folders
from app.maps.change_schemas import ChangeContent
from app.maps.change_step import CHANGE, SHIFTED, SUITABILITY
from app.maps.schemas import MapContent, MapDetail
from app.maps.tables import Map
from app.places.stores import store_or_none
from app.registry import service as registry
from ml.layers.store import extent_of
from ml.projection.shifts import shift_text
from ml.recipes.reports import Grid

#: The dissimilarity index is 0 in the cells of the training records, and so marks them. MESS and the least familiar
#: predictor change at the values of the training records.
WITHHELD: Final = frozenset({"index", "mess", "most_dissimilar"})
_LOST = "The files of this map are not on this server."
_DAMAGED = "The summary of this map is damaged."


def as_detail(row: Map, job: Job | None) -> MapDetail:
    """Return a map as the API shows it."""
    succeeded = job is not None and job.state == "succeeded"
    content, problem = content_of(row.id, row.kind) if succeeded else (None, None)
    if isinstance(content, MapContent) and sensitive.grid_for(row.study) is not None:
        for name in WITHHELD:
            content.quantities.pop(name, None)
    files = folders.raster_folder(row.id)
    species = row.model.species
    parameters = job.parameters if job is not None else {}
    # a map of today that a comparison made has no change of layers
    shift = (parameters.get("shift") or {}) if row.kind in (SHIFTED, CHANGE) else {}
    return MapDetail(
        id=row.id,
        species=SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
        study=row.study,
        model=ModelRef(id=row.model_id, version=row.model.version),
        scenario=row.scenario,
        scenarios=parameters.get("scenarios", []) if row.kind == CHANGE else [],
        shift=shift,
        shift_text=shift_text(registry.card_of(row.model).predictors, shift) if shift else "",
        kind=SUITABILITY if row.kind == SHIFTED else row.kind,
        state=job.state if job is not None else "failed",
        job=job.id if job is not None else None,
        has_preview=files is not None and files[1],
        created_at=row.created_at,
        problem=problem,
        content=content,
    )


def content_of(map_id: str, kind: str) -> tuple[MapContent | ChangeContent | None, str | None]:
    """Return the content of a map whose job has succeeded, or why it has none."""
    summary = folders.read_summary(map_id)
    if summary is None:
        damaged = folders.raster_folder(map_id) is not None
        return None, _DAMAGED if damaged else _LOST
    try:
        return (ChangeContent if kind == CHANGE else MapContent).model_validate(summary), None
    except ValidationError:
        return None, _DAMAGED


def is_active(model_id: str) -> bool:
    """Return whether a model answers for its species."""
    version = versions.find(model_id)
    return version is not None and version.active


def extent_of_map(found: MapDetail) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north of a map in degrees, of its layers before it is finished."""
    if found.content is not None:
        return extent_of(Grid.model_validate(found.content.grid))
    version = versions.find(found.model.id)
    store = store_or_none(registry.card_of(version)) if version is not None else None
    return store.index.extent if store is not None else None
