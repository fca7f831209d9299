"""The step of a job that compares maps: the maps that are missing first, then the comparison."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.jobs.steps import JobRef, StepContext
from app.jobs.tables import Job
from app.maps import folders, programs
from app.maps.tables import Map

_NAMESPACE = uuid.UUID("0c3f5b0e-5b0b-4f5c-9f6a-5d7c1f5a7b11")
#: Share of the step that the maps take.
_MAPS = 0.9
SUITABILITY, SHIFTED, CHANGE = "suitability", "shift", "change"


def kind_of_row(kind: str, shift: Mapping[str, float]) -> str:
    """Return the kind of the row of a map: maps with a stated change of layers have one of their own."""
    return SHIFTED if kind == SUITABILITY and shift else kind


def find_finished(model_id: str, scenario: str | None, shift: Mapping[str, float]) -> Map | None:
    """Return the latest finished map of a model under some conditions, or None."""
    kind = kind_of_row(SUITABILITY, shift)
    statement = select(Map).where(Map.model_id == model_id, Map.kind == kind).order_by(Map.created_at.desc())
    statement = statement.where(Map.scenario == scenario if scenario is not None else Map.scenario.is_(None))
    for row in db.session.scalars(statement):
        summary = folders.read_summary(row.id)
        if summary is None or not folders.has_whole_files(row.id):
            continue
        if (summary.get("shift") or {}) == dict(shift):
            return row
    return None


def _conditions(parameters: Mapping[str, Any]) -> list[tuple[str | None, Mapping[str, float]]]:
    """Return scenario and stated change of each map of a comparison, that of today first."""
    shift = parameters.get("shift") or {}
    return [(None, {}), *([(label, shift) for label in parameters["scenarios"]] or [(None, shift)])]


def comparison_in_need_of(row: Map) -> str | None:
    """Return the id of an unfinished comparison that uses a map, or None."""
    shift = (folders.read_summary(row.id) or {}).get("shift") or {}
    statement = select(Job).where(Job.study == row.study, Job.state.in_(("queued", "running")))
    for job in db.session.scalars(statement):
        about = job.parameters
        if about.get("kind") != CHANGE or about["map"] == row.id or about["model"] != row.model_id:
            continue
        is_own = job.idempotency_key == row.job_key
        if is_own or (
            row.kind != CHANGE and (row.scenario, shift) in [(one, dict(two)) for one, two in _conditions(about)]
        ):
            return str(about["map"])
    return None


def compare_maps(context: StepContext, version: ModelVersion) -> None:
    """Compute the maps that are missing and compare them.

    Raises
    ------
    app.jobs.steps.StepError
        A map cannot be made, or the maps cannot be compared.
    """
    parameters = context.job.parameters
    conditions = _conditions(parameters)
    paths: list[Path] = []
    for number, (scenario, changes) in enumerate(conditions):
        part = _MAPS * number / len(conditions), _MAPS * (number + 1) / len(conditions)
        context.progress(part[0], f"Map {number + 1} of {len(conditions)}: {scenario or 'training (today)'}")
        paths.append(_map_of(context, version, scenario, changes, part))
    output = folders.folder_of(parameters["map"])
    options: list[str | Path] = ["--today", paths[0], "--output", output, "--progress", "json", "--replace"]
    for path in paths[1:]:
        options += ["--scenario", path]
    programs.run(context, "change", options, (_MAPS, 1.0))


def _map_of(
    context: StepContext,
    version: ModelVersion,
    scenario: str | None,
    shift: Mapping[str, float],
    part: tuple[float, float],
) -> Path:
    """Return the folder of a map, which is computed where there is none that is finished."""
    finished = find_finished(version.id, scenario, shift)
    if finished is not None:
        return folders.folder_of(finished.id)
    parameters = context.job.parameters
    # the same in each attempt, so that a map that was interrupted is resumed
    map_id = str(uuid.uuid5(_NAMESPACE, f"{parameters['map']}/{scenario or ''}/{sorted(shift.items())}"))
    if db.session.get(Map, map_id) is None:
        job = db.session.get_one(Job, context.job.id)
        row = Map(
            id=map_id,
            model_id=version.id,
            study=context.job.study,
            scenario=scenario,
            kind=kind_of_row(SUITABILITY, shift),
            job_key=job.idempotency_key or "",
        )
        db.session.add(row)
        db.session.commit()
    programs.project(context, version, folders.folder_of(map_id), scenario, shift, part)
    return folders.folder_of(map_id)


def remove_unfinished(job: JobRef) -> None:
    """Remove the maps that a failed or cancelled comparison made: their state is that of its job."""
    row = db.session.get(Job, job.id)
    if row is None:
        return
    statement = select(Map).where(Map.study == job.study, Map.job_key == row.idempotency_key)
    for one in db.session.scalars(statement.where(Map.id != job.parameters["map"])).all():
        folders.remove(one.id)
        db.session.delete(one)
    db.session.commit()
