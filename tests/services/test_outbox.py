"""Every answer is stored exactly once, whichever process or service ends in between."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.services.conftest import STOCKED, call, create_database, drop_database, predict
from tests.services.load import Load
from tools import live

Start = Callable[..., live.Site]


@pytest.fixture(scope="module")
def server(stocked: Path, workroom: Path) -> Iterator[live.Postgres]:
    """A PostgreSQL that these tests may stop."""
    made = live.make_postgres(workroom / "postgres-that-stops", like=stocked)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def own(server: live.Postgres, prepared: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a site with a database of its own on that server."""
    url = create_database(server.url, f"h{time.time_ns()}", STOCKED)
    yield live.copy_site(prepared, tmp_path / "handover", DATABASE_URL=url)
    drop_database(url)


@pytest.fixture
def start(own: dict[str, str]) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(live.serving(own, **changes))


def _rows(environ: dict[str, str]) -> list[str]:
    engine = live.connect(environ["DATABASE_URL"])
    try:
        with engine.connect() as connection:
            return [row[0] for row in connection.exec_driver_sql("SELECT id FROM predictions")]
    finally:
        engine.dispose()


def _waiting(environ: dict[str, str]) -> int:
    file = Path(environ["DATA_DIR"]) / "spool" / "predictions.db"
    if not file.exists():
        return 0
    with sqlite3.connect(file, timeout=10) as connection:
        return int(connection.execute("SELECT count(*) FROM waiting").fetchone()[0])


def _handover(site: live.Site) -> str:
    return call(f"{site.url}/health/ready").json["components"]["handover"]


def _settles(environ: dict[str, str], load: Load, record: Callable[[str, str], None], what: str) -> None:
    """Every answer that was given arrives, once; an answer whose connection broke may have arrived as well."""

    def arrived() -> bool:
        try:
            return _waiting(environ) == 0 and set(load.given) <= set(_rows(environ))
        except SQLAlchemyError:
            return False

    live.wait_until(arrived, 60, f"{what}: all answers arrive")
    rows = _rows(environ)
    lost, twice = len(set(load.given) - set(rows)), len(rows) - len(set(rows))
    assert len(set(load.given)) == len(load.given)
    record(
        f"hand-over: {what}",
        f"{len(load.given)} answers, {len(rows)} rows, {twice} duplicates, {lost} lost; "
        f"{load.broken} connections broken, refused {load.refused or 'none'}",
    )
    assert (lost, twice) == (0, 0)
    # what was computed and kept, but whose answer a dying worker could not send
    assert len(rows) - len(load.given) <= load.broken


def _workers(site: live.Site) -> list[psutil.Process]:
    return psutil.Process(site.program.process.pid).children()


def _drainer(site: live.Site) -> psutil.Process:
    """The worker that holds the drainer's lock."""
    lock = Path(site.data_dir) / "spool" / ".drainer"
    inode = f":{lock.stat().st_ino} "

    def holders() -> list[int]:
        return [int(line.split()[4]) for line in Path("/proc/locks").read_text().splitlines() if inode in line + " "]

    live.wait_until(lambda: bool(holders()), 10, "a worker drains")
    return psutil.Process(holders()[0])


def test_an_answer_does_not_wait_and_can_be_read_at_once(start: Start, own: dict[str, str]) -> None:
    site = start()
    given = predict(site.url)
    assert given.status == 200, given.body
    assert call(f"{site.url}/api/v1/predictions/{given.json['id']}").json == given.json
    assert call(f"{site.url}/predictions/{given.json['id']}").status == 200
    live.wait_until(lambda: given.json["id"] in _rows(own), 10, "the row arrives")
    assert call(f"{site.url}/api/v1/predictions/{given.json['id']}").json == given.json


@pytest.mark.thorough
def test_workers_killed_under_load(start: Start, own: dict[str, str], record_summary) -> None:
    site = start()
    with Load(site.url) as load:
        for _ in range(3):
            load.until(40)
            worker = _workers(site)[0]
            worker.send_signal(signal.SIGKILL)
            live.wait_until(lambda: len(_workers(site)) == 2, 15, "a new worker")
        load.until(40)
    _settles(own, load, record_summary, "workers killed (SIGKILL) three times")


@pytest.mark.thorough
def test_the_drainer_killed_under_load(start: Start, own: dict[str, str], record_summary) -> None:
    site = start()
    with Load(site.url) as load:
        for _ in range(3):
            load.until(40)
            _drainer(site).send_signal(signal.SIGKILL)
            live.wait_until(lambda: len(_workers(site)) == 2, 15, "a new worker")
        load.until(40)
    _settles(own, load, record_summary, "the draining worker killed (SIGKILL) three times")


def test_sigterm_under_load(start: Start, own: dict[str, str], record_summary) -> None:
    site = start()
    with Load(site.url) as load:
        load.until(100)
        site.program.stop(signal.SIGTERM)
    # what waits is brought by the next run
    start()
    _settles(own, load, record_summary, "SIGTERM, then another run")


@pytest.mark.thorough
def test_everything_killed_at_once(start: Start, own: dict[str, str], record_summary) -> None:
    site = start()
    with Load(site.url) as load:
        load.until(100)
        os.killpg(site.program.process.pid, signal.SIGKILL)
    start()
    _settles(own, load, record_summary, "master and workers killed (SIGKILL), then another run")


def test_postgresql_down_for_twenty_seconds(
    start: Start, own: dict[str, str], server: live.Postgres, record_summary
) -> None:
    site = start()
    with Load(site.url, threads=2, pause=0.01) as load:
        load.until(20)
        server.stop()
        try:
            began = time.monotonic()
            load.until(50)
            ready = call(f"{site.url}/health/ready")
            assert (ready.status, ready.json["status"]) == (200, "degraded")
            assert ready.json["components"]["database"] == "down"
            given = load.given[-1]
            assert call(f"{site.url}/api/v1/predictions/{given}").json["id"] == given
            form = b"species=oenanthe-hispanica&env.bare_rock=40&env.trees=12&env.temperature=14&env.soil=chalk"
            page = call(site.url, raw=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
            assert page.status == 200, page.body[:300]
            # a worker that starts meanwhile answers too
            _workers(site)[0].send_signal(signal.SIGKILL)
            time.sleep(max(0.0, 20 - (time.monotonic() - began)))
            load.until(20)
            assert _waiting(own) > 70
            metrics = call(f"{site.url}/metrics").body.decode()
            depth = [line for line in metrics.splitlines() if line.startswith("ecopredict_handover_rows ")]
            assert depth
            assert float(depth[0].split()[1]) > 0
        finally:
            server.start()
        load.until(20)
    # the page was a prediction too
    load.broken += 1
    assert load.refused == {}
    _settles(own, load, record_summary, "PostgreSQL stopped for 20 s, a worker killed meanwhile")
    live.wait_until(lambda: call(f"{site.url}/health/ready").json["status"] == "ready", 20, "ready again")


def test_a_command_empties_the_spool_of_a_server_that_has_ended(
    start: Start, own: dict[str, str], server: live.Postgres
) -> None:
    """Where the disk of the spool ends with the server, as in a pod, its answers are stored first."""
    site = start()
    server.stop()
    try:
        given = [predict(site.url, trees=trees).json["id"] for trees in range(5)]
        site.program.stop()
        refused = live.flask(own, "predictions", "drain", "--wait", "0", fails=True)
        assert "5 answers still wait for the database after 0 s" in refused
        assert "Traceback" not in refused
    finally:
        server.start()
    assert "none waits now" in live.flask(own, "predictions", "drain")
    assert sorted(_rows(own)) == sorted(given)
    assert "0 answers waited" in live.flask(own, "predictions", "drain")


def test_drain_without_a_spool_says_so(prepared: Path, tmp_path: Path) -> None:
    environ = live.copy_site(prepared, tmp_path / "sqlite")
    assert "there is no spool" in live.flask(environ, "predictions", "drain")
    assert "--wait: give a number" in live.flask(environ, "predictions", "drain", "--wait", "-1", fails=True)


def test_a_full_spool_refuses_and_loses_nothing(
    start: Start, own: dict[str, str], server: live.Postgres, record_summary
) -> None:
    site = start(SPOOL_LIMIT="262144")
    with Load(site.url, threads=2) as load:
        load.until(20)
        server.stop()
        try:
            live.wait_until(lambda: load.refused.get(503, 0) > 5, 60, "the spool is full")
            # said by whichever worker refused, which both do before long
            live.wait_until(lambda: _handover(site) == "down", 10, "health says so")
        finally:
            server.start()
        load.until(50, 60)
    assert set(load.refused) == {503}
    _settles(own, load, record_summary, "spool full while PostgreSQL is away")
    live.wait_until(
        lambda: {_handover(site) for _ in range(6)} == {"up"}, 20, "health says that it takes answers again"
    )


def test_a_row_the_database_never_takes_does_not_hold_up_others(start: Start, own: dict[str, str]) -> None:
    site = start()
    assert predict(site.url).status == 200
    live.wait_until(lambda: _waiting(own) == 0, 10, "the first row arrives")
    with sqlite3.connect(Path(own["DATA_DIR"]) / "spool" / "predictions.db", timeout=10) as spool:
        row = (
            b'{"id":"00000000-0000-7000-8000-000000000000","species_id":999999,"model_id":"none","environment":{},'
            b'"answer":{},"created_at":"2026-01-01T00:00:00+00:00"}'
        )
        torn = ("00000000-0000-7000-8000-000000000001", row[:40], 0.0)
        whole = ("00000000-0000-7000-8000-000000000000", row, 0.0)
        spool.executemany("INSERT INTO waiting (id, body, at) VALUES (?, ?, ?)", [whole, torn])
    given = [predict(site.url, trees=trees).json["id"] for trees in (1, 2, 3)]
    live.wait_until(lambda: set(given) <= set(_rows(own)), 15, "the others arrive")
    live.wait_until(
        lambda: "ecopredict_handover_rejected_rows 2.0" in call(f"{site.url}/metrics").body.decode(),
        10,
        "it is counted",
    )


def test_redis_stopped_and_started_under_load(
    start: Start, own: dict[str, str], workroom: Path, record_summary: Callable[[str, str], None]
) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(live.valkey(workroom / f"valkey-{time.time_ns()}"))
        site = start(REDIS_URL=f"redis://127.0.0.1:{redis.port}/0")
        with Load(site.url, threads=2) as load:
            load.until(50)
            redis.stop()
            load.until(50)
            command = list(redis.process.args)
            again = stack.enter_context(live.running(command, workroom / "valkey-again.log", redis.port))
            load.until(50)
            assert again.process.poll() is None
        assert load.refused == {}
        assert load.broken == 0
        _settles(own, load, record_summary, "Redis stopped and started")
