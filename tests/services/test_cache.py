"""The cache layers with a real Valkey, including one with foreign entries."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_client

from app.cache import answers, in_redis
from app.cache.answers import AnswersInProcess
from app.components import components
from tests.services.conftest import Instance, command_calls

Start = Callable[..., Instance]


def _forget(instance: Instance) -> None:
    components(instance.app).get(AnswersInProcess).entries.clear()


def test_each_layer_is_counted_and_the_nearest_one_answers(start_instance: Start, address: str) -> None:
    one, other, alone = start_instance(address), start_instance(address), start_instance()
    asked = [instance.predict(trees=41.5).json["cached"] for instance in (one, one, other, other, alone, alone)]
    assert asked == [False, True, True, True, False, True]
    found = [[instance.hits_in(layer) for layer in ("none", "redis", "process")] for instance in (one, other, alone)]
    assert found == [[1, 0, 1], [0, 1, 1], [1, 0, 1]]


def _content(entry: bytes) -> Any:
    """The JSON of a signed entry."""
    return json.loads(entry.rpartition(b"\0")[0])


def test_entries_in_redis_are_signed_json_and_expire_with_the_setting(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    start_instance(address, cache_ttl=60).predict()
    (key,) = client.keys("ecopredict:prediction:*")
    entry = _content(client.get(key))
    assert set(entry) == {"key", "until", "answer"}
    assert entry["key"] == key.decode().removeprefix("ecopredict:")
    assert 50 < client.ttl(key) <= 60


@pytest.mark.thorough
@pytest.mark.alone
def test_redis_is_read_less_while_nothing_is_found_and_again_when_something_is(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    one, other = start_instance(address), start_instance(address)
    for step in range(260):
        one.predict(trees=step / 10)
    # about two hundred look-ups, then one in sixteen
    assert 190 <= command_calls(client, "getrange") <= 215
    for step in range(260):
        other.predict(trees=50 + step / 10)
    before = command_calls(client, "getrange")
    cached = [one.predict(trees=50 + step / 10).json["cached"] for step in range(260)]
    assert cached.count(True) > 200
    assert command_calls(client, "getrange") - before > 200


def test_a_process_keeps_an_answer_no_longer_than_redis(start_instance: Start, address: str) -> None:
    one, other = start_instance(address, cache_ttl=2), start_instance(address, cache_ttl=2)
    one.predict()
    began = time.monotonic()
    time.sleep(1.2)
    assert other.predict().json["cached"] is True
    time.sleep(max(0.0, began + 2.2 - time.monotonic()))
    assert other.predict().json["cached"] is False


def _foreign(entry: dict[str, Any]) -> Iterator[bytes]:
    """Content that another program writes under the key of an answer."""
    yield b"cos\nsystem\n(S'false'\ntR."
    yield b"\x80\x05\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtin\x94."
    yield b"\xff\xfe"
    yield b"\0"
    yield b"[" * 100_000
    yield b" " * (64 * 1024 * 1024)
    content = json.dumps(entry).encode()
    yield content
    yield content + b"\0"
    yield content + b"\0" + b"A" * 43
    yield content + b"\0" + b"\xff" * 43


def _malformed(entry: dict[str, Any]) -> Iterator[bytes]:
    """Content that is no answer, for entries with a valid signature."""
    answer = entry["answer"]
    yield b"[" * 100_000
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


def test_foreign_and_malformed_entries_are_computed_anew_and_logged_once_a_minute(
    start_instance: Start, address: str, client: redis_client.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    instance = start_instance(address)
    first = instance.predict(trees=43.5).json
    (key,) = client.keys("ecopredict:prediction:*")
    good = client.get(key)
    signer = in_redis.EntrySigner(instance.app.config["SECRET_KEY"])
    name = key.decode().removeprefix("ecopredict:")
    answers._malformed._next = in_redis._unsigned._next = 0.0
    signed = [signer.sign(name, content) for content in _malformed(_content(good))]
    entries = [*_foreign(_content(good)), *signed]
    for entry in entries:
        client.set(key, entry)
        _forget(instance)
        response = instance.predict(trees=43.5)
        assert response.status_code == 200, entry[:80]
        assert response.json["cached"] is False, entry[:80]
        assert response.json["suitability"] == first["suitability"], entry[:80]
        # the entry is replaced
        assert _content(client.get(key))["answer"] == _content(good)["answer"]
    for write in (client.lpush, client.sadd):
        client.delete(key)
        write(key, b"x")
        _forget(instance)
        assert instance.predict(trees=43.5).json["cached"] is False
    assert len(entries) > 35
    messages = [record.getMessage() for record in caplog.records]
    assert messages.count("ignored a malformed cache entry") == 1
    assert messages.count("ignored a cache entry without a valid signature") == 1
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    # Redis was never paused because of an entry
    assert instance.hits_in("none") == len(entries) + 3
    _forget(instance)
    assert instance.predict(trees=43.5).json["cached"] is True


def test_an_entry_that_was_changed_or_signed_with_another_key_is_ignored(
    start_instance: Start, address: str, client: redis_client.Redis
) -> None:
    """The forged content has the right shape: only the signature tells it from an answer."""
    instance = start_instance(address)
    suitability = instance.predict(trees=43.5).json["suitability"]
    (key,) = client.keys("ecopredict:prediction:*")
    name = key.decode().removeprefix("ecopredict:")
    good = client.get(key)
    entry = _content(good)
    entry["answer"] |= {"suitability": 0.123, "interval": [0.1, 0.2]}
    forged = json.dumps(entry).encode()
    signature = good.rpartition(b"\0")[2]
    for attempt in (
        forged,
        forged + b"\0" + signature,
        in_redis.EntrySigner("another key").sign(name, forged),
        in_redis.EntrySigner(instance.app.config["SECRET_KEY"]).sign("prediction:other", forged),
    ):
        client.set(key, attempt)
        _forget(instance)
        answer = instance.predict(trees=43.5).json
        assert (answer["cached"], answer["suitability"]) == (False, suitability)
    # the test would not notice a signature that nobody can make
    client.set(key, in_redis.EntrySigner(instance.app.config["SECRET_KEY"]).sign(name, forged))
    _forget(instance)
    assert instance.predict(trees=43.5).json["suitability"] == 0.123


def test_an_entry_that_was_moved_under_another_key_is_ignored(
    start_instance: Start, address: str, client: redis_client.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """This also happens where a client is out of step with its server and reads the entry of another request."""
    instance = start_instance(address)
    instance.predict(trees=10.0)
    (here,) = client.keys("ecopredict:prediction:*")
    other = instance.predict(trees=90.0).json["suitability"]
    (there,) = set(client.keys("ecopredict:prediction:*")) - {here}
    client.copy(here, there, replace=True)
    in_redis._unsigned._next = 0.0
    _forget(instance)
    answer = instance.predict(trees=90.0).json
    assert (answer["cached"], answer["suitability"]) == (False, other)
    assert "ignored a cache entry without a valid signature" in caplog.text
