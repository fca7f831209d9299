"""The worker: claims jobs, runs each in a thread, obeys cancellations, and puts back the jobs of dead workers."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import time
from types import FrameType

from flask import Flask

from app.config.settings import Settings
from app.database.db import db
from app.jobs import claims, duties, presence, tidying
from app.jobs.execution import JobRun
from app.jobs.folder import jobs_dir, unfinished
from app.jobs.presence import BEAT_S, LEASE_S, LOCKS, Observer, WorkerLock
from app.jobs.steps import Cancelled, Interrupted, Lost, Stopping, find_kind, kind_names

log = logging.getLogger(__name__)

POLL_S = 0.5
# Less than the five seconds in which a stopped worker ends.
_STOP_S = 4.0
_LONGEST_PAUSE_S = 2.0
_SWEEP_S = 600.0
_DIED = "The worker died; waiting for another"


class Worker:
    """One process that works on jobs.

    Parameters
    ----------
    app : Flask
    concurrency : int
        Number of jobs at a time.
    lease_s : float
        In seconds: after which time without a heartbeat a worker on another machine is dead.

    Raises
    ------
    LockError
        The data directory cannot be locked.
    """

    def __init__(self, app: Flask, concurrency: int, lease_s: float = LEASE_S) -> None:
        settings: Settings = app.config["SETTINGS"]
        self._app = app
        self._concurrency = concurrency
        self._lease_s = lease_s
        self._jobs = jobs_dir(settings.data_dir)
        self._locks = self._jobs / LOCKS
        self._lock = WorkerLock(self._locks)
        self._observer = Observer(self._locks, lease_s)
        self._runs: dict[str, JobRun] = {}
        self._is_stopping = False
        self._has_others = False
        self._beat_at = float("-inf")
        self._answered_at = time.monotonic()
        self._failures = 0
        self._swept_at = float("-inf")
        # One byte wakes the loop: a signal, or the end of a job.
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    @property
    def id(self) -> str:
        """The id of the worker in the table of jobs."""
        return self._lock.id

    def run(self, *, once: bool = False) -> None:
        """Work until a signal stops the worker, or until no job waits.

        Parameters
        ----------
        once : bool
            End when no job waits and none runs.
        """
        log.info("worker %s is ready: %d at a time, kinds: %s", self.id, self._concurrency, ", ".join(kind_names()))
        try:
            while not self._is_stopping:
                answered = self._turn()
                if once and answered and not self._runs:
                    break
                self._wait(POLL_S if answered else min(_LONGEST_PAUSE_S, 0.1 * 2 ** min(self._failures, 5)))
        finally:
            self._shut_down()

    def stop(self) -> None:
        """Let the worker stop soon. Safe in a signal handler and in another thread."""
        self._is_stopping = True
        self._wake()

    def handle_signals(self) -> None:
        """Stop at SIGTERM and SIGINT; a second signal ends the process at once."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            if self._is_stopping:
                os._exit(1)
            self.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._writer, b"w")

    def _wait(self, seconds: float) -> None:
        # unlike select, poll takes descriptors above 1,023, which a process with many open files has
        poller = select.poll()
        poller.register(self._reader, select.POLLIN)
        poller.poll(seconds * 1000)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)

    def _turn(self) -> bool:
        """Do what is due now; return whether the database answered."""
        try:
            with self._app.app_context():
                self._work()
        except Exception as error:
            if not claims.is_transient(error):
                raise
            self._failures += 1
            if self._failures == 1:
                log.warning("the database does not answer; the worker waits for it")
            self._observer.forget()
            self._give_up_jobs()
            return False
        if self._failures:
            log.info("the database answers again")
        self._failures, self._answered_at = 0, time.monotonic()
        return True

    def _work(self) -> None:
        if time.monotonic() - self._beat_at > min(BEAT_S, self._lease_s / 4):
            self._has_others = presence.beat(self.id)
            self._beat_at = time.monotonic()
        self._runs = {name: run for name, run in self._runs.items() if run.is_alive}
        self._obey()
        for run in list(self._runs.values()):
            run.save_progress()
        self._put_back_orphans()
        if time.monotonic() - self._swept_at > _SWEEP_S:
            self._sweep()
        kinds = kind_names()
        while len(self._runs) < self._concurrency and not self._is_stopping and claims.is_any_queued(kinds):
            claim = claims.claim(self.id, kinds)
            kind = find_kind(claim.job.kind) if claim is not None else None
            if claim is None or kind is None:
                break
            folder = self._jobs / claim.job.id
            run = JobRun(self._app, claim, kind, self.id, folder, self._lock.descriptor, self._wake)
            self._runs[run.id] = run
            run.start()

    def _obey(self) -> None:
        """Cancel the jobs that shall be cancelled, and leave those that another worker has."""
        mine = claims.orders(self.id)
        for job_id, cancels in mine.items():
            run = self._runs.get(job_id)
            if run is not None and cancels:
                run.context.interrupt(Cancelled())
            elif run is None:
                # its thread could not write its end
                claims.put_back(job_id, self.id, message=_DIED, counts=True)
        for job_id, run in self._runs.items():
            # it may have written its end a moment ago; then it does not notice
            if job_id not in mine:
                run.context.interrupt(Lost("another worker owns the job"))

    def _put_back_orphans(self) -> None:
        """Put the jobs of dead workers back into the queue."""
        for orphan in claims.of_others(self.id):
            if self._observer.is_dead(orphan.worker, orphan.host, orphan.beat):
                put_back = claims.put_back(orphan.id, orphan.worker, message=_DIED, counts=True)
                if put_back:
                    log.warning("job %s: its worker %s died; it is in the queue again", orphan.id, orphan.worker)
                # the dead worker may have left files of a job that had ended
                self._swept_at = float("-inf")

    def _sweep(self) -> None:
        """Remove what dead workers left: their rows and locks, and the working files of jobs that have ended."""
        workers = claims.other_workers(self.id)
        dead = {worker for worker, host, beat in workers if self._observer.is_dead(worker, host, beat)}
        dead |= set(presence.free_locks(self._locks))
        # Read after the deaths: a dead worker claims nothing more. The lock of one that owns a job is still needed.
        owners = {orphan.worker for orphan in claims.of_others(self.id)}
        for worker in dead - owners:
            presence.remove(worker)
            presence.remove_lock(self._locks, worker)
        for job_id, (job, is_success) in claims.ended(unfinished(self._jobs)).items():
            # the threads of this worker tidy by themselves
            if job_id not in self._runs:
                tidying.tidy(job, self._jobs / job_id, is_success=is_success)
        duties.do_all()
        self._swept_at = time.monotonic()

    def _give_up_jobs(self) -> None:
        """End the running jobs before workers on other machines take this one for dead."""
        if self._has_others and time.monotonic() - self._answered_at > 0.8 * self._lease_s:
            self._interrupt(Lost("the database did not answer"))

    def _interrupt(self, reason: Interrupted) -> None:
        for run in self._runs.values():
            run.context.interrupt(reason)

    def _shut_down(self) -> None:
        """End the running steps, and put their jobs back into the queue."""
        until = time.monotonic() + _STOP_S
        self._interrupt(Stopping())
        for run in self._runs.values():
            run.join(until - time.monotonic())
        left = [run.id for run in self._runs.values() if run.is_alive]
        if left:
            # The lock is released with the process, and another worker takes the jobs.
            log.warning("the worker ends while these jobs do not: %s", ", ".join(left))
            logging.shutdown()
            os._exit(1)
        with contextlib.suppress(Exception), self._app.app_context():
            if not self._failures:
                presence.remove(self.id)
            db.session.remove()
        self._lock.release()
        log.info("worker %s has ended", self.id)
