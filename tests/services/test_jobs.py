"""Jobs with real workers on SQLite and PostgreSQL: killed, stopped, cancelled, failing, and several at a time."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy

from tests.variants import thorough
from tools import live
from tools.live.jobs import STEPS, Yard, kill, kill_in_each_step, seconds_until

_numbers = itertools.count()


@pytest.fixture(params=[thorough("sqlite"), "postgresql"])
def yard(request: pytest.FixtureRequest, prepared: Path, workroom: Path) -> Iterator[Yard]:
    changes = {}
    if request.param == "postgresql":
        changes["DATABASE_URL"] = request.getfixturevalue("database")
    environ = live.copy_site(prepared, workroom / f"jobs-{next(_numbers)}", **changes)
    made = Yard(environ, Path(environ["DATA_DIR"]))
    yield made
    made.close()


def test_a_worker_killed_in_each_step_loses_nothing_and_does_nothing_twice(
    yard: Yard, record_summary: Callable[[str, str], None]
) -> None:
    """10 kills on each database, in each of the four steps."""
    kills = kill_in_each_step(yard, 10)
    record_summary(f"jobs on {yard.engine.dialect.name}", str(kills))
    assert (kills.lost, kills.twice) == (0, 0)
    # the next worker deletes what the killed ones left
    yard.work(once=True).wait(30)
    assert yard.left() == []


def test_a_command_does_not_outlive_its_worker(yard: Yard) -> None:
    job = yard.add("four", seconds=60)
    worker = yard.work()
    live.wait_until(lambda: len(yard.lines("out.txt.starts")) == 1, 30, "the command runs")
    assert yard.commands()
    since = kill(worker)
    assert seconds_until(lambda: not yard.commands(), since) < 2.0
    assert yard.job(job)["state"] == "running"


def test_two_workers_do_each_of_50_jobs_once(yard: Yard) -> None:
    jobs = [yard.add("quick") for _ in range(50)]
    yard.work(2)
    yard.work(2)
    live.wait_until(lambda: yard.states() == {"succeeded": 50}, 60, "all are done")
    assert sorted(yard.lines()) == sorted(f"{job} quick" for job in jobs)
    assert all(yard.job(job)["attempts"] == 1 for job in jobs)


def test_the_highest_priority_comes_first_then_the_oldest(yard: Yard) -> None:
    first = yard.add("quick")
    time.sleep(1.1)
    second, urgent = yard.add("quick"), yard.add("quick", priority=5)
    yard.work(once=True).wait(30)
    assert yard.lines() == [f"{job} quick" for job in (urgent, first, second)]


def test_sigterm_puts_the_job_back_and_another_worker_goes_on(yard: Yard) -> None:
    job = yard.add("four", seconds=1.0)
    worker = yard.work()
    yard.wait_for_step(job, "two")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    row = yard.job(job)
    assert (row["state"], row["worker"], row["attempts"]) == ("queued", None, 0)
    assert not yard.commands()
    yard.work(once=True).wait(30)
    assert yard.job(job)["state"] == "succeeded"
    assert yard.lines() == [f"{job} {step}" for step in STEPS["four"]]
    assert yard.job(job)["result"] == "/studies/hills"


def test_a_running_job_is_cancelled_within_two_seconds(yard: Yard) -> None:
    # a command that ignores SIGTERM, with a child that does too
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)', sys.argv[1]])\n"
        "print('deaf', flush=True)\n"
        "time.sleep(300)\n"
    )
    job = yard.add("python", code=code)
    yard.work()
    live.wait_until(lambda: len(yard.commands()) == 3, 30, "the command, its child and its supervisor run")
    yard.request_cancel(job)
    row = yard.wait_for(job, "cancelled", 20)
    assert [step["state"] for step in row["steps"]] == ["cancelled"]
    live.wait_until(lambda: not yard.commands() and yard.left() == [], 5, "nothing is left")


def test_a_killed_supervisor_takes_its_command_along_and_the_step_starts_again(yard: Yard) -> None:
    job = yard.add("python", code="import time\ntime.sleep(300)\n")
    yard.work()
    for attempt in (1, 2, 3):
        live.wait_until(lambda: len(yard.commands()) == 2, 30, "the command and its supervisor run")
        pair = {process.pid: process for process in yard.commands()}
        assert yard.job(job)["attempts"] == attempt
        (command,) = [process for process in pair.values() if process.ppid() in pair]
        pair[command.ppid()].kill()
        live.wait_until(lambda old=command: old not in yard.commands(), 5, "the command has ended")
    assert "was started 3 times" in yard.wait_for(job, "failed", 20)["error"]


def test_a_cancelled_job_leaves_nothing_half_done(yard: Yard) -> None:
    job = yard.add("inside")
    yard.work()
    live.wait_until(yard.out.exists, 30, "the step runs")
    yard.request_cancel(job)
    yard.wait_for(job, "cancelled", 5)
    live.wait_until(lambda: yard.left() == [] and not yard.out.exists(), 5, "its files are deleted")


def test_the_command_line_lists_and_cancels(yard: Yard) -> None:
    waiting = yard.add("quick")
    assert waiting in yard.flask("jobs", "list")
    assert yard.flask("jobs", "cancel", waiting) == f"{waiting} is cancelled\n"
    assert yard.flask("jobs", "list") == "no jobs wait or run; see --all\n"
    assert "cancelled" in yard.flask("jobs", "list", "--all")
    assert yard.flask("jobs", "cancel", waiting, fails=True).endswith(
        "Error: The job has ended (cancelled), so it cannot be cancelled.\n"
    )
    assert "There is no job “nothing”" in yard.flask("jobs", "cancel", "nothing", fails=True)
    assert "--once" in yard.flask("jobs", "work", "--help")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad-data", "records.csv, row 3: latitude 95 is not between -90 and 90."),
        ("bug", "An unexpected error ended the step “Divide”. The log has the details."),
        ("full-disk", "The disk is full. Free some space on it and start again."),
    ],
)
def test_a_step_that_fails_ends_the_job_at_once(yard: Yard, kind: str, error: str) -> None:
    job, other = yard.add(kind), yard.add("quick")
    yard.work(once=True).wait(30)
    row = yard.job(job)
    assert (row["state"], row["error"], row["attempts"]) == ("failed", error, 1)
    assert row["steps"][-1]["message"] == error
    assert yard.job(other)["state"] == "succeeded"
    log = (yard.folder / "jobs" / job / "log.txt").read_text()
    assert ("ZeroDivisionError: a bug" in log) == (kind == "bug")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys; print('a'); sys.exit('layers/bio1.tif: no CRS.')", "layers/bio1.tif: no CRS."),
        ("import sys; print('Name the column.', file=sys.stderr); sys.exit(2)", "Name the column."),
        ("import os; os.kill(os.getpid(), 9)", "The command was killed by the system; the memory may not suffice."),
        ("import sys; sys.exit(4)", "The command failed without a message (exit 4)."),
    ],
)
def test_the_last_line_of_a_command_that_fails_is_the_error(yard: Yard, code: str, error: str) -> None:
    job = yard.add("python", code=code)
    yard.work(once=True).wait(30)
    row = yard.job(job)
    assert row["state"] == "failed"
    assert row["error"].startswith(error)


def test_a_flood_of_output_fills_the_log_to_its_limit(yard: Yard) -> None:
    code = "import sys\nfor number in range(200_000): print('x' * 99)\nsys.stdout.write('y' * 20_000_000)"
    job = yard.add("python", code=code)
    yard.work(once=True).wait(60)
    assert yard.job(job)["state"] == "succeeded"
    log = (yard.folder / "jobs" / job / "log.txt").read_bytes()
    assert 4_900_000 < len(log) < 5_000_200
    assert log.decode().splitlines()[-1].endswith("The log is full; further lines are not written.")


def test_progress_is_stored_at_most_twice_a_second(yard: Yard) -> None:
    code = (
        "import json, time\n"
        "for number in range(200):\n"
        "    print(json.dumps({'progress': number / 200, 'message': f'part {number}'}), flush=True)\n"
        "    time.sleep(0.01)\n"
    )
    job = yard.add("python", code=code)
    yard.work()
    messages, until = set(), time.monotonic() + 30
    while (row := yard.job(job))["state"] in ("queued", "running") and time.monotonic() < until:
        if row["message"].startswith("part"):
            messages.add(row["message"])
        time.sleep(0.005)
    assert row["state"] == "succeeded"
    assert row["progress"] == 1.0
    assert 2 <= len(messages) <= 8


def test_a_job_that_kills_its_worker_is_given_up_after_three_times(yard: Yard) -> None:
    job = yard.add("deadly")
    for _ in range(3):
        yard.work().wait(30)
    assert yard.job(job)["state"] == "running"
    yard.work(once=True).wait(30)
    row = yard.job(job)
    assert row["state"] == "failed"
    assert row["error"].startswith("The step “Die” was started 3 times")


def test_commands_do_not_see_the_secrets(yard: Yard) -> None:
    job = yard.add("python", code="import os; print(sorted(os.environ))")
    yard.work(once=True, SECRET_KEY="very secret", REDIS_URL="redis://127.0.0.1:1/0").wait(30)
    log = (yard.folder / "jobs" / job / "log.txt").read_text()
    assert "DATA_DIR" in log
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        assert name not in log


@pytest.mark.parametrize("yard", ["postgresql"], indirect=True)
def test_a_worker_on_another_machine_is_replaced_after_its_lease(yard: Yard) -> None:
    """A worker whose lock cannot be seen, as on another machine, and whose heartbeat has stopped.

    All processes that use an SQLite file are on one machine.
    """
    job = yard.add("four", seconds=0.6)
    victim = yard.work()
    yard.wait_for_step(job, "two")
    live.wait_until(lambda: len(yard.lines("out.txt.starts")) == 2, 10, "the command runs")
    since = kill(victim)
    live.wait_until(lambda: not yard.commands(), 5, "its command has ended")
    for lock in (yard.folder / "jobs" / "workers").iterdir():
        lock.unlink()
    with yard.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE job_workers SET host = 'another kernel'"))
    yard.work(lease_s=4.0)
    waited = seconds_until(lambda: len(yard.lines("out.txt.starts")) == 3, since)
    assert waited > 4.0
    yard.wait_for(job, "succeeded")
    assert yard.lines() == [f"{job} {step}" for step in STEPS["four"]]


def test_a_sweep_keeps_the_lock_of_a_dead_worker_that_owns_a_job(yard: Yard) -> None:
    """Otherwise its job would wait for the lease of another machine."""
    job = yard.add("four", seconds=60)
    victim = yard.work()
    yard.wait_for_step(job, "one")
    kill(victim)
    locks = yard.folder / "jobs" / "workers"
    # a new worker sweeps when it starts; it has no slot for the job of the dead one
    with yard.engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE jobs SET kind = 'unknown' WHERE id = :id"), {"id": job})
    yard.work()
    live.wait_until(lambda: yard.job(job)["state"] == "queued", 10, "the job is put back")
    live.wait_until(lambda: len(list(locks.iterdir())) == 1, 10, "then the lock is deleted")
