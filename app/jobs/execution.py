"""One job from its claim to its end or interruption, in a thread of the worker."""

from __future__ import annotations

import contextlib
import errno
import logging
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask

from app.database.db import db
from app.database.types import now
from app.jobs import claims, tidying
from app.jobs.claims import Claim
from app.jobs.commands import CommandLost
from app.jobs.folder import MARKER, JobLog, plain
from app.jobs.steps import Cancelled, Interrupted, Kind, Lost, Step, StepContext, StepError, Stopping
from app.jobs.tables import State, StepRecord
from app.trail.actions import Action
from app.trail.recorder import Origin, acting

log = logging.getLogger(__name__)

#: How often a step is started before its job fails.
MOST_ATTEMPTS = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 1.0
_FULL_DISK = "The disk is full. Free some space on it and start again."
_UNEXPECTED = "An unexpected error ended the step “{title}”. The log has the details."
_WORKER_ERROR = "An unexpected error of the worker ended the job. The log of the worker has the details."
_INTERRUPTED = (
    "The step “{title}” was started {number} times, and each time the worker died or the database stopped answering. "
    "If memory is short, use fewer or coarser layers; then start again."
)


class JobRun:
    """One running job.

    Parameters
    ----------
    app : Flask
    claim : Claim
    kind : Kind
    worker : str
    folder : Path
    lock : int
        Descriptor of the lock of the worker.
    on_end : callable
        Called in the thread of the job after its last write.
    """

    def __init__(
        self, app: Flask, claim: Claim, kind: Kind, worker: str, folder: Path, lock: int, on_end: Callable[[], None]
    ) -> None:
        self.id = claim.job.id
        self.context = StepContext(claim.job, folder, JobLog(folder), (lock,))
        self.context.result = claim.result
        self._app = app
        self._claim = claim
        self._kind = kind
        self._worker = worker
        self._on_end = on_end
        known = {record["name"]: record for record in claim.steps}
        self._records = [known.get(step.name) or _new_record(step) for step in kind.steps]
        self._number = 0
        self._has_started = self._has_ended = False
        # progress of a step must not be written after the record of its end
        self._writing = threading.Lock()
        self._origin = Origin(Action(f"job.{claim.job.kind}"), "job", claim.job.id)
        self._thread = threading.Thread(target=self._run, name=f"job {self.id}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has work to do."""
        return not self._has_ended

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread."""
        self._thread.join(max(0.0, seconds))

    def save_progress(self) -> None:
        """Write the progress of the step, if it has changed. Called by the worker."""
        with self._writing:
            progress = self.context.take_progress()
            if progress is not None:
                share, message = progress
                values = {"progress": self._done_before() + share * self._share(), "message": message}
                claims.save(self.id, self._worker, {name: value for name, value in values.items() if value != ""})

    def _run(self) -> None:
        try:
            with self._app.app_context():
                self._work()
        except Interrupted as reason:
            log.info("job %s: %s", self.id, type(reason).__name__.lower())
        except Exception:
            log.exception("job %s: unexpected error of the worker", self.id)
            self._give_up()
        finally:
            self._has_ended = True
            self._on_end()

    def _give_up(self) -> None:
        """Fail the job after an error of the worker itself; the worker puts it back if that is not possible either."""
        values = {"state": "failed", "ended_at": now(), "worker": None, "message": "Failed", "error": _WORKER_ERROR}
        with contextlib.suppress(Exception), self._app.app_context():
            claims.save(self.id, self._worker, values, self._told("failed"))

    def _work(self) -> None:
        job = self._claim.job
        log.info("job %s: %s %s started, attempt %d", self.id, job.kind, job.study, self._claim.attempts)
        if self._claim.cancel_requested:
            self._end("cancelled", message="Cancelled")
            return
        for number, step in enumerate(self._kind.steps):
            self._number = number
            if self._records[self._number]["state"] == "succeeded":
                continue
            # the attempts are those of the first step that is not done
            if not self._has_started and self._claim.attempts > MOST_ATTEMPTS:
                self._fail(_INTERRUPTED.format(title=step.title, number=MOST_ATTEMPTS))
                return
            if not self._step(step):
                return
        self._end("succeeded", message="Done", progress=1.0)

    def _step(self, step: Step) -> bool:
        """Run one step; return whether the job goes on."""
        record = self._records[self._number]
        record["started_at"], record["ended_at"] = _stamp(), None
        record["state"], record["message"] = "running", ""
        values: dict[str, Any] = {"progress": self._done_before(), "message": step.title}
        # the count of attempts starts again with each step
        self._save(values | {"attempts": 1} if self._has_started else values)
        self._has_started = True
        try:
            self.context.check_cancelled()
            self.context.folder.mkdir(parents=True, exist_ok=True)
            (self.context.folder / MARKER).touch()
            self.context.log(f"Step {self._number + 1} of {len(self._records)}: {step.title}")
            with acting(self._origin):
                step.run(self.context)
                db.session.commit()
        except Exception as error:
            return self._handle(step, error)
        finally:
            db.session.remove()
        _close(record, "succeeded")
        is_last = self._number + 1 == len(self._records)
        if not is_last:
            self._save({"progress": self._done_before() + self._share(), "result": self.context.result})
            try:
                self.context.check_cancelled()
            except Interrupted as reason:
                self._interrupt(reason)
                return False
        return True

    def _handle(self, step: Step, error: Exception) -> bool:
        db.session.rollback()
        try:
            # an error after an order to end is most likely a consequence of it
            self.context.check_cancelled()
        except Interrupted as reason:
            error = reason
        if isinstance(error, Interrupted):
            self._interrupt(error)
        elif isinstance(error, StepError):
            self._fail(str(error))
        elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            self._fail(_FULL_DISK)
        elif isinstance(error, CommandLost) or claims.is_transient(error):
            event = "command was killed" if isinstance(error, CommandLost) else "database did not answer"
            message = f"The {event}; the step starts again"
            log.warning("job %s, step %s: the %s; it starts again", self.id, step.name, event)
            self.context.log(f"{message}.")
            self._until_written(lambda: claims.put_back(self.id, self._worker, message=message, counts=True))
        else:
            log.error("job %s: unexpected error in the step %s", self.id, step.name, exc_info=error)
            for line in traceback.format_exception(error):
                for part in line.splitlines():
                    self.context.log(part)
            self._fail(_UNEXPECTED.format(title=step.title))
        return False

    def _interrupt(self, reason: Interrupted) -> None:
        """Record why the job ended early."""
        if isinstance(reason, Cancelled):
            record = self._records[self._number]
            if record["state"] == "running":
                _close(record, "cancelled")
            self._end("cancelled", message="Cancelled")
        elif isinstance(reason, Stopping):
            self.context.log("The worker stops; the job goes on when a worker is there again.")
            message = "Waiting for a worker, to go on"
            self._until_written(lambda: claims.put_back(self.id, self._worker, message=message, counts=False))
            log.info("job %s: put back into the queue", self.id)
        else:
            raise reason

    def _fail(self, error: str) -> None:
        error = plain(self.context.without_paths(error)) or "The step failed without a message."
        record = self._records[self._number]
        _close(record, "failed", error)
        self.context.log(error)
        self._end("failed", message="Failed", error=error)

    def _end(self, state: State, **values: Any) -> None:
        """Write the end of the job, and delete its working files."""
        final = {"state": state, "ended_at": now(), "worker": None, "result": None, **values}
        if state == "succeeded":
            final["result"] = self.context.result
        self._save(final, self._told(state))
        log.info("job %s: %s", self.id, state)
        tidying.tidy(self._claim.job, self.context.folder, is_success=state == "succeeded")

    def _told(self, state: State) -> str:
        """Return the end of the job for the audit trail."""
        job = self._claim.job
        return f"{' '.join(filter(None, (job.kind, job.study)))}: {state}"

    def _save(self, values: dict[str, Any], ended: str = "") -> None:
        values = {**values, "steps": self._records}
        with self._writing:
            self.context.take_progress()
            cancels = self._until_written(lambda: claims.save(self.id, self._worker, values, ended))
        if cancels:
            self.context.interrupt(Cancelled())

    def _until_written(self, write: Callable[[], bool | None]) -> bool:
        """Write to the database, again while it does not answer.

        Raises
        ------
        Stopping
            The worker stops before the database answers.
        Lost
            Another worker owns the job.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                result = write()
            except Exception as error:
                with contextlib.suppress(Exception):
                    db.session.remove()
                if not claims.is_transient(error):
                    raise
                if isinstance(self.context.interruption, Stopping | Lost):
                    raise self.context.interruption from None
            else:
                if result is None:
                    raise Lost("another worker owns the job")
                return result
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE_S, pause * 2)

    def _done_before(self) -> float:
        steps = self._kind.steps
        return sum(step.weight for step in steps[: self._number]) / sum(step.weight for step in steps)

    def _share(self) -> float:
        steps = self._kind.steps
        return steps[self._number].weight / sum(step.weight for step in steps)


def _new_record(step: Step) -> StepRecord:
    return StepRecord(name=step.name, title=step.title, state="queued", started_at=None, ended_at=None, message="")


def _close(record: StepRecord, state: State, message: str = "") -> None:
    record["state"], record["ended_at"], record["message"] = state, _stamp(), message


def _stamp() -> str:
    return now().isoformat(timespec="milliseconds")
