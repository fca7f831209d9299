"""The job "map": a coarse preview and then the map, written by ``python -m ml project``. A killed one is resumed."""

from __future__ import annotations

import shutil

from sqlalchemy import select

from app.catalogue import versions
from app.database.db import db
from app.jobs.steps import JobRef, Step, StepContext, StepError, register_kind
from app.maps import change_step, folders, programs
from app.maps.tables import Map

KIND = "map"
_DELETED = "The map was deleted."


def register() -> None:
    """Register the kind of job."""
    register_kind(
        KIND,
        "Map",
        (
            Step("project", "Compute the map, a coarse preview first", _project, weight=20),
            Step("finish", "Check the files", _finish, weight=1),
        ),
        clean_up,
    )


def _project(context: StepContext) -> None:
    """Compute the map, or compare maps; finished blocks of an attempt that ended early are used."""
    _sweep()
    parameters = context.job.parameters
    version = versions.find(parameters["model"])
    if version is None or db.session.get(Map, parameters["map"]) is None:
        raise StepError(_DELETED)
    if parameters["kind"] == change_step.CHANGE:
        change_step.compare_maps(context, version)
        return
    output = folders.folder_of(parameters["map"])
    programs.project(context, version, output, parameters["scenario"], parameters.get("shift") or {})


def _finish(context: StepContext) -> None:
    map_id = context.job.parameters["map"]
    if db.session.get(Map, map_id) is None:
        raise StepError(_DELETED)
    if folders.read_summary(map_id) is None:
        raise StepError("The map ended without a summary. Start it again.")
    context.result = f"/maps/{map_id}"


def _sweep() -> None:
    """Remove the folders of maps that were deleted while they could not be removed."""
    known = set(db.session.scalars(select(Map.id)))
    for name in folders.names():
        if name not in known:
            shutil.rmtree(folders.maps_dir() / name, ignore_errors=True)


def clean_up(job: JobRef) -> None:
    """Remove the files of a failed or cancelled map, and the maps that a comparison made."""
    folders.remove(job.parameters["map"])
    if job.parameters.get("kind") == change_step.CHANGE:
        change_step.remove_unfinished(job)
