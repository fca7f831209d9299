"""A real primary with a streaming replica, and which queries use which."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from app import create_app
from tests.contract.conftest import make_settings
from tests.services.conftest import STOCKED, WHEATEAR, call, predict
from tools import live


@contextmanager
def asking(url: str) -> Iterator[object]:
    engine = live.connect(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def ask(url: str, statement: str) -> object:
    with asking(url) as connection:
        return connection.exec_driver_sql(statement).scalar()


def run(url: str, statement: str) -> None:
    with asking(url) as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture(scope="module")
def primary(stocked: Path, workroom: Path) -> Iterator[live.Postgres]:
    server = live.make_postgres(workroom / "primary", like=stocked)
    server.database = STOCKED
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def environ(primary: live.Postgres, workroom: Path, prepared: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "replica-site", DATABASE_URL=primary.url)


@pytest.fixture(scope="module")
def standby(primary: live.Postgres, environ: dict[str, str], workroom: Path) -> Iterator[live.Postgres]:
    server = live.make_standby(workroom / "standby", primary)
    server.start()
    assert ask(server.url, "SELECT pg_is_in_recovery()") is True
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(environ: dict[str, str], standby: live.Postgres) -> Iterator[live.Site]:
    with live.serving(environ, DATABASE_REPLICA_URL=standby.url, WEB_CONCURRENCY="1") as running:
        yield running


@pytest.fixture
def paused(site: live.Site, primary: live.Postgres, standby: live.Postgres) -> Iterator[None]:
    """The replica has caught up and stands still."""
    caught_up(primary, standby)
    run(standby.url, "SELECT pg_wal_replay_pause()")
    live.wait_until(lambda: ask(standby.url, "SELECT pg_get_wal_replay_pause_state()") == "paused", 10, "a pause")
    yield
    run(standby.url, "SELECT pg_wal_replay_resume()")


@contextmanager
def frozen(server: live.Postgres) -> Iterator[None]:
    """A server whose processes stand still: the system takes connections for it, and nothing answers."""
    master = psutil.Process(int((server.folder / "data" / "postmaster.pid").read_text().split()[0]))
    with ExitStack() as all_of_them:
        # the master first, so that it starts no other
        all_of_them.enter_context(held(master))
        for process in master.children(recursive=True):
            all_of_them.enter_context(held(process))
        yield


@contextmanager
def held(process: psutil.Process) -> Iterator[None]:
    """A process that stands still; it may have ended just before."""
    with suppress(psutil.NoSuchProcess):
        process.suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def caught_up(primary: live.Postgres, standby: live.Postgres) -> None:
    run(primary.url, "CHECKPOINT")
    place = ask(primary.url, "SELECT pg_current_wal_flush_lsn()")
    behind = f"SELECT pg_last_wal_replay_lsn() >= '{place}'"
    live.wait_until(lambda: ask(standby.url, behind) is True, 15, "the replica catches up")


def listed(site: live.Site) -> list[str]:
    answer = call(f"{site.url}/api/v1/predictions")
    assert answer.status == 200, answer.body
    return [item["id"] for item in answer.json["items"]]


def replica_of(site: live.Site) -> tuple[str, str]:
    ready = call(f"{site.url}/health/ready")
    assert ready.status == 200, ready.body
    return ready.json["status"], ready.json["components"]["replica"]


def arrived(primary: live.Postgres, prediction: str) -> None:
    there = f"SELECT count(*) FROM predictions WHERE id = '{prediction}'"
    live.wait_until(lambda: ask(primary.url, there) == 1, 10, "the answer is stored")


@pytest.mark.usefixtures("paused")
def test_lists_are_the_replica_s_and_an_answer_just_given_is_found(
    site: live.Site, primary: live.Postgres, standby: live.Postgres
) -> None:
    given = predict(site.url).json
    arrived(primary, given["id"])
    assert given["id"] not in listed(site)
    assert call(f"{site.url}/api/v1/predictions/{given['id']}").json == given
    assert call(f"{site.url}/predictions/{given['id']}").status == 200
    run(standby.url, "SELECT pg_wal_replay_resume()")
    caught_up(primary, standby)
    assert given["id"] in listed(site)
    # and what neither of them has stays unknown
    assert call(f"{site.url}/api/v1/predictions/{given['id'][:-4]}0000").status == 404


@pytest.mark.usefixtures("paused")
def test_a_change_of_the_registry_is_seen_at_once(site: live.Site, primary: live.Postgres) -> None:
    before = call(f"{site.url}/api/v1/species/{WHEATEAR}").json["vernacular_name"]
    run(primary.url, f"UPDATE species SET vernacular_name = 'Changed' WHERE slug = '{WHEATEAR}'")
    try:
        assert call(f"{site.url}/api/v1/species/{WHEATEAR}").json["vernacular_name"] == "Changed"
        items = call(f"{site.url}/api/v1/species").json["items"]
        assert {item["slug"]: item["vernacular_name"] for item in items}[WHEATEAR] == before
    finally:
        run(primary.url, f"UPDATE species SET vernacular_name = '{before}' WHERE slug = '{WHEATEAR}'")


@pytest.mark.parametrize(
    "path",
    ["/species", "/models", "/api/v1/studies", "/api/v1/predictions", "/analytics"],
)
def test_lists_and_analytics_leave_the_primary_alone(
    site: live.Site, primary: live.Postgres, standby: live.Postgres, path: str
) -> None:
    ours = "FROM pg_stat_activity WHERE application_name = 'ecopredict'"
    for server in (primary, standby):
        run(server.url, f"SELECT pg_terminate_backend(pid) {ours}")
        live.wait_until(lambda url=server.url: ask(url, f"SELECT count(*) {ours}") == 0, 5, "the sessions end")
    assert call(f"{site.url}{path}").status == 200
    assert (ask(primary.url, f"SELECT count(*) {ours}"), ask(standby.url, f"SELECT count(*) {ours}")) == (0, 1)


def test_a_replica_that_is_down_is_done_without(
    environ: dict[str, str], standby: live.Postgres, primary: live.Postgres
) -> None:
    with live.serving(environ, DATABASE_REPLICA_URL=standby.url, WEB_CONCURRENCY="1") as site:
        assert replica_of(site) == ("ready", "up")
        standby.stop()
        try:
            given = predict(site.url).json["id"]
            arrived(primary, given)
            for _ in range(5):
                assert given in listed(site)
            assert replica_of(site) == ("degraded", "down")
            assert site.program.output().count("the replica does not answer") == 1
        finally:
            standby.start()
        live.wait_until(lambda: replica_of(site) == ("ready", "up"), 10, "the replica is used again")


def test_a_replica_that_hangs_costs_one_reader_some_seconds(site: live.Site, standby: live.Postgres) -> None:
    assert replica_of(site) == ("ready", "up")
    with frozen(standby):
        began = time.monotonic()
        listed(site)
        first = time.monotonic() - began
        began = time.monotonic()
        listed(site)
        second = time.monotonic() - began
    # the first reader waits for the replica, the second does not
    assert second < first / 2
    live.wait_until(lambda: replica_of(site) == ("ready", "up"), 15, "the replica is used again")


def test_a_primary_that_hangs_leaves_what_the_replica_tells(
    site: live.Site, primary: live.Postgres, standby: live.Postgres
) -> None:
    given = predict(site.url).json["id"]
    arrived(primary, given)
    caught_up(primary, standby)
    with frozen(primary):
        # every answer comes while the primary hangs, within what `call` waits
        assert given in listed(site)
        assert call(f"{site.url}/api/v1/predictions/{given}").status == 200
        assert [call(f"{site.url}/api/v1/species/{WHEATEAR}").status for _ in range(4)] == [503] * 4
    live.wait_until(
        lambda: call(f"{site.url}/api/v1/species/{WHEATEAR}").status == 200, 15, "the primary is used again"
    )


def test_a_replica_that_lags_behind_a_migration_is_done_without(
    primary: live.Postgres, environ: dict[str, str], tmp_path: Path
) -> None:
    run(primary.url, "CREATE DATABASE empty")
    url = primary.url.replace("postgresql:", "postgresql+psycopg2:")
    replica = url.replace(f"/{STOCKED}", "/empty")
    app = create_app(make_settings(tmp_path, database_url=url, database_replica_url=replica))
    found = app.test_client().get("/api/v1/studies")
    assert (found.status_code, [study["n_species"] for study in found.json["items"]]) == (200, [4])


def test_without_a_replica_there_is_none(environ: dict[str, str]) -> None:
    with live.serving(environ, WEB_CONCURRENCY="1") as site:
        assert replica_of(site) == ("ready", "none")
        assert listed(site) is not None
