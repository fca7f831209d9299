"""What the arms of rollouts do, added up in this process and brought to the database by a thread."""

from __future__ import annotations

import bisect
import logging
import math
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from app.catalogue import rollouts, snapshot
from app.catalogue.rollouts import Arm
from app.components import components
from app.database.db import db
from app.database.types import now
from app.rollouts import ending
from app.rollouts.by_client import FEWEST, clients_of, fewest_of, judged_counts, name_of
from app.rollouts.stopping import FALSE_ALARMS_ALONE, Counts, Evidence
from app.rollouts.streaks import Streak
from app.telemetry.metrics import Counters
from app.throttled_log import ThrottledLog
from app.worker_thread import WorkerThread, at_exit
from ml.serving.verdict import Verdict

log = logging.getLogger(__name__)
_EVERY_S = 1.0
#: Upper ends of the classes of the time that a model takes, in seconds, each a fifth above the one before.
EDGES = [0.0001 * 1.2**step for step in range(64)]
Amounts = Counter[tuple[Arm, str]]


@dataclass(frozen=True)
class Answered:
    """An answer of an arm.

    Attributes
    ----------
    suitability : float
    verdict : str or None
        None where the request refused an extrapolation.
    inside : bool
        Whether the conditions lie in the area of applicability.
    seconds : float or None
        What the model took; None where the cache had the answer.
    """

    suitability: float
    verdict: Verdict | None
    inside: bool
    seconds: float | None


class Measures:
    """Adds up what the arms of rollouts do.

    Memory is bounded: a rollout has some hundred numbers, and only rollouts that run are counted. What waits is lost
    if the process is killed, at most a second of it while the database answers.

    Parameters
    ----------
    app : Flask
    counters : Counters
    """

    def __init__(self, app: Flask, counters: Counters) -> None:
        self._app = app
        self._counters = counters
        self._lock = threading.Lock()
        self._waiting: dict[int, Amounts] = {}
        self._streaks: dict[int, Streak] = {}
        # reasons by rollout: none of them is used in this process any more
        self._stopped: dict[int, str] = {}
        # of rollouts that this process judges alone, because the database does not answer
        self._alone: dict[int, Evidence] = {}
        self._storing = threading.Lock()
        self._away = ThrottledLog(log)
        self._background = WorkerThread("rollout measures", self.store, _EVERY_S)

    def is_stopped(self, rollout_id: int) -> bool:
        """Return whether this process stopped a rollout that its snapshot may still have."""
        return rollout_id in self._stopped

    def answered(self, rollout_id: int, arm: Arm, answer: Answered, group: int) -> None:
        """Count an answer to a client of a group."""
        self._add(rollout_id, arm, amounts_of(answer) | {name_of("ok", group): 1.0})
        self._counters.rollout_requests.labels(arm, "answered").inc()
        if arm == "candidate":
            self._streaks.pop(rollout_id, None)

    def failed(self, rollout_id: int, arm: Arm, group: int, *, unopened: bool = False) -> None:
        """Count a failure: of the active model, or of the candidate where the active model answered instead.

        Parameters
        ----------
        rollout_id : int
        arm : str
        group : int
            Of the client.
        unopened : bool
            Whether the candidate cannot be opened, which no request causes.
        """
        self._add(rollout_id, arm, {"requests": 1, "failed": 1, name_of("failed", group): 1})
        self._counters.rollout_requests.labels(arm, "failed").inc()
        if arm == "candidate":
            with self._lock:
                streak = self._streaks.setdefault(rollout_id, Streak())
                streak.add(group, unopened=unopened)
                reason = streak.reason
            if reason:
                # at once in this process, in the others when the thread has changed the snapshot
                self._stopped.setdefault(rollout_id, reason)
                self._background.wake()

    def refused(self, rollout_id: int) -> None:
        """Count a request that the candidate refuses and the active model answered: it is shown and stops nothing."""
        self._add(rollout_id, "candidate", {"requests": 1, "refused": 1})
        self._counters.rollout_requests.labels("candidate", "refused").inc()

    def failed_both(self, rollout_id: int) -> None:
        """Count a request of the candidate that the active model could not answer either: it says nothing."""
        self._add(rollout_id, "candidate", {"requests": 1, "failed_both": 1})
        self._counters.rollout_requests.labels("candidate", "failed_both").inc()

    def compared(self, rollout_id: int, active: Answered, candidate: Answered) -> None:
        """Count the answers of both models to one request."""
        change = candidate.suitability - active.suitability
        amounts = {
            "pairs": 1.0,
            "difference": change,
            "difference2": change * change,
            "moved": float(abs(change) > 0.05),
            "other_verdict": float(candidate.verdict != active.verdict),
        }
        self._add(rollout_id, "candidate", amounts)

    def dropped(self, rollout_id: int) -> None:
        """Count a copy that was not computed, because too many waited."""
        self._add(rollout_id, "candidate", {"dropped": 1})

    def store(self) -> None:
        """Bring what waits to the database, judge, and end what must be stopped."""
        with self._storing, self._app.app_context():
            with self._lock:
                taken, self._waiting = self._waiting, {}
            for rollout_id, amounts in taken.items():
                self._store_one(rollout_id, amounts)
            for rollout_id, reason in list(self._stopped.items()):
                if reason:
                    self._end(rollout_id, reason)

    def _store_one(self, rollout_id: int, amounts: Amounts) -> None:
        try:
            stops = _store(rollout_id, amounts)
        except SQLAlchemyError as error:
            db.session.rollback()
            self._away.warning("what rollouts do waits for the database: %s", type(error).__name__)
            with self._lock:
                waiting = self._waiting.setdefault(rollout_id, Counter())
                waiting.update(amounts)
                totals = Counter(waiting)
            stops = self._judge_alone(rollout_id, totals)
            self._background.wake()
        else:
            self._alone.pop(rollout_id, None)
        if stops is not None:
            clients = clients_of(stops, "candidate").failed
            self._stopped.setdefault(rollout_id, ending.more_often(counts_of(stops), clients))

    def _judge_alone(self, rollout_id: int, totals: Amounts) -> Mapping[tuple[Arm, str], float] | None:
        """Return the numbers of this process since the database is away, if they stop a rollout.

        A shadow is in no hurry, because nobody gets its answers.
        """
        trials = (species.rollout for species in snapshot.current().species)
        if not any(one is not None and one.id == rollout_id and not one.shadow for one in trials):
            return None
        evidence = self._alone.get(rollout_id, Evidence()).after(judged_counts(totals, FEWEST))
        self._alone[rollout_id] = evidence
        return totals if evidence.stops(FALSE_ALARMS_ALONE) else None

    def _add(self, rollout_id: int, arm: Arm, amounts: dict[str, float] | dict[str, int]) -> None:
        with self._lock:
            waiting = self._waiting.get(rollout_id)
            if waiting is None:
                waiting = self._waiting[rollout_id] = Counter()
            for name, amount in amounts.items():
                waiting[arm, name] += amount  # type: ignore[assignment]  # a Counter also adds numbers with fractions
        self._background.wake()

    def _end(self, rollout_id: int, reason: str) -> None:
        """End a stopped rollout for everybody; what does not work now is tried again."""
        try:
            snapshot.snapshot_file().withhold(rollout_id, reason)
            ending.stop(rollout_id, reason)
        except (SQLAlchemyError, OSError) as error:
            db.session.rollback()
            self._away.warning("the end of a rollout waits: %s", type(error).__name__)
            self._background.wake()
        else:
            # its id stays: a request that began before the end must not count a new row of failures
            self._stopped[rollout_id] = ""


def amounts_of(answer: Answered) -> dict[str, float]:
    """Return what an answer adds to the numbers of its arm."""
    amounts = {"requests": 1.0}
    if not answer.inside:
        amounts["novel"] = 1.0
    amounts[f"verdict.{answer.verdict or 'refused'}"] = 1.0
    if answer.seconds is not None:
        logarithm = math.log(max(answer.seconds, 1e-6))
        amounts |= {
            "computed": 1.0,
            "log_seconds": logarithm,
            "log_seconds2": logarithm * logarithm,
            f"class.{bisect.bisect_left(EDGES, answer.seconds)}": 1.0,
        }
    return amounts


def counts_of(amounts: Mapping[tuple[Arm, str], float]) -> Counts:
    """Return the requests of both arms. Those that the candidate refused, or no model could answer, are not in it."""

    def of(arm: Arm, name: str) -> int:
        return int(amounts.get((arm, name), 0))

    return Counts(
        of("active", "requests"),
        of("active", "failed"),
        of("candidate", "requests") - of("candidate", "failed_both") - of("candidate", "refused"),
        of("candidate", "failed"),
    )


def _store(rollout_id: int, amounts: Amounts) -> Mapping[tuple[Arm, str], float] | None:
    """Add to the numbers of a rollout and judge it; return its numbers if it must be stopped."""
    if not rollouts.lock(rollout_id):
        db.session.rollback()
        return None
    rollouts.add_counts(rollout_id, amounts)
    rollout = rollouts.judgement_of(rollout_id)
    totals = rollouts.counts_of(rollout_id)
    counts = judged_counts(totals, fewest_of(totals, (now() - rollout.started_at).total_seconds()))
    evidence = Evidence(rollout.evidence, Counts.of_json(rollout.judged)).after(counts, shadow=rollout.mode == "shadow")
    rollouts.save_evidence(rollout_id, evidence.log, evidence.judged.as_json())
    db.session.commit()
    return totals if rollout.state == "running" and evidence.stops() else None


def init_app(app: Flask) -> None:
    """Create the measures; store what waits when the process ends."""
    parts = components(app)
    measures = parts.add(Measures(app, parts.get(Counters)))
    at_exit(measures.store)
