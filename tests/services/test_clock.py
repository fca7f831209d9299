"""Clock jumps of a serving gunicorn, while PostgreSQL and Valkey keep the right time."""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis as redis_client

from app.cache.answers import AnswersInProcess
from app.components import components
from tests.services.conftest import ENVIRONMENT, WHEATEAR, Answer, Instance, call
from tools import live
from tools.live import PROJECT

HOUR, DAY, TEN_YEARS = 3600.0, 86400.0, 3650 * 86400.0
JUMPS = (HOUR, -HOUR, DAY, -DAY, TEN_YEARS, -TEN_YEARS, 0.0)
WINDOW_S = 2
# Python runs this file as it starts; what a process reads of the time is what it would be with the clock set anew
CLOCK = """
import datetime, pathlib, time
ahead = pathlib.Path(__file__).with_name("ahead")
real_time, real_time_ns, real_datetime = time.time, time.time_ns, datetime.datetime
def jump():
    return float(ahead.read_text())
time.time = lambda: real_time() + jump()
time.time_ns = lambda: real_time_ns() + int(jump() * 1e9)
class Kind(type(real_datetime)):
    def __instancecheck__(self, one):
        return isinstance(one, real_datetime)
class Moment(real_datetime, metaclass=Kind):
    @classmethod
    def now(cls, zone=None):
        return real_datetime.fromtimestamp(time.time(), zone)
datetime.datetime = Moment
"""


@dataclass
class Clocked:
    """A site whose clock can be set."""

    site: live.Site
    folder: Path

    def set(self, ahead: float) -> None:
        draft = self.folder / "draft"
        draft.write_text(repr(ahead))
        draft.replace(self.folder / "ahead")

    def ask(self, path: str = "predictions", who: str = "", **changes: Any) -> Answer:
        # everybody else has an address of his own
        headers = {"X-Forwarded-For": who or str(ipaddress.IPv4Address(os.urandom(4)))}
        body = {"species": WHEATEAR, "environment": {**ENVIRONMENT, **changes}} if path == "predictions" else None
        return call(f"{self.site.url}/api/v1/{path}", body, headers)

    def rows(self) -> list[str]:
        with live.connected(self.site.environ["DATABASE_URL"]) as connection:
            return list(connection.exec_driver_sql("SELECT id FROM predictions").scalars())

    def workers(self) -> set[int]:
        return {worker.pid for worker in psutil.Process(self.site.program.process.pid).children()}


@pytest.fixture(scope="module")
def running(postgres: str, model_tree: Path, workroom: Path) -> Iterator[Clocked]:
    folder, name = workroom / "clock", "clock"
    engine = live.connect(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    environ = live.prepare(folder, model_tree, DATABASE_URL=postgres.rsplit("/", 1)[0] + f"/{name}")
    (folder / "sitecustomize.py").write_text(CLOCK)
    (folder / "ahead").write_text("0")
    changes = {
        "PYTHONPATH": f"{folder}{os.pathsep}{PROJECT}",
        "RATE_LIMIT": f"3/{WINDOW_S} seconds",
        "TRUSTED_PROXIES": "1",
        "CACHE_TTL": str(WINDOW_S),
        # counts of one process, and one whose heartbeat is missed soon
        "WEB_CONCURRENCY": "1",
        "GUNICORN_CMD_ARGS": "--timeout 3",
    }
    with live.serving(environ, **changes) as site:
        made = Clocked(site, folder)
        began, workers = time.monotonic(), made.workers()
        yield made
        # through all that came, for longer than a heartbeat may be missed
        time.sleep(max(0.0, began + 4 - time.monotonic()))
        assert made.workers() == workers
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


@pytest.fixture
def clocked(running: Clocked) -> Iterator[Clocked]:
    yield running
    running.set(0.0)


def test_every_answer_is_stored_once(clocked: Clocked) -> None:
    given = []
    for ahead in 10 * JUMPS:
        clocked.set(ahead)
        answer = clocked.ask(trees=len(given))
        assert answer.status == 200, answer.body
        told = datetime.fromisoformat(answer.json["created_at"])
        assert abs(told - datetime.now(UTC) - timedelta(seconds=ahead)) < timedelta(minutes=1)
        given.append(answer.json["id"])
        assert clocked.ask(f"predictions/{given[-1]}").json["id"] == given[-1]
    assert len(set(given)) == len(given)
    live.wait_until(lambda: set(given) <= set(clocked.rows()), 15, "every answer arrives")
    rows = clocked.rows()
    assert len(set(rows)) == len(rows)


def test_paging_shows_each_once(clocked: Clocked) -> None:
    given = []
    for ahead in JUMPS:
        clocked.set(ahead)
        given.append(clocked.ask(trees=50.5).json["id"])
    live.wait_until(lambda: set(given) <= set(clocked.rows()), 15, "every answer arrives")
    wanted, seen, path = sorted(clocked.rows(), reverse=True), [], "predictions?limit=20"
    for turn in range(100):
        clocked.set(JUMPS[turn % len(JUMPS)])
        page = clocked.ask(path).json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"predictions?limit=20&cursor={page['next']}"
    assert seen == wanted


@pytest.mark.parametrize("ahead", [-DAY, TEN_YEARS])
def test_a_limit_lasts_as_long_as_it_says(clocked: Clocked, ahead: float) -> None:
    who = f"203.0.113.{JUMPS.index(ahead)}"
    began = time.monotonic()
    first = [clocked.ask(who=who) for _ in range(4)]
    clocked.set(ahead)
    then = clocked.ask(who=who)
    if time.monotonic() - began < WINDOW_S:
        # on a machine that is too slow for this the window has ended
        assert [answer.status for answer in (*first, then)] == [200, 200, 200, 429, 429]
    for answer in (*first, then):
        assert 1 <= int(answer.headers["ratelimit-reset"]) <= WINDOW_S
    wait = int(then.headers.get("retry-after", "0"))
    assert wait <= WINDOW_S
    time.sleep(wait)
    assert clocked.ask(who=who).status == 200


def test_an_answer_is_kept_by_the_process_as_long_as_the_setting_says(clocked: Clocked) -> None:
    began = time.monotonic()
    told = [clocked.ask(trees=77.25)]
    for ahead in (TEN_YEARS, -TEN_YEARS):
        clocked.set(ahead)
        told.append(clocked.ask(trees=77.25))
    if time.monotonic() - began < WINDOW_S:
        assert [answer.json["cached"] for answer in told] == [False, True, True]
    time.sleep(max(0.0, WINDOW_S + 0.1 - (time.monotonic() - began)))
    assert clocked.ask(trees=77.25).json["cached"] is False
    assert len({answer.json["suitability"] for answer in told}) == 1


def test_analytics_count_what_lies_in_the_period(clocked: Clocked) -> None:
    for ahead in (0.0, TEN_YEARS, -TEN_YEARS):
        clocked.set(ahead)
        before = clocked.ask("analytics?days=7").json["requests"]
        given = {clocked.ask(trees=trees).json["id"] for trees in (1, 2)}
        live.wait_until(lambda: given <= set(clocked.rows()), 15, "they arrive")  # noqa: B023
        assert clocked.ask("analytics?days=7").json["requests"] == before + 2
    clocked.set(0.0)
    here = clocked.ask("analytics?days=7").json["requests"]
    # what ten years ahead is ahead was not asked this week
    clocked.set(TEN_YEARS)
    there = clocked.ask("analytics?days=7").json["requests"]
    assert here + there < len(clocked.rows())
    # a clock that was lost begins in 1970
    clocked.set(-time.time() + 60)
    assert clocked.ask("analytics?days=7").json["requests"] == 0


def test_rows_that_wait_while_the_clock_is_set_arrive(clocked: Clocked) -> None:
    """A clock that is set forward makes them appear older, one that is set back makes them appear new."""
    with live.connected(clocked.site.environ["DATABASE_URL"]) as holding:
        holding.exec_driver_sql("LOCK TABLE predictions")
        given = clocked.ask(trees=3.5).json["id"]
        for ahead, state in ((-DAY, "up"), (DAY, "behind")):
            clocked.set(ahead)
            assert clocked.ask(trees=4.5).status == 200
            parts = call(f"{clocked.site.url}/health/ready").json["components"]
            assert parts["handover"] == state
            assert parts["waiting"] > 0
    live.wait_until(lambda: given in clocked.rows(), 20, "it arrives")

    def age() -> float:
        text = call(f"{clocked.site.url}/metrics").body.decode()
        (line,) = [each for each in text.splitlines() if each.startswith("ecopredict_handover_oldest_seconds ")]
        return float(line.split()[1])

    live.wait_until(lambda: age() == 0, 10, "nothing waits any more")


def test_nothing_is_deleted_by_a_clock_that_is_wrong(clocked: Clocked) -> None:
    before = clocked.rows()
    assert before
    clocked.set(TEN_YEARS)
    said = live.flask(clocked.site.environ, "predictions", "prune", "--older-than", "365d", fails=True)
    assert "more than an hour apart; nothing was deleted" in said
    assert "Traceback" not in said
    # others may have arrived meanwhile
    assert set(before) <= set(clocked.rows())


@pytest.mark.parametrize("ahead", [-TEN_YEARS, DAY])
def test_two_hosts_whose_clocks_disagree_share_answers(
    redis: live.Program, start_instance: Callable[..., Instance], monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    url, real = f"redis://127.0.0.1:{redis.port}/0", time.time
    one, other = (start_instance(url, cache_ttl=1) for _ in range(2))
    right = one.predict(trees=8.5).json["suitability"]
    began = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + ahead)
        found = [other.predict(trees=8.5).json for _ in range(2)]
    # to a clock that is ahead it has ended, and is computed and kept once more
    assert [answer["cached"] for answer in found] == [ahead < 0, True]
    assert {answer["suitability"] for answer in found} == {right}
    components(one.app).get(AnswersInProcess).entries.clear()
    assert one.predict(trees=8.5).json["cached"] is True
    # whatever they believe, it ends; behind Redis a process keeps it once more as long
    time.sleep(max(0.0, began + 2.2 - time.monotonic()))
    monkeypatch.setattr(time, "time", lambda: real() + ahead)
    assert other.predict(trees=8.5).json["cached"] is False


def test_a_redis_whose_clock_was_put_back_limits_no_longer_than_a_window(
    redis: live.Program, start_instance: Callable[..., Instance]
) -> None:
    one, other = (start_instance(f"redis://127.0.0.1:{redis.port}/0", "2/hour") for _ in range(2))
    assert [host.predict().status_code for host in (one, other, one)] == [200, 200, 429]
    with redis_client.Redis(port=redis.port) as client:
        (key,) = client.keys("ecopredict-limits:*")
        # what it says of a key once its clock is a day behind
        client.pexpire(key, 3_600_000 + int(DAY * 1000))
        answers = [host.predict() for host in (one, other, one)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600
        assert client.pttl(key) <= 3_600_000
    assert one.cache() == "up"
