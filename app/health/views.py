"""Routes of the health checks: liveness and readiness."""

from __future__ import annotations

import re
import time
from typing import Literal

from flask import Blueprint, Flask, Request, current_app, request
from pydantic import BaseModel, Field

from app.cache import answers
from app.components import component, components
from app.database import replica
from app.health import checks
from app.health.checks import DatabaseState, DiskState, Handover, JobsState, ModelCheck, ModelCounts
from app.health.probe import Probe
from app.web.faces import Reply, faces
from app.web.operations import Operation

pages = Blueprint("health", __name__, url_prefix="/health")

Status = Literal["ready", "degraded", "unavailable"]
# shorter than the time limits of Docker's and nginx's checks
_TIME_LIMIT_S = 2.0
# Headers by which a proxy says that it forwards a request of somebody else.
_PROXY_HEADER = re.compile(
    r"(x-forwarded(-.+)?|forwarded(-.+)?|via|x-real-ip|(x-|cf-|true-|fastly-|x-cluster-)?(client|connecting)-ip)$",
    re.IGNORECASE,
)
_LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


class Live(BaseModel):
    """The process is alive."""

    status: Literal["live"] = "live"


class Components(BaseModel):
    """The state of each component."""

    database: DatabaseState = Field(description="`locked`: it answers, but cannot be written for at least a second.")
    replica: Literal["up", "down", "none"]
    cache: Literal["up", "down", "in process"]
    disk: DiskState = Field(description="Whether the data directory, the spool's and SQLite's folder can be written.")
    models: int = Field(description="Number of active models.")
    broken_models: int = Field(description="Number of active models whose files cannot be opened.")
    handover: Handover = Field(
        description="How answers reach the database: `direct` at once; `up` through the spool; `behind`: the oldest "
        "has waited for more than a minute; `down`: the spool cannot be used, or refused an answer of this process a "
        "moment ago."
    )
    waiting: int = Field(description="Answers that wait for the database.")
    jobs: JobsState = Field(description="`degraded`: jobs wait, and no worker is alive.")


class Readiness(BaseModel):
    """Whether predictions can be answered."""

    status: Status


class Ready(Readiness):
    """Whether predictions can be answered. ``degraded``: they can, but a component is down."""

    components: Components | None = Field(
        None, description="Only for operators: requests from the same host that no proxy forwarded."
    )


class Probes:
    """The checks of an application."""

    def __init__(self, models: ModelCheck) -> None:
        self.database: Probe[DatabaseState] = Probe(checks.database, "down")
        self.replica: Probe[Literal["up", "down", "none"]] = Probe(replica.state, "down")
        self.cache: Probe[Literal["up", "down", "in process"]] = Probe(answers.state, "down")
        self.disk: Probe[DiskState] = Probe(checks.disk, "down")
        self.handover: Probe[tuple[Handover, int]] = Probe(checks.handover, ("down", 0))
        self.jobs: Probe[JobsState] = Probe(checks.jobs, "degraded")
        self.models: Probe[ModelCounts] = Probe(models.run, ModelCounts())


def init_app(app: Flask) -> None:
    """Add the checks to the application."""
    components(app).add(Probes(ModelCheck(app.config["SETTINGS"].models_dir.resolve())))


@pages.get("/live")
@Operation(
    "live",
    tag="health",
    summary="Check that the process is alive",
    answer=Live,
    answers={200: "The process is alive."},
    limited=False,
)
@faces()
def live() -> Reply:
    """Return that the process is alive, without a check of any component."""
    return Reply(Live(), headers={"Cache-Control": "no-store"})


@pages.get("/ready")
@Operation(
    "ready",
    tag="health",
    summary="Check that predictions can be answered",
    answer=Ready,
    answers={200: "Predictions can be answered.", 503: "Predictions cannot be answered; see the components."},
    limited=False,
)
@faces()
def ready() -> Reply:
    """Return whether predictions can be answered, and to operators which component is down."""
    # the probes' threads need the application itself, not the proxy of this context
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's LocalProxy, typed as Flask
    probes = component(Probes)
    until = time.monotonic() + _TIME_LIMIT_S
    # all of them start before the first wait, because each may hang
    database_result, replica_result = probes.database.start(app), probes.replica.start(app)
    cache_result, models_result = probes.cache.start(app), probes.models.start(app)
    disk_result, handover_result = probes.disk.start(app), probes.handover.start(app)
    jobs_result = probes.jobs.start(app)
    handover, waiting = handover_result(until)
    models = models_result(until)
    parts = Components(
        database=database_result(until),
        replica=replica_result(until),
        cache=cache_result(until),
        disk=disk_result(until),
        models=models.active,
        broken_models=models.broken,
        handover=handover,
        waiting=waiting,
        jobs=jobs_result(until),
    )
    status = _status(parts, any_answers=models.any_answers)
    code = 503 if status == "unavailable" else 200
    data = Ready(status=status, components=parts) if _is_operator(request) else Readiness(status=status)
    return Reply(data, code, headers={"Cache-Control": "no-store"})


def _status(parts: Components, *, any_answers: bool) -> Status:
    """Return ``unavailable`` where no active model answers, or nothing can store an answer (database or spool)."""
    writable = parts.disk == "up"
    # SQLite is on the disk, PostgreSQL is not
    stored_at_once = parts.database == "up" and (writable or parts.handover != "direct")
    stored_later = parts.handover in ("up", "behind") and writable
    if not any_answers or not (stored_at_once or stored_later):
        return "unavailable"
    all_up = (
        writable
        and parts.database == "up"
        and "down" not in (parts.replica, parts.cache)
        and parts.handover in ("direct", "up")
        and parts.broken_models == 0
        and parts.jobs == "up"
    )
    return "ready" if all_up else "degraded"


def _is_operator(request: Request) -> bool:
    """Return whether a request comes from the same host, and not through a proxy."""
    # ProxyFix replaces the address, and keeps the connection's
    original = request.environ.get("werkzeug.proxy_fix.orig", {})
    address = original.get("REMOTE_ADDR") or request.remote_addr
    return address in _LOOPBACK and not any(_PROXY_HEADER.match(name) for name, _ in request.headers)
