"""Whether the process lives, and whether it can answer."""

from __future__ import annotations

import logging
import time
from typing import Literal

from flask import Blueprint, Flask, current_app
from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.cache import answers
from app.catalogue import snapshot
from app.components import component, components
from app.database import replica
from app.database.db import db
from app.health.probe import Probe
from app.outbox.outbox import outbox
from app.outbox.spool import SpoolError
from app.web.faces import Reply, faces
from app.web.operations import Operation

log = logging.getLogger(__name__)
pages = Blueprint("health", __name__, url_prefix="/health")


Handover = Literal["direct", "up", "behind", "down"]
_BEHIND_S = 60.0
# shorter than whoever asks waits: Docker's and nginx's checks give up after some seconds
_PATIENCE_S = 2.0


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Components(BaseModel):
    """How each part is doing."""

    database: Literal["up", "down"]
    replica: Literal["up", "down", "none"]
    cache: Literal["up", "down", "in process"]
    models: int
    handover: Handover = Field(
        description="How answers reach the database: `direct` at once; `up` through the spool; `behind`: the oldest "
        "has waited for more than a minute; `down`: the spool cannot be used, or refused an answer of this process a "
        "moment ago."
    )
    waiting: int = Field(description="Answers that wait for the database.")


class Ready(BaseModel):
    """Whether predictions can be answered; degraded means yes, but not everything is up."""

    status: Literal["ready", "degraded", "unavailable"]
    components: Components


class Probes:
    """The checks of an application."""

    def __init__(self) -> None:
        self.database: Probe[Literal["up", "down"]] = Probe(_database, "down")
        self.replica: Probe[Literal["up", "down", "none"]] = Probe(replica.state, "down")
        self.cache: Probe[Literal["up", "down", "in process"]] = Probe(answers.state, "down")
        self.models: Probe[int] = Probe(_models, 0)


def init_app(app: Flask) -> None:
    """Add the checks."""
    components(app).add(Probes())


@pages.get("/live")
@Operation(
    "live",
    tag="health",
    summary="Is the process alive",
    answer=Live,
    answers={200: "Yes."},
    limited=False,
)
@faces()
def live() -> Reply:
    """Say that the process lives; asks nothing of anything else."""
    return Reply(Live(), headers={"Cache-Control": "no-store"})


@pages.get("/ready")
@Operation(
    "ready",
    tag="health",
    summary="Can it answer",
    answer=Ready,
    answers={200: "Yes.", 503: "No; the components say why."},
    limited=False,
)
@faces()
def ready() -> Reply:
    """Say whether predictions can be answered, and which part is down."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    probes = component(Probes)
    until = time.monotonic() + _PATIENCE_S
    # all at once, since each may hang
    of_database, of_replica = probes.database.begin(app), probes.replica.begin(app)
    of_cache, of_models = probes.cache.begin(app), probes.models.begin(app)
    handed, waiting = _handover()
    database, cache = of_database(until), of_cache(until)
    parts = Components(
        database=database,
        replica=of_replica(until),
        cache=cache,
        models=of_models(until),
        handover=handed,
        waiting=waiting,
    )
    # one of the two must take an answer, or none may be given
    able = parts.models > 0 and (database == "up" or handed in ("up", "behind"))
    well = database == "up" and "down" not in (parts.replica, cache) and handed in ("direct", "up")
    status: Literal["ready", "degraded", "unavailable"] = "unavailable" if not able else "ready" if well else "degraded"
    return Reply(Ready(status=status, components=parts), 200 if able else 503, headers={"Cache-Control": "no-store"})


def _database() -> Literal["up", "down"]:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("not ready: %s", type(error).__name__)
        return "down"
    return "up"


def _models() -> int:
    try:
        return snapshot.current().n_models
    except (SQLAlchemyError, OSError):
        # never taken from the database, and the database is away
        db.session.rollback()
        return 0


def _handover() -> tuple[Handover, int]:
    try:
        depth = outbox().depth()
    except SpoolError as error:
        log.warning("the spool cannot be used: %s", error)
        return "down", 0
    if depth is None:
        return "direct", 0
    if outbox().refuses:
        return "down", depth.rows
    return ("behind" if depth.waited > _BEHIND_S else "up"), depth.rows
