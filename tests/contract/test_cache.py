"""The cache in process, and a Redis that hangs or babbles: answered without it, counted without it, waited for once."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app import create_app, redis_client, throttled_log
from app.cache import answers
from app.cache.answers import AnswersInProcess
from app.catalogue import snapshot
from app.components import components
from app.predictions import inference
from app.predictions.conditions import cache_key, read_environment
from app.redis_client import RedisClient
from app.registry import changes
from app.registry import service as registry
from tests.contract.conftest import WHEATEAR, make_settings, upgrade


@contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that stands for a broken Redis: its address, and the connections it accepted."""
    accepted: list[socket.socket] = []
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            try:
                accepted.append(listener.accept()[0])
            except TimeoutError:
                continue
            threading.Thread(target=serve, args=(accepted[-1],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0", accepted
        finally:
            stopped.set()
            thread.join()
            for one in accepted:
                one.close()


@pytest.fixture
def hanging():
    """Accepts connections and never says anything."""
    with _listening(lambda _connection: None) as found:
        yield found


BABBLE = [
    None,
    b"",
    b"\x00\xff" * 500,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"$-1\r\n",
    b"+OK\r\n",
    b":12\r\n",
    b"$3\r\n[1]\r\n",
    b"$99999999999\r\n",
    b"*99999999999\r\n",
    b"*1\r\n" * 5000,
    b"%2\r\n+a\r\n",
    b"$x\r\n",
    b",nan\r\n",
    b"_\r\n",
    b"*2\r\n:1\r\n:-1\r\n",
    b"-WRONGTYPE no\r\n",
    b"-LOADING no\r\n",
    b"-NOAUTH no\r\n",
    b"-MOVED 1 127.0.0.1:1\r\n",
]


@pytest.fixture
def babbling() -> Iterator[Callable[[bytes | None], str]]:
    """Answers each command with the same bytes, or with random ones."""
    noise = random.Random(5)
    said: list[bytes | None] = [None]
    polite = [True]

    def serve(connection: socket.socket) -> None:
        try:
            while received := connection.recv(65536):
                if polite[0] and b"SETINFO" in received:
                    connection.sendall(b"+OK\r\n" * received.count(b"SETINFO"))
                    continue
                connection.sendall(noise.randbytes(200) if said[0] is None else said[0])
                if said[0] == b"":
                    connection.close()
                    return
        except OSError:
            return

    with _listening(serve) as (address, _):

        def at(text: bytes | None, *, greets: bool = True) -> str:
            said[0], polite[0] = text, greets
            return address

        yield at


@pytest.fixture
def asked(artifacts, tmp_path, environment) -> Callable[..., Any]:
    """An application on some Redis, ready to answer; each call is one more."""
    made: list[Any] = []

    def make(address: str | None, **options: Any) -> Any:
        folder = tmp_path / f"app-{len(made)}"
        folder.mkdir()
        app = create_app(make_settings(folder, redis_url=address, **options))
        made.append(app)
        upgrade(app)
        with app.app_context():
            version, _ = changes.register(artifacts[WHEATEAR])
            changes.activate(version.id)

        def ask(**values: Any) -> Any:
            body = {"species": WHEATEAR, "environment": {**environment, **values}}
            return app.test_client().post("/api/v1/predictions", json=body)

        ask.app = app  # type: ignore[attr-defined]  # an attribute of a function
        return ask

    return make


@pytest.fixture
def right(ask):
    """What the model says, from an application without Redis."""
    return ask(trees=55.5).json["suitability"]


def test_the_process_layer_is_bounded_and_safe_for_threads(asked, artifacts, environment):
    app = asked(None).app
    with app.app_context():
        artifact = registry.opened(snapshot.current().best().model)
        given = read_environment(environment, artifact.card)
        computed = inference.compute(artifact, given)
    kept = answers._MAX_ENTRIES
    failures: list[Exception] = []

    def fill(start: int) -> None:
        try:
            with app.app_context():
                for number in range(start, start + kept):
                    answers.put(f"k{number}", computed)
                    answers.get(f"k{number - 3}", lambda _: computed)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=fill, args=(start,)) for start in (0, kept // 2, kept)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(components(app).get(AnswersInProcess).entries) == kept


def test_a_cached_answer_is_not_changed_by_its_readers(asked):
    ask = asked(None)
    first = ask(trees=47.5).json
    page = ask.app.test_client().post(
        "/", data={"species": WHEATEAR, **{f"env.{name}": str(value) for name, value in first["environment"].items()}}
    )
    assert page.status_code == 200
    again = ask(trees=47.5).json
    assert again["cached"] is True
    for name in ("suitability", "interval", "novelty", "contributions", "uncertainty"):
        assert again[name] == first[name]


def test_a_redis_that_babbles_changes_no_answer(asked, babbling, right, caplog):
    address = babbling(None)
    ask = asked(address, rate_limit=f"{2 * len(BABBLE)}/hour")
    store = components(ask.app).find(RedisClient)
    left = 2 * len(BABBLE)
    for babble in BABBLE:
        for greets in (True, False):
            babbling(babble, greets=greets)
            store._client = None
            # as if a second had passed
            store._paused_until = 0.0
            components(ask.app).get(AnswersInProcess).entries.clear()
            answer = ask(trees=55.5)
            left -= 1
            assert answer.status_code == 200, babble
            assert answer.json["suitability"] == right, babble
            assert answer.json["cached"] is False, babble
            assert answer.headers["RateLimit-Remaining"] == str(left), babble
    assert ask(trees=55.5).status_code == 429
    # threads of applications of other tests may also log
    of_redis = [record for record in caplog.records if record.name == redis_client.__name__]
    warned = [record.getMessage() for record in of_redis if record.levelno >= logging.WARNING]
    # one of each kind a second, of which a slow machine needs several
    assert 1 <= len({text.partition(":")[0] for text in warned}) <= 3, warned
    assert not [record for record in of_redis if record.levelno >= logging.ERROR]


def test_a_redis_that_hangs_is_left_alone_for_a_moment(asked, hanging):
    address, accepted = hanging
    ask = asked(address, rate_limit="100/hour")
    store = components(ask.app).find(RedisClient)
    # counted, looked up, kept: each would wait, and only the first does
    began = len(accepted)
    assert ask(trees=20.0).status_code == 200
    assert len(accepted) - began == 1
    store._paused_until = time.monotonic() + 600
    for number in range(20):
        assert ask(trees=21.0 + number).status_code == 200
    assert ask.app.test_client().get("/health/ready").json["components"]["cache"] == "down"
    assert len(accepted) - began == 1
    # afterwards one request asks again, whatever else comes at the same time
    store._paused_until = 0.0
    together = threading.Barrier(6)
    statuses: list[int] = []

    def go(number: int) -> None:
        together.wait()
        statuses.append(ask(trees=70.0 + number).status_code)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert len(accepted) - began == 2


def test_threads_that_meet_a_failing_redis_together_are_all_counted(asked, hanging):
    """None gets an error, and together they get no more than the limit."""
    ask = asked(hanging[0], rate_limit="5/hour")
    together = threading.Barrier(8)
    statuses: list[int] = []

    def go(number: int) -> None:
        together.wait()
        statuses.append(ask(trees=30.0 + number).status_code)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [429] * 3


def test_a_warning_is_logged_at_most_once_a_minute(caplog):
    def said():
        return [record.getMessage() for record in caplog.records if record.name == "app.test"]

    voice = throttled_log.ThrottledLog(logging.getLogger("app.test"))
    for _ in range(5):
        voice.warning("again %s", 1)
    assert said() == ["again 1"]
    voice._next -= throttled_log.EVERY
    voice.warning("later")
    assert said() == ["again 1", "later"]


def test_keys_carry_the_model_and_the_conditions():
    assert cache_key("m", {"a": 1.0}) != cache_key("n", {"a": 1.0})
    assert cache_key("m", {"a": 1.0}) != cache_key("m", {"a": 2.0})
    assert redis_client.TIMEOUT <= 0.5
