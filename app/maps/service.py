"""Start, list, read and delete maps."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.exc import IntegrityError

from app.accounts.identity import may
from app.catalogue import access, snapshot, versions
from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.database.db import db
from app.errors import Conflict, NotFound, NotPermitted, ValidationFailed
from app.jobs import service as jobs
from app.jobs.tables import Job
from app.maps import folders
from app.maps.change_step import CHANGE, SUITABILITY, comparison_in_need_of, find_finished, kind_of_row
from app.maps.details import as_detail, content_of
from app.maps.schemas import MapDetail, MapPage, MapRequest, MapsQuery
from app.maps.shift_fields import checked
from app.maps.steps import KIND
from app.maps.tables import Map
from app.places.stores import readable_store, unreadable
from app.registry import service as registry
from app.web.paging import cut_page, read_cursor
from ml.layers.stored import UnknownScenarioError
from ml.layers.stored_index import StoredLayersError
from ml.predictors.encoding import number_text

_NAMESPACE = uuid.UUID("6f1b8a52-3c0e-4f0c-9d58-8f1f3a7e2d10")
#: Maps that the page of another one names.
_MOST_OTHERS = 100
#: Characters of the beginning of a file's name.
_LONGEST_NAME = 150
_NO_LAYERS = (
    "the layers that this model was trained on are not stored on this server, so that no map of it can be made; train "
    "it again"
)


def start(request: MapRequest, key: str | None = None) -> tuple[Job, str]:
    """Start a map, or return the job of the same map.

    Parameters
    ----------
    request : MapRequest
    key : str, optional
        Idempotency key of the client.

    Returns
    -------
    job : Job
    map_id : str

    Raises
    ------
    ValidationFailed
        There is no such species, model or scenario, or the study has no layers.
    Conflict
        The key was used for another map.
    Unavailable
        The layers are damaged.
    """
    key = access.own_key(key)
    version = _version_of(request)
    request = _with_labels(version, request)
    shift = checked(registry.card_of(version).predictors, request.shift)
    about: dict[str, Any] = {"model": version.id, "scenario": request.scenario, "kind": request.kind}
    if request.kind == CHANGE:
        about |= {"scenario": None, "scenarios": request.compared}
    if shift:
        about["shift"] = shift
    study = version.species.study.slug
    jobs_of_study = _jobs_of(study)
    earlier = [job for job in jobs_of_study if {**job.parameters, "map": None} == {**about, "map": None}]
    is_repeated = key is not None and any(job.idempotency_key == f"key:{key}" for job in jobs_of_study)
    current = next((job for job in earlier if _has_map(job)), None)
    if current is not None and not is_repeated:
        return current, str(current.parameters["map"])
    if not is_repeated and request.kind != CHANGE:
        # a comparison can have made it
        made = find_finished(version.id, request.scenario, shift)
        maker = get(made.id)[1] if made is not None else None
        if made is not None and maker is not None and maker.state == "succeeded":
            return maker, made.id
    name = f"key:{key}" if key is not None else _name_of(about, earlier)
    map_id = str(uuid.uuid5(_NAMESPACE, f"{study}/{name}"))
    parameters = {"map": map_id, **about}
    repeated = db.session.scalar(select(Job).where(Job.kind == KIND, Job.study == study, Job.idempotency_key == name))
    if repeated is not None and repeated.parameters == parameters and db.session.get(Map, map_id) is None:
        raise Conflict("The map of this Idempotency-Key was deleted. Send a new key for a new map.")
    if repeated is None:
        db.session.add(
            Map(
                id=map_id,
                model_id=version.id,
                study=study,
                scenario=about["scenario"],
                kind=kind_of_row(request.kind, shift),
                job_key=name,
            )
        )
    try:
        # in one transaction with the row of the map
        job = jobs.enqueue(KIND, study, parameters, name)
    except IntegrityError:
        db.session.rollback()
        job = jobs.enqueue(KIND, study, parameters, name)
    return job, map_id


def _has_map(job: Job) -> bool:
    """Return whether a job has made a map that can be read, or is about to."""
    map_id = str(job.parameters["map"])
    if job.state in ("failed", "cancelled") or db.session.get(Map, map_id) is None:
        return False
    if job.state != "succeeded":
        return True
    return content_of(map_id, str(job.parameters["kind"]))[0] is not None and folders.has_whole_files(map_id)


def _name_of(about: dict[str, Any], earlier: list[Job]) -> str:
    """Return a name for a map after others that cannot be used; two simultaneous requests have the same."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
    names = {job.idempotency_key for job in earlier}
    return next(name for n in range(len(names) + 1) if (name := f"same:{digest}:{n}") not in names)


def _version_of(request: MapRequest) -> versions.ModelVersion:
    if request.model is not None:
        version = versions.find(request.model)
        if version is None:
            raise ValidationFailed([("/model", "there is no such model")])
        return version
    model = snapshot.current().resolve(request.species or "").model
    version = versions.find(model.id) if model is not None else None
    if version is None:
        raise ValidationFailed([("/species", "this species has no active model")])
    return version


def _with_labels(version: versions.ModelVersion, request: MapRequest) -> MapRequest:
    """Return a request with the labels of scenarios as the layers have them, after checking that there are layers."""
    store = readable_store(registry.card_of(version))
    if store is None:
        raise ValidationFailed([("/model" if request.model is not None else "/species", _NO_LAYERS)])
    named: list[tuple[str, str | None]] = [(f"/scenarios/{n}", label) for n, label in enumerate(request.scenarios)]
    labels: list[str | None] = []
    for where, label in named or [("/scenario", request.scenario)]:
        try:
            found = store.open(label).about.scenario
        except UnknownScenarioError as error:
            raise ValidationFailed([(where, str(error))]) from None
        except StoredLayersError as error:
            raise unreadable(error) from error
        if named and found in labels:
            raise ValidationFailed([(where, "names a scenario twice")])
        labels.append(found)
    return request.model_copy(update={"scenarios": labels} if named else {"scenario": labels[0]})


def _jobs_of(study: str) -> list[Job]:
    statement = select(Job).where(Job.kind == KIND, Job.study == study).order_by(Job.created_at.desc(), Job.id.desc())
    return list(db.session.scalars(statement))


def _is_job_of_map() -> ColumnElement[bool]:
    return and_(Job.kind == KIND, Job.study == Map.study, Job.idempotency_key == Map.job_key)


def get(map_id: str) -> tuple[Map, Job | None]:
    """Return a map that the present request may read, and its job.

    Raises
    ------
    NotFound
        There is no such map.
    """
    row = db.session.execute(select(Map, Job).outerjoin(Job, _is_job_of_map()).where(Map.id == map_id)).one_or_none()
    if row is None or not access.may(row[0].model.species.study, "read"):
        raise NotFound(f"There is no map “{map_id[:100]}”.")
    return row[0], row[1]


def detail(map_id: str) -> MapDetail:
    """Return a map as the API shows it.

    Raises
    ------
    NotFound
        There is no such map.
    """
    return as_detail(*get(map_id))


def browse(query: MapsQuery) -> MapPage:
    """Return a page of the maps that may be read, latest first.

    Raises
    ------
    ValidationFailed
        There is no such species, or the cursor is not one of this list.
    """
    statement = select(Map, Job).outerjoin(Job, _is_job_of_map()).order_by(Map.created_at.desc(), Map.id.desc())
    if access.hides_some():
        statement = statement.where(Map.study.in_(select(Study.slug).where(access.readable())))
    if query.species is not None:
        slug = snapshot.current().resolve(query.species).slug
        chosen = select(versions.ModelVersion.id).join(Species).where(Species.slug == slug)
        statement = statement.where(Map.model_id.in_(chosen))
    if query.study is not None:
        statement = statement.where(Map.study == query.study)
    position = read_cursor(query.cursor, str, 2)
    if position is not None:
        moment = jobs.moment_of(position[0])
        statement = statement.where((Map.created_at < moment) | ((Map.created_at == moment) & (Map.id < position[1])))
    rows = [(row[0], row[1]) for row in db.session.execute(statement.limit(query.limit + 1))]
    page, cursor = cut_page(rows, query.limit, lambda row: (row[0].created_at.isoformat(), row[0].id))
    return MapPage(items=[as_detail(*row) for row in page], next=cursor)


def first_made() -> datetime | None:
    """Return when the first of all maps that may be read was started, or None where there is none."""
    seen = select(Study.slug).where(access.readable())
    return db.session.scalar(select(Map.created_at).where(Map.study.in_(seen)).order_by(Map.created_at).limit(1))


def others_of(found: MapDetail) -> list[tuple[str, str]]:
    """Return id and scenario ("": the training conditions) of finished maps of the model under other conditions."""
    statement = (
        select(Map.id, Map.scenario)
        .join(Job, _is_job_of_map())
        .where(Map.model_id == found.model.id, Map.kind == SUITABILITY, Job.state == "succeeded")
        .order_by(Map.created_at.desc())
        .limit(_MOST_OTHERS)
    )
    rows: dict[str, str] = {}
    for map_id, scenario in db.session.execute(statement):
        rows.setdefault(scenario or "", map_id)
    if not found.shift and found.kind == SUITABILITY:
        rows.pop(found.scenario or "", None)
    return sorted(((map_id, scenario) for scenario, map_id in rows.items()), key=lambda row: row[1])


def may_remove(map_id: str) -> bool:
    """Return whether the present request may delete a map: who started it, may change its study, or is an admin."""
    row, job = get(map_id)
    granted = access.current()
    is_own = job is not None and job.owner_id is not None and job.owner_id == granted.person
    return may("editor") and (is_own or access.may(row.model.species.study, "edit"))


def remove(map_id: str) -> None:
    """Delete a map with its files, and cancel its job; Conflict where an unfinished comparison needs it."""
    row, job = get(map_id)
    if not may_remove(map_id):
        raise NotPermitted(
            "Only the person who started this map, those who may change its study, and admins delete it."
        )
    if comparison := comparison_in_need_of(row):
        raise Conflict(f"The unfinished comparison {comparison} needs this map. Cancel or delete the comparison first.")
    job_id = job.id if job is not None and not job.is_finished else ""
    db.session.delete(row)
    db.session.commit()
    if job_id:
        with contextlib.suppress(Conflict, NotFound):
            jobs.cancel(job_id)
    folders.remove(map_id)


def file_name(map_id: str) -> str:
    """Return the beginning of the names of a map's files."""
    found = detail(map_id)
    parts = [found.species.slug, *([found.kind] if found.kind != SUITABILITY else [])]
    parts += found.scenarios or ([found.scenario] if found.scenario else [])
    parts += [
        f"{name} {'plus' if value > 0 else 'minus'} {number_text(abs(value))}" for name, value in found.shift.items()
    ]
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts))[:_LONGEST_NAME].strip("-.")


def first_quantity(map_id: str) -> str:
    """Return the quantity that is shown unless another one is chosen.

    Raises
    ------
    NotFound
        There is no such map.
    """
    return CHANGE if get(map_id)[0].kind == CHANGE else SUITABILITY
