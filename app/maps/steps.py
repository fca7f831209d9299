"""The job "map": a coarse preview and then the map, written by ``python -m ml project``. A killed one is resumed."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from sqlalchemy import select

from app.catalogue import versions
from app.database.db import db
from app.jobs.steps import JobRef, Step, StepContext, StepError, register_kind
from app.maps import folders
from app.maps.tables import Map
from app.web.faces import settings

KIND = "map"
# The last line of a traceback.
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")
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
    """Compute the map; finished blocks of an attempt that ended early are used."""
    _sweep()
    parameters = context.job.parameters
    version = versions.find(parameters["model"])
    if version is None or db.session.get(Map, parameters["map"]) is None:
        raise StepError(_DELETED)
    output = folders.folder_of(parameters["map"])
    output.parent.mkdir(parents=True, exist_ok=True)
    options: list[str | Path] = ["--model", settings().models_dir.resolve() / version.path, "--output", output]
    options += ["--layer-store", settings().layers_dir.resolve(), "--progress", "json", "--preview", "--replace"]
    if parameters["scenario"] is not None:
        options.append(f"--scenario={parameters['scenario']}")
    if settings().dask_scheduler:
        options += ["--scheduler", settings().dask_scheduler or ""]
    try:
        context.run_command([sys.executable, "-m", "ml", "project", *options])
    except StepError as error:
        text = str(error)
        if _EXCEPTION.match(text):
            raise StepError("The program stopped with an error; the log shows where. Please report it.") from error
        raise StepError(re.sub(r"^python -m ml( project)?: (error: )?", "", text)) from error


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
    """Remove the files of a failed or cancelled map."""
    folders.remove(job.parameters["map"])
