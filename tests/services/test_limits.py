"""The counts of the rate limits with a real Valkey."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis as redis_client

from app.components import components
from app.redis_client import RedisClient
from tests.services.conftest import ENVIRONMENT, WHEATEAR, Instance, command_calls
from tools import live

Start = Callable[..., Instance]


def test_limits_go_back_to_redis_when_it_comes_back(
    start_instance: Start, workroom: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = live.free_port()
    one, other = (start_instance(f"redis://127.0.0.1:{port}/0", "6/hour") for _ in range(2))
    assert [i.predict().headers["RateLimit-Remaining"] for i in (one, other)] == ["5", "5"]
    with live.valkey(workroom / f"late-{port}", port=port):
        for instance in (one, other):
            live.wait_until(components(instance.app).find(RedisClient).up, 5, "Redis is asked again")
        assert [i.predict().headers["RateLimit-Remaining"] for i in (one, other, one)] == ["5", "4", "3"]
    # gone again: each counts on where it stood
    assert [i.predict().headers["RateLimit-Remaining"] for i in (one, other)] == ["4", "4"]
    said = [record.getMessage() for record in caplog.records if record.name == "app.redis_client"]
    assert said.count("Redis is back") == 2
    assert len([text for text in said if text.startswith("Redis unavailable")]) == 2


def test_a_poisoned_count_begins_anew(start_instance: Start, address: str, client: redis_client.Redis) -> None:
    one, other = (start_instance(address, "4/hour") for _ in range(2))
    assert [i.predict().status_code for i in (one, other, one, other, one)] == [200, 200, 200, 200, 429]
    (key,) = client.keys("ecopredict-limits:*")
    # the second and third would never end
    for poison in (b"x", b"7", b""):
        client.set(key, poison)
        assert one.predict().headers["RateLimit-Remaining"] == "3", poison
        assert 0 < client.pttl(key) <= 3_600_000
    client.delete(key)
    client.lpush(key, "x")
    assert [i.predict().headers["RateLimit-Remaining"] for i in (one, other)] == ["3", "2"]


def test_who_waits_as_long_as_he_is_told_is_served(start_instance: Start, address: str) -> None:
    instance = start_instance(address, "2/second")
    while (answer := instance.predict()).status_code == 200:
        pass
    told = [answer.headers[name] for name in ("Retry-After", "RateLimit-Reset", "RateLimit-Limit")]
    assert told == ["1", "1", "2"]
    time.sleep(1.0)
    assert instance.predict().status_code == 200


def test_a_count_and_its_headers_cost_redis_one_command(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    instance = start_instance(address, "99/hour")
    instance.predict()
    before = client.info("commandstats")
    for _ in range(5):
        assert instance.predict().headers["RateLimit-Remaining"]
    after = client.info("commandstats")
    calls = {name: after[name]["calls"] - before.get(name, {"calls": 0})["calls"] for name in after}
    counted = {name.removeprefix("cmdstat_"): count for name, count in calls.items() if count}
    # the answer itself is known in process; the last three are the script's own, and ours
    assert {name: count for name, count in counted.items() if name not in ("incrby", "pttl", "info", "set")} == {
        "eval": 5
    }


def test_a_high_limit_is_counted_in_lots_and_never_exceeded(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    """Eight threads ask two processes' worth of instances until each was refused."""
    limit = 400
    instances = [start_instance(address, f"{limit}/hour") for _ in range(2)]
    allowed: list[int] = []
    wrong: list[Any] = []

    def ask(instance: Instance) -> None:
        http = instance.app.test_client()
        while (answer := http.get("/api/v1/studies")).status_code == 200:
            allowed.append(int(answer.headers["RateLimit-Remaining"]))
        if answer.status_code != 429 or answer.headers["RateLimit-Remaining"] != "0":
            wrong.append(answer.headers)

    threads = [threading.Thread(target=ask, args=(instance,)) for instance in instances * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    # what the one that was done first had left in its hands is the most that nobody got
    assert limit - limit // 50 <= len(allowed) <= limit
    assert all(0 <= left < limit for left in allowed)
    assert command_calls(client, "eval") < limit / 2
    assert instances[0].app.test_client().get("/api/v1/studies").status_code == 429


def test_a_lot_that_redis_took_away_again_is_never_exceeded(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    """Somebody else used up the limit while an instance held a lot."""
    instance = start_instance(address, "200/hour")
    assert instance.predict().headers["RateLimit-Remaining"] == "199"
    (key,) = client.keys("ecopredict-limits:*")
    client.incrby(key, 1000)
    statuses = [instance.predict().status_code for _ in range(6)]
    # a fiftieth of 200 is 4, and one of those was used before
    assert statuses == [200, 200, 200, 429, 429, 429]


@pytest.mark.parametrize("limit", [60, 400])
def test_comparisons_of_several_processes_are_counted_by_their_answers(
    start_instance: Start, address: str, limit: int
) -> None:
    """The higher limit is counted in reservations."""
    instances = [start_instance(address, f"{limit}/hour") for _ in range(2)]
    query = {"species": WHEATEAR, "environments": [{"environment": ENVIRONMENT}] * 25}
    answered = 0
    while (
        instances[answered % 2].app.test_client().post("/api/v1/comparisons/conditions", json=query).status_code == 200
    ):
        answered += 1
    # the last one uses what is left; another process can have reserved a fiftieth
    assert limit - limit // 50 <= 25 * answered < limit + 25
    assert [instance.predict().status_code for instance in instances].count(429) >= 1
