"""The spool: what it took is there, whoever died; what it refused is not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time

import pytest

from app.outbox.spool import Spool, SpoolError


def make(tmp_path, most=1024 * 1024):
    return Spool(tmp_path / "spool" / "predictions.db", most)


def test_rows_come_out_in_order_and_are_forgotten_when_told(tmp_path):
    spool = make(tmp_path)
    for row in ("b", "c", "a"):
        spool.append(row, row.encode())
    assert spool.batch(2) == [("b", b"b"), ("c", b"c")]
    spool.remove(["b", "c"])
    assert spool.batch(5) == [("a", b"a")]
    assert spool.find("a") == b"a"
    assert spool.find("b") is None


def test_the_same_row_twice_is_one(tmp_path):
    spool = make(tmp_path)
    spool.append("a", b"1")
    spool.append("a", b"1")
    assert spool.depth().rows == 1


def test_depth_and_age(tmp_path):
    spool = make(tmp_path)
    assert (spool.depth().rows, spool.depth().waited) == (0, 0.0)
    started = time.monotonic()
    spool.append("b", b"")
    time.sleep(0.1)
    spool.append("a", b"")
    depth = spool.depth()
    assert depth.rows == 2
    assert 0.1 <= depth.waited <= time.monotonic() - started


@pytest.mark.parametrize(("jump", "about"), [(-86400.0, 0.0), (86400.0, 86400.0)])
def test_the_age_is_by_the_wall_clock_and_never_negative(tmp_path, monkeypatch, jump, about):
    spool, real = make(tmp_path), time.time
    spool.append("a", b"")
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    for reader in (spool, make(tmp_path)):
        assert about <= reader.depth().waited < about + 5
    assert [row for row, _ in spool.batch(9)] == ["a"]


def test_a_spool_of_an_earlier_release_is_read(tmp_path):
    make(tmp_path).append("a", b"1")
    with sqlite3.connect(tmp_path / "spool" / "predictions.db") as file:
        file.execute("CREATE TABLE starts (start TEXT PRIMARY KEY, believed REAL NOT NULL)")
        file.execute("INSERT INTO starts VALUES ('boot', 1.0)")
    spool = make(tmp_path)
    spool.append("b", b"2")
    assert spool.batch(9) == [("a", b"1"), ("b", b"2")]
    assert 0 <= spool.depth().waited < 5


def test_a_rejected_row_is_kept_apart_with_its_reason(tmp_path):
    spool = make(tmp_path)
    spool.append("a", b"body")
    spool.reject("a", "no such model")
    assert (spool.depth().rows, spool.depth().rejected) == (0, 1)
    with sqlite3.connect(tmp_path / "spool" / "predictions.db") as file:
        assert file.execute("SELECT id, body, reason FROM rejected").fetchall() == [("a", b"body", "no such model")]


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path):
    spool = make(tmp_path, most=128 * 1024)
    kept = []
    with pytest.raises(SpoolError, match="full"):
        for number in range(1000):
            spool.append(f"{number:04}", b"x" * 1000)
            kept.append(f"{number:04}")
    assert 50 < len(kept) < 130
    assert [row for row, _ in spool.batch(1000)] == kept
    spool.remove(kept[:20])
    spool.append("9999", b"x" * 1000)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "spool").write_text("a file where the folder should be")
    with pytest.raises(SpoolError):
        make(tmp_path).append("a", b"")


def test_a_file_that_is_no_spool_is_said(tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "predictions.db").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(SpoolError):
        make(tmp_path).append("a", b"")


def test_threads_do_not_lose_rows_of_each_other(tmp_path):
    spool = make(tmp_path)

    def fill(name):
        for number in range(50):
            spool.append(f"{name}-{number}", b"x")

    threads = [threading.Thread(target=fill, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert spool.depth().rows == 200


def _fill_until_killed(path, sender):
    spool = Spool(path, 1024 * 1024)
    for number in range(10_000):
        spool.append(f"{number:05}", b"x")
        sender.send(number)


def test_what_was_kept_survives_the_death_of_its_process(tmp_path):
    file = tmp_path / "spool" / "predictions.db"
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_fill_until_killed, args=(file, sender))
    process.start()
    while receiver.recv() < 100:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    sender.close()
    last = 100
    while receiver.poll():
        try:
            last = receiver.recv()
        except EOFError:
            break
    rows = [row for row, _ in Spool(file, 1024 * 1024).batch(20_000)]
    assert rows[: last + 1] == [f"{number:05}" for number in range(last + 1)]


def test_a_connection_is_not_shared_over_a_fork(tmp_path):
    spool = make(tmp_path)
    spool.append("parent", b"")
    child = os.fork()
    if child == 0:
        try:
            spool.append("child", b"")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    spool.append("parent-2", b"")
    assert [row for row, _ in spool.batch(9)] == ["parent", "child", "parent-2"]


def test_a_spool_that_takes_no_more_rows_is_not_writable(tmp_path):
    spool = make(tmp_path, most=128 * 1024)
    spool.check_writable()
    number = 0
    with pytest.raises(SpoolError):
        while True:
            spool.append(f"{number:04}", b"x" * 1000)
            number += 1
    with pytest.raises(SpoolError, match="full"):
        spool.check_writable()
    spool.remove([f"{at:04}" for at in range(number)])
    spool.check_writable()


def test_a_spool_that_another_program_locks_is_not_writable(tmp_path):
    spool = make(tmp_path)
    spool.append("a", b"1")
    with sqlite3.connect(tmp_path / "spool" / "predictions.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SpoolError, match="locked"):
            spool.check_writable()
        other.execute("ROLLBACK")
    spool.check_writable()
