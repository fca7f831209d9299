"""The end of a rollout: its reason, and the snapshot without it."""

from __future__ import annotations

import logging

from app.catalogue import rollouts, snapshot, versions
from app.catalogue.rollouts import Rollout
from app.database.db import db
from app.rollouts.stopping import Counts
from app.telemetry.metrics import counters
from app.trail.actions import Action
from app.trail.recorder import Origin, acting

log = logging.getLogger(__name__)
_BY_RULE = Action("rollout.stop-by-rule", "rollout")


def in_a_row(number: int, *, unopened: bool) -> str:
    """Return the reason of a stop after failures one after another."""
    what = "could not be opened" if unopened else "failed"
    return f"The candidate {what} {number} times in a row, each time where the active version answered."


def more_often(counts: Counts, clients: int) -> str:
    """Return the reason of a stop by the rule: all requests, and how many clients had one that failed."""
    whom = "one client" if clients == 1 else f"{clients:,} clients"
    return (
        f"The candidate failed {counts.candidate_failed:,} of {counts.candidate:,} requests, of {whom}; the active "
        f"version {counts.active_failed:,} of {counts.active:,}: more often, beyond chance."
    )


def describe_since(rollout: Rollout) -> str:
    """Return the sentence about the version that answers now; "" where the end of the rollout tells which it is."""
    answering = versions.active_for(rollout.species_id) if rollout.state != "running" else None
    if answering is None:
        return ""
    # a stop leaves the active version, and another end states the version that was activated
    left = rollout.active.version if rollout.state == "stopped" else None
    is_told = answering.version == left or f"Version {answering.version} was activated." == rollout.reason
    return "" if is_told else f"Version {answering.version} answers now."


def stop(rollout_id: int, reason: str) -> bool:
    """End a rollout because its candidate fails, and return whether it ran until now.

    Raises
    ------
    SQLAlchemyError, OSError
        The database does not answer, or the snapshot cannot be written.
    """
    with acting(Origin(_BY_RULE, "program", named=str(rollout_id))):
        ended = rollouts.end(rollout_id, "stopped", reason)
        db.session.commit()
    if ended:
        counters().rollouts_ended.labels("failed").inc()
        log.error("rollout %d is stopped: %s", rollout_id, reason)
    snapshot.snapshot_file().write()
    return ended


def record_withheld() -> None:
    """Tell the database of rollouts that were ended while it did not answer, also by processes that are gone."""
    for rollout_id, reason in snapshot.snapshot_file().withheld().items():
        stop(rollout_id, reason)
