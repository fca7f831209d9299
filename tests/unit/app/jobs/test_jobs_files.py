"""Locks of workers, logs, and kinds of jobs."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from flask import Flask

from app.database.db import db
from app.jobs import presence
from app.jobs.folder import LONGEST_LINE, MARKER, JobLog, plain, read_log, reduce_to_log, unfinished
from app.jobs.presence import LockError, Observer, WorkerLock
from app.jobs.steps import Cancelled, JobRef, Step, StepContext, Stopping, register_kind


def test_a_log_ends_at_its_largest_size_also_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        log = JobLog(tmp_path, largest=1000)
        for _ in range(50):
            log.write("x" * 40)
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert lines[-1].endswith("The log is full; further lines are not written.")
    assert sum("full" in line for line in lines) == 1
    assert (tmp_path / "log.txt").stat().st_size < 1100


def test_a_line_of_a_log_is_bounded_and_printable(tmp_path: Path) -> None:
    JobLog(tmp_path).write("a\x00\x1b[31m\nb" + "x" * 10_000)
    content = read_log(tmp_path, 0)
    assert content is not None
    assert content.count(b"\n") == 1
    assert b"\x00" not in content
    assert len(content) < LONGEST_LINE + 30
    assert plain(" a\x00b\n c ") == "a b c"


def test_paths_of_the_server_are_in_neither_the_log_nor_messages(tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "id"
    context = StepContext(JobRef("id", "kind", "", {}), folder, JobLog(folder))
    text = f"[Errno 2] No such file: '{folder}/work/a.txt', '{tmp_path}/b.txt'"
    shown = "[Errno 2] No such file: 'work/a.txt', 'b.txt'"
    context.progress(0.5, text)
    assert context.take_progress() == (0.5, shown)
    assert context.without_paths(text) == shown
    context.log(text)
    assert (read_log(folder, 0) or b"").decode().rstrip().endswith(shown)


def test_a_log_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "job").write_text("a file where the folder should be")
    JobLog(tmp_path / "job").write("a line")
    assert read_log(tmp_path / "none", 0) is None


def test_a_folder_is_reduced_to_its_log(tmp_path: Path) -> None:
    job = tmp_path / "job"
    (job / "deep" / "deeper").mkdir(parents=True)
    (job / "deep" / "deeper" / "file").touch()
    (job / "link").symlink_to(tmp_path)
    (job / MARKER).touch()
    (job / "log.txt").touch()
    assert unfinished(tmp_path) == ["job"]
    reduce_to_log(job)
    assert [path.name for path in job.iterdir()] == ["log.txt"]
    assert unfinished(tmp_path) == []
    (job / "log.txt").unlink()
    reduce_to_log(job)
    assert not job.exists()
    reduce_to_log(job)
    assert tmp_path.exists()


def test_a_lock_is_held_until_every_holder_has_closed_it(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path)
    assert presence.is_locked(tmp_path, lock.id) is True
    inherited = os.dup(lock.descriptor)
    os.close(lock.descriptor)
    assert presence.is_locked(tmp_path, lock.id) is True
    assert presence.free_locks(tmp_path) == []
    os.close(inherited)
    assert presence.is_locked(tmp_path, lock.id) is False
    assert presence.free_locks(tmp_path) == [lock.id]
    presence.remove_lock(tmp_path, lock.id)
    assert presence.is_locked(tmp_path, lock.id) is None


def test_two_observers_do_not_take_each_other_for_the_worker(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path)
    os.close(lock.descriptor)
    other = os.open(tmp_path / f"{lock.id}.lock", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_SH)
    assert presence.is_locked(tmp_path, lock.id) is False
    os.close(other)


def test_a_folder_that_cannot_be_locked_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "workers").write_text("a file")
    with pytest.raises(LockError, match="workers cannot be locked"):
        WorkerLock(tmp_path / "workers")


def test_a_worker_on_another_machine_is_dead_when_its_heartbeat_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Flask(__name__)
    # only the dialect counts: nothing connects
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://nobody@127.0.0.1:1/none"
    db.init_app(app)
    clock = [100.0]
    monkeypatch.setattr(presence.time, "monotonic", lambda: clock[0])
    observer = Observer(tmp_path, lease_s=30)
    with app.app_context():
        assert not observer.is_dead("far", "another kernel", 7)
        clock[0] += 29
        assert not observer.is_dead("far", "another kernel", 7)
        clock[0] += 2
        assert observer.is_dead("far", "another kernel", 7)
        assert not observer.is_dead("far", "another kernel", 8)
        clock[0] += 31
        # an outage of the database is not the death of a worker
        observer.forget()
        assert not observer.is_dead("far", "another kernel", 8)
        # a lock of this kernel decides at once
        lock = WorkerLock(tmp_path)
        assert not observer.is_dead(lock.id, presence.host_name(), 1)
        os.close(lock.descriptor)
        assert observer.is_dead(lock.id, presence.host_name(), 1)


def test_the_first_reason_to_end_a_step_counts(tmp_path: Path) -> None:
    context = StepContext(JobRef("id", "kind", "", {}), tmp_path, JobLog(tmp_path))
    context.check_cancelled()
    context.interrupt(Cancelled())
    context.interrupt(Stopping())
    with pytest.raises(Cancelled):
        context.check_cancelled()


@pytest.mark.parametrize(("share", "stored"), [(0.5, 0.5), (-1, 0), (7, 1), (float("nan"), 0), (float("inf"), 1)])
def test_progress_is_a_share(tmp_path: Path, share: float, stored: float) -> None:
    context = StepContext(JobRef("id", "kind", "", {}), tmp_path, JobLog(tmp_path))
    context.progress(share, "two\nlines")
    assert context.take_progress() == (stored, "two lines")
    assert context.take_progress() is None


def test_the_names_of_steps_are_different() -> None:
    step = Step("one", "One", print)
    with pytest.raises(ValueError, match="different names"):
        register_kind("double", "Double", [step, step])
