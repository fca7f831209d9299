"""Computed answers in Redis, where all processes find them.

What is read there anyone may have written: it is data, never code, and no more of it is read than an answer can have.
A trip to Redis costs a good part of what an answer of the model does. So no request waits for one to be written, and
where nearly everything asked is new, one in sixteen waits for one to be looked for.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from cachelib.serializers import BaseSerializer
from flask import Flask
from flask_caching.backends import RedisCache
from orjson import JSONDecodeError, dumps, loads

from app.components import components
from app.extensions import cache
from app.redis_client import RedisClient, RedisUnavailable
from app.worker_thread import WorkerThread

Entry = dict[str, Any]
_PREFIX = "ecopredict:"
# Many times an answer with as many predictors as a query may have.
_LONGEST = 256 * 1024
# Answers on their way to Redis, and how many go at a time.
_MOST_WAITING, _BATCH = 2_000, 100
# What is asked again within this time on another worker is computed again; waking a thread for each answer costs more.
_PAUSE_S = 0.02
# Below this share of answers found, Redis is asked for one in so many.
_WORTH, _ONE_IN = 0.05, 16
# How much the latest counts in that share: it takes some two hundred new answers in a row to come below.
_NEW = 1 / 64


class JsonSerializer(BaseSerializer):
    """Writes JSON, so that nothing read from a cache is ever executed."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """Return the value as JSON."""
        return dumps(value)

    def loads(self, bvalue: bytes) -> Any:
        """Return the value; ValueError where the bytes are something else."""
        return loads(bvalue)


class Backend(RedisCache):
    """Flask-Caching's Redis, which reads no more of a value than an answer can have."""

    @classmethod
    def factory(cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Backend:
        """Return a backend on the application's own client."""
        return cls(_Lazy(components(app).get(RedisClient)), key_prefix=config["CACHE_KEY_PREFIX"], **kwargs)

    def get(self, key: str) -> Any:
        """Return a value, or None where there is none; an empty one where what is there is no answer of ours."""
        found = self._read_client.getrange(self._get_prefix() + key, 0, _LONGEST)
        if found in (b"", None):
            return None
        # the server did its part: it must not be left alone for this
        if not isinstance(found, bytes) or len(found) > _LONGEST:
            return {}
        try:
            return self.serializer.loads(found)
        except (JSONDecodeError, RecursionError):
            return {}


class _Lazy:
    """A client that is made at the first command."""

    def __init__(self, store: RedisClient) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.client(), name)


class SharedAnswers:
    """The layer in Redis: written by a thread of its own, and asked while that pays.

    Parameters
    ----------
    app : Flask
    store : RedisClient
    seconds : int
        For how long an answer is kept.
    """

    def __init__(self, app: Flask, store: RedisClient, seconds: int) -> None:
        config: dict[str, Any] = {
            "CACHE_TYPE": f"{__name__}.{Backend.__name__}",
            "CACHE_DEFAULT_TIMEOUT": seconds,
            "CACHE_KEY_PREFIX": _PREFIX,
            "CACHE_SERIALIZER": JsonSerializer,
        }
        cache.init_app(app, config)
        if not isinstance(app.extensions["cache"][cache].serializer, JsonSerializer):
            raise RuntimeError("the answer cache must write JSON")
        self._app = app
        self._store = store
        self._waiting: deque[tuple[str, Entry]] = deque(maxlen=_MOST_WAITING)
        self._writing = threading.Lock()
        self._background = WorkerThread("answer cache", self.write_waiting, _PAUSE_S)
        # the share of answers that were there when Redis was asked, of late
        self._found = 1.0
        self._passed_over = 0

    def read(self, key: str) -> Any:
        """Return what is under a key, None where nothing is or where it was not worth asking."""
        if self._found < _WORTH and self._passed_over < _ONE_IN - 1:
            self._passed_over += 1
            return None
        self._passed_over = 0
        try:
            entry = self._store.ask(lambda: cache.get(key))
        except RedisUnavailable:
            return None
        self._found += ((entry is not None) - self._found) * _NEW
        return entry

    def write_soon(self, key: str, entry: Entry) -> None:
        """Keep an entry, in a moment; where Redis is slower than answers come, the oldest are let go."""
        self._waiting.append((key, entry))
        self._background.wake()

    def write_waiting(self) -> None:
        """Write what waits."""
        with self._writing:
            while self._waiting:
                some = dict(self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting))))
                if not self.write(some):
                    # it will not be back within moments, and there is nothing here that cannot be computed again
                    self._waiting.clear()

    def write(self, entries: dict[str, Entry]) -> bool:
        """Write entries by their keys and return whether Redis took all of them."""

        def hand_over() -> int:
            with self._app.app_context():
                return len(cache.set_many(entries))

        try:
            return self._store.ask(hand_over) == len(entries)
        except RedisUnavailable:
            return False
