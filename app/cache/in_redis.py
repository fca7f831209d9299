"""The cache of computed answers in Redis, shared by all processes.

Entries are untrusted: they are JSON, and no more of an entry is read than an answer can have. A round trip to Redis
takes a good part of the time of a prediction, so no request waits until an answer is written.

Where nearly all answers are new, only one request in sixteen reads from Redis.
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
# In bytes; many times an answer with the largest number of predictors.
_LONGEST = 256 * 1024
# Entries that wait to be written, and how many are written at a time.
_MAX_WAITING, _BATCH = 2_000, 100
# Another worker computes the same answer again within this time: cheaper than to wake a thread for each answer.
_PAUSE_S = 0.02
# Below this share of hits, one request in so many reads from Redis.
_WORTH, _ONE_IN = 0.05, 16
# Weight of the latest read in that share: about two hundred misses in a row bring it below.
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
    """The layer in Redis, written by a background thread.

    Parameters
    ----------
    app : Flask
    store : RedisClient
    seconds : int
        How long an entry is stored.
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
        self._waiting: deque[tuple[str, Entry]] = deque(maxlen=_MAX_WAITING)
        self._writing = threading.Lock()
        self._writer = WorkerThread("answer cache", self.write_waiting, _PAUSE_S)
        # share of hits among recent reads
        self._found = 1.0
        self._passed_over = 0

    def read(self, key: str) -> Any:
        """Return the entry of a key, or None where there is none, Redis is unavailable or the read is skipped."""
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
        """Write an entry a moment later. Where Redis is too slow, the oldest entries are dropped."""
        self._waiting.append((key, entry))
        self._writer.wake()

    def write_waiting(self) -> None:
        """Write the entries that wait."""
        with self._writing:
            while self._waiting:
                batch = dict(self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting))))
                if not self.write(batch):
                    # Redis will not be back within moments, and every answer can be computed again.
                    self._waiting.clear()

    def write(self, entries: dict[str, Entry]) -> bool:
        """Write entries by their keys, and return whether Redis stored all of them."""

        def set_many() -> int:
            with self._app.app_context():
                return len(cache.set_many(entries))

        try:
            return self._store.ask(set_many) == len(entries)
        except RedisUnavailable:
            return False
