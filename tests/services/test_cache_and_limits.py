"""The cache layers and the rate limit counts with a real Valkey, including one with foreign entries."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_client

from app.cache import answers, in_redis
from app.cache.answers import AnswersInProcess
from app.components import components
from app.redis_client import RedisClient
from tests.services.conftest import Instance
from tools import live

Start = Callable[..., Instance]


@pytest.fixture
def client(redis: live.Program) -> Iterator[redis_client.Redis]:
    with redis_client.Redis(port=redis.port) as client:
        yield client


@pytest.fixture
def address(redis: live.Program) -> str:
    return f"redis://127.0.0.1:{redis.port}/0"


def _forget(instance: Instance) -> None:
    components(instance.app).get(AnswersInProcess).entries.clear()


def test_each_layer_is_counted_and_the_nearest_one_answers(start_instance: Start, address: str) -> None:
    one, other, alone = start_instance(address), start_instance(address), start_instance()
    asked = [instance.predict(trees=41.5).json["cached"] for instance in (one, one, other, other, alone, alone)]
    assert asked == [False, True, True, True, False, True]
    found = [[instance.hits_in(layer) for layer in ("none", "redis", "process")] for instance in (one, other, alone)]
    assert found == [[1, 0, 1], [0, 1, 1], [1, 0, 1]]


def test_what_is_kept_outside_is_json_and_ends_with_the_setting(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    start_instance(address, cache_ttl=60).predict()
    (key,) = client.keys("ecopredict:prediction:*")
    entry = json.loads(client.get(key))
    assert set(entry) == {"key", "until", "answer"}
    assert entry["key"] == key.decode().removeprefix("ecopredict:")
    assert 50 < client.ttl(key) <= 60


@pytest.mark.alone
def test_redis_is_read_less_while_nothing_is_found_and_again_when_something_is(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    one, other = start_instance(address), start_instance(address)
    for step in range(260):
        one.predict(trees=step / 10)
    # about two hundred look-ups, then one in sixteen
    assert 190 <= _calls(client, "getrange") <= 215
    for step in range(260):
        other.predict(trees=50 + step / 10)
    before = _calls(client, "getrange")
    cached = [one.predict(trees=50 + step / 10).json["cached"] for step in range(260)]
    assert cached.count(True) > 200
    assert _calls(client, "getrange") - before > 200


def test_a_process_keeps_an_answer_no_longer_than_redis(start_instance: Start, address: str) -> None:
    one, other = start_instance(address, cache_ttl=2), start_instance(address, cache_ttl=2)
    one.predict()
    began = time.monotonic()
    time.sleep(1.2)
    assert other.predict().json["cached"] is True
    time.sleep(max(0.0, began + 2.2 - time.monotonic()))
    assert other.predict().json["cached"] is False


def _spoilt(entry: dict[str, Any]) -> Iterator[bytes]:
    """Everything that something else might write under the key of an answer."""
    answer = entry["answer"]
    yield b"cos\nsystem\n(S'false'\ntR."
    yield b"\x80\x05\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtin\x94."
    yield b"\xff\xfe"
    yield b"[" * 100_000
    yield b" " * (64 * 1024 * 1024)
    yield json.dumps(entry).encode() + b" " * in_redis._LONGEST
    for value in (12, "x", [], {}, None, True, answer, [entry]):
        yield json.dumps(value).encode()
    for changes in ({"key": "prediction:x"}, {"until": "soon"}, {"until": None}, {"answer": None}, {"answer": []}):
        yield json.dumps(entry | changes).encode()
    first, *rest = answer["contributions"]
    for changes in (
        {"suitability": 7}, {"suitability": -0.1}, {"suitability": float("nan")}, {"suitability": None},
        {"interval": [0.9, 0.1]}, {"interval": [-3, 0.5]}, {"interval": [0.1]}, {"interval": [0.1, float("inf")]},
        {"novelty": {}}, {"contributions": []}, {"contributions": rest}, {"contributions": [first, first, *rest]},
        {"contributions": [{**first, "value": 99.5}, *rest]}, {"contributions": [{**first, "effect": 1e999}, *rest]},
    ):  # fmt: skip
        yield json.dumps(entry | {"answer": answer | changes}).encode()


def test_a_poisoned_entry_is_computed_anew_and_said_once_a_minute(
    start_instance: Start, address: str, client: redis_client.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    instance = start_instance(address)
    first = instance.predict(trees=43.5).json
    (key,) = client.keys("ecopredict:prediction:*")
    good = client.get(key)
    answers._malformed._next = 0.0
    tried = 0
    for poison in _spoilt(json.loads(good)):
        client.set(key, poison)
        _forget(instance)
        answer = instance.predict(trees=43.5)
        assert answer.status_code == 200, poison[:80]
        assert answer.json["cached"] is False, poison[:80]
        assert answer.json["suitability"] == first["suitability"], poison[:80]
        # what was found there is replaced
        assert json.loads(client.get(key))["answer"] == json.loads(good)["answer"]
        tried += 1
    for write in (client.lpush, client.sadd):
        client.delete(key)
        write(key, b"x")
        _forget(instance)
        assert instance.predict(trees=43.5).json["cached"] is False
    assert tried > 30
    assert [record.getMessage() for record in caplog.records].count("ignored a malformed cache entry") == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    # and the server was never left alone for it
    assert instance.hits_in("none") == tried + 3
    _forget(instance)
    assert instance.predict(trees=43.5).json["cached"] is True


def test_an_answer_to_another_question_is_not_believed(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    """A client out of step with its server reads what another request asked for."""
    instance = start_instance(address)
    instance.predict(trees=10.0)
    (here,) = client.keys("ecopredict:prediction:*")
    other = instance.predict(trees=90.0).json["suitability"]
    (there,) = set(client.keys("ecopredict:prediction:*")) - {here}
    client.copy(here, there, replace=True)
    _forget(instance)
    answer = instance.predict(trees=90.0).json
    assert (answer["cached"], answer["suitability"]) == (False, other)


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


def _calls(client: redis_client.Redis, command: str) -> int:
    return int(client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


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
    assert _calls(client, "eval") < limit / 2
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
