"""Real workers for tests: processes that do what ``flask jobs work`` does, with kinds for tests (jobs_kinds.py).

They are forked from a process that has imported the application, which saves the seconds of its import.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy

from tools import live
from tools.live import PROJECT, forks

APP = "tools.live.jobs_app"
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload([*forks.PRELOADED, "tools.live.jobs_kinds"])
#: The steps of each kind of the tests that has more than the step "run".
STEPS = {"four": ("one", "two", "three", "four"), "quick": ("quick",), "bad-data": ("first", "run")}


def _work(environ: dict[str, str], log: str, concurrency: int, once: bool, lease_s: float) -> None:
    """Do what ``flask jobs work`` does, in a process of its own."""
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(stream, descriptor)
    os.environ.clear()
    os.environ.update(environ)
    from app import create_app
    from app.jobs.worker import Worker
    from tools.live import jobs_kinds

    assert jobs_kinds
    worker = Worker(create_app(), concurrency, lease_s)
    worker.handle_signals()
    worker.run(once=once)


class WorkerProcess:
    """A running worker."""

    def __init__(self, environ: dict[str, str], log: Path, concurrency: int, once: bool, lease_s: float) -> None:
        self._process = _fork.Process(target=_work, args=(environ, str(log), concurrency, once, lease_s))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        self._process.join(seconds)
        assert self._process.exitcode is not None, "the worker has not ended"
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


@dataclass
class Yard:
    """A data directory with a database, and the workers on it."""

    environ: dict[str, str]
    folder: Path
    workers: list[WorkerProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        url = self.environ.get("DATABASE_URL") or f"sqlite:///{self.folder / 'ecopredict.db'}"
        self.engine = live.connect(url) if url.startswith("postgresql") else sqlalchemy.create_engine(url)
        self.out = self.folder / "out.txt"

    def work(
        self, concurrency: int = 1, *, once: bool = False, lease_s: float = 30.0, waits: bool = True, **changes: str
    ) -> WorkerProcess:
        """Start a worker, and wait until it is ready."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        log.touch()
        process = WorkerProcess(self.environ | changes, log, concurrency, once, lease_s)
        self.workers.append(process)
        if waits:
            live.wait_until(
                lambda: "is ready" in log.read_text() or process.poll() is not None, 60, "the worker is ready"
            )
        return process

    def log(self, number: int = 0) -> str:
        return (self.folder / f"worker-{number}.log").read_text()

    def flask(self, *arguments: str, fails: bool = False) -> str:
        process = forks.start("flask", "--app", APP, *arguments, cwd=PROJECT, environ=self.environ)
        output, errors = process.communicate(timeout=60)
        assert (process.returncode != 0) == fails, errors
        return output + errors

    def add(self, kind: str, *, priority: int = 0, study: str = "hills", **parameters: Any) -> str:
        """Insert a job as `app.jobs.service.enqueue` does, without the seconds that an application takes to start."""
        job_id = str(uuid.uuid4())
        steps = [
            {"name": name, "title": name, "state": "queued", "started_at": None, "ended_at": None, "message": ""}
            for name in STEPS.get(kind, ("run",))
        ]
        statement = sqlalchemy.text(
            "INSERT INTO jobs (id, kind, study, parameters, state, priority, attempts, progress, message, steps, "
            "created_at) VALUES (:id, :kind, :study, :parameters, 'queued', :priority, 0, 0, '', :steps, "
            "CURRENT_TIMESTAMP)"
        )
        values = {"file": str(self.out), **parameters}
        with self.engine.begin() as connection:
            connection.execute(statement, {"id": job_id, "kind": kind, "study": study, "priority": priority,
                                           "parameters": json.dumps(values), "steps": json.dumps(steps)})  # fmt: skip
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        with self.engine.connect() as connection:
            row = connection.execute(sqlalchemy.text("SELECT * FROM jobs WHERE id = :id"), {"id": job_id}).mappings()
            job = dict(row.one())
        if isinstance(job["steps"], str):
            job["steps"] = json.loads(job["steps"])
        return job

    def states(self) -> dict[str, int]:
        with self.engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text("SELECT state, COUNT(*) FROM jobs GROUP BY state")).all()
        return {row[0]: row[1] for row in rows}

    def wait_for(self, job_id: str, state: str, seconds: float = 30.0) -> dict[str, Any]:
        live.wait_until(lambda: self.job(job_id)["state"] == state, seconds, f"the job is {state}: {self.job(job_id)}")
        return self.job(job_id)

    def wait_for_step(self, job_id: str, step: str, seconds: float = 30.0) -> None:
        def runs() -> bool:
            return any(one["name"] == step and one["state"] == "running" for one in self.job(job_id)["steps"])

        live.wait_until(runs, seconds, f"the step {step} runs")

    def request_cancel(self, job_id: str) -> None:
        with self.engine.begin() as connection:
            statement = "UPDATE jobs SET cancel_requested = true WHERE id = :id"
            connection.execute(sqlalchemy.text(statement), {"id": job_id})

    def lines(self, name: str = "out.txt") -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def left(self) -> list[str]:
        """Return the files under ``jobs`` that are not logs of jobs or locks of workers."""
        files = (path.relative_to(self.folder / "jobs") for path in (self.folder / "jobs").rglob("*") if path.is_file())
        return sorted(str(path) for path in files if path.name != "log.txt" and path.parts[0] != "workers")

    def commands(self) -> list[psutil.Process]:
        """Return the processes of commands of steps, which name the file of the tests."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if str(self.out) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def close(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait(10)
        live.wait_until(lambda: not self.commands(), 10, "no command is left")
        self.engine.dispose()


def kill(process: WorkerProcess) -> float:
    """Kill a process by SIGKILL; return the time."""
    os.kill(process.pid, signal.SIGKILL)
    moment = time.monotonic()
    process.wait(10)
    return moment


def seconds_until(check: Callable[[], bool], since: float, most: float = 30.0) -> float:
    """Return how long after a time something was true."""
    live.wait_until(check, most)
    return time.monotonic() - since


@dataclass
class Kills:
    """What became of jobs whose workers were killed."""

    number: int
    lost: int
    twice: int
    seconds: list[float]

    def __str__(self) -> str:
        return (
            f"{self.number} kills: lost {self.lost}, done twice {self.twice}; seconds to resume: "
            f"{statistics.median(self.seconds):.2f} (median), {max(self.seconds):.2f} (longest)"
        )


def kill_in_each_step(yard: Yard, number: int) -> Kills:
    """Kill the worker of a new job at a random moment of each step in turn, with another worker beside it."""
    moments = random.Random(1)
    jobs: list[str] = []
    seconds: list[float] = []
    workers = [yard.work(3), yard.work(3)]
    for kills in range(number):
        job = yard.add("four", seconds=0.4)
        jobs.append(job)
        yard.wait_for_step(job, STEPS["four"][kills % 4], 60)
        time.sleep(moments.uniform(0.0, 0.3))
        owner = yard.job(job)["worker"] or ""
        victim = next((worker for worker in workers if f"-{worker.pid}-" in owner), workers[0])
        before = _starts(yard, job)
        since = kill(victim)
        if owner:
            seconds.append(seconds_until(lambda job=job, before=before: _starts(yard, job) > before, since, 60))
        workers.remove(victim)
        workers.append(yard.work(3, waits=len(workers) == 0))
    for job in jobs:
        yard.wait_for(job, "succeeded", 90)
    expected = Counter(f"{job} {step}" for job in jobs for step in STEPS["four"])
    done = Counter(yard.lines())
    for worker in workers:
        kill(worker)
    return Kills(number, (expected - done).total(), (done - expected).total(), seconds)


def _starts(yard: Yard, job_id: str) -> int:
    """Return how many commands of a job have started, and more than that after its end."""
    starts = sum(line.startswith(job_id) for line in yard.lines("out.txt.starts"))
    return starts + 100 * (yard.job(job_id)["state"] == "succeeded")
