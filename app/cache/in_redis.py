"""The cache of computed answers in Redis, shared by all processes.

Redis is untrusted. Entries are JSON, signed together with their key by a key that is derived from SECRET_KEY. An entry
without a valid signature counts as absent, and no more of an entry is read than an answer can have.

A round trip to Redis takes a good part of the time of a prediction. So no request waits until an answer is written, and
while nearly no answer is found in Redis, only some requests look for one (decision 032).
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import deque
from datetime import timedelta
from typing import Any

from flask import Flask
from flask_caching.backends.base import BaseCache
from itsdangerous import Signer
from orjson import JSONDecodeError, dumps, loads

from app.components import components
from app.extensions import cache
from app.redis_client import RedisClient, RedisUnavailable
from app.throttled_log import ThrottledLog
from app.worker_thread import WorkerThread

log = logging.getLogger(__name__)
Entry = dict[str, object]
_PREFIX = "ecopredict:"
# In bytes; many times an answer with the largest number of predictors.
_LONGEST = 256 * 1024
# Entries that wait to be written, and how many are written at a time.
_MAX_WAITING, _BATCH = 2_000, 100
# Another worker computes the same answer again within this time: cheaper than to wake a thread for each answer.
_PAUSE_S = 0.02
# Below this share of look-ups that find an entry, one request in so many looks for one.
_WORTHWHILE, _ONE_IN = 0.05, 16
# Weight of the latest look-up in that share: about two hundred misses in a row bring it from 1 below the limit.
_WEIGHT = 1 / 64
# Neither JSON nor a signature contains it.
_SEPARATOR = b"\0"
_unsigned = ThrottledLog(log)


class EntrySigner:
    """Signs entries, so that only processes with the same SECRET_KEY can write one.

    The signature is HMAC-SHA-256 over the key and the content: an entry that was moved under another key is invalid.

    Parameters
    ----------
    secret_key : str
    """

    def __init__(self, secret_key: str) -> None:
        self._signer = Signer(
            secret_key, salt="ecopredict answer cache", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def sign(self, key: str, content: bytes) -> bytes:
        """Return the content with its signature."""
        return content + _SEPARATOR + self._signer.get_signature(_signed_part(key, content))

    def verify(self, key: str, entry: bytes) -> bytes | None:
        """Return the content of an entry, or None where its signature is invalid."""
        content, _, signature = entry.rpartition(_SEPARATOR)
        return content if self._signer.verify_signature(_signed_part(key, content), signature) else None


def _signed_part(key: str, content: bytes) -> bytes:
    # Keys contain no separator, so no other key and content have the same bytes.
    return key.encode() + _SEPARATOR + content


class JsonBackend(BaseCache):
    """A backend of Flask-Caching that stores signed JSON in Redis, so that nothing read from it is executed.

    Parameters
    ----------
    store : RedisClient
    prefix : str
        Begins every key.
    default_timeout : int
        How long a value is stored, in seconds.
    signer : EntrySigner
    """

    def __init__(self, store: RedisClient, prefix: str, default_timeout: int, signer: EntrySigner) -> None:
        super().__init__(default_timeout)
        self._store = store
        self._prefix = prefix
        self._signer = signer

    @classmethod
    def factory(cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> JsonBackend:
        """Return a backend that uses the application's Redis client."""
        store = components(app).get(RedisClient)
        signer = EntrySigner(app.config["SETTINGS"].secret_key)
        return cls(store, config["CACHE_KEY_PREFIX"], config["CACHE_DEFAULT_TIMEOUT"], signer)

    def get(self, key: str) -> Any:
        """Return a value, None where none has a valid signature, or an empty one where the content is not a value."""
        entry = self._store.client().getrange(self._prefix + key, 0, _LONGEST)
        if entry in (b"", None):
            return None
        content = self._signer.verify(key, entry) if isinstance(entry, bytes) and len(entry) <= _LONGEST else None
        # Not an exception: the server works, and the client must not pause because of the content.
        if content is None:
            _unsigned.warning("ignored a cache entry without a valid signature")
            return None
        try:
            return loads(content)
        except (JSONDecodeError, RecursionError):
            return {}

    def set(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        """Store a value, and return whether it is stored."""
        return self.set_many({key: value}, timeout) == [key]

    def set_many(self, mapping: dict[str, Any], timeout: int | timedelta | None = None) -> list[str]:
        """Store values by their keys in one round trip, and return the keys of those that are stored."""
        expiry = self.default_timeout if timeout is None else timeout
        # A cluster has no transactions over several nodes.
        pipeline = self._store.client().pipeline(transaction=False)
        for key, value in mapping.items():
            pipeline.set(self._prefix + key, self._signer.sign(key, dumps(value)), ex=expiry)
        return [key for key, stored in zip(mapping, pipeline.execute(), strict=True) if stored]

    def delete(self, key: str) -> bool:
        """Delete a value, and return whether there was one."""
        return bool(self._store.client().delete(self._prefix + key))

    def has(self, key: str) -> bool:
        """Return whether there is a value."""
        return bool(self._store.client().exists(self._prefix + key))


class HitShare:
    """The share of recent look-ups that found an entry, which decides whether the next look-up is worth its time.

    Threads update it without a lock: a lost update changes the share by less than a sixtieth.
    """

    def __init__(self) -> None:
        self._share = 1.0
        self._skipped = 0

    def worth_a_look(self) -> bool:
        """Return whether to look up the next entry: always, or one time in 16 while nearly nothing is found."""
        if self._share < _WORTHWHILE and self._skipped < _ONE_IN - 1:
            self._skipped += 1
            return False
        self._skipped = 0
        return True

    def record(self, hit: bool) -> None:
        """Record the result of a look-up."""
        self._share += (hit - self._share) * _WEIGHT


class SharedAnswers:
    """The layer in Redis, written by a background thread and read while that saves time.

    Parameters
    ----------
    app : Flask
    store : RedisClient
    seconds : int
        How long an entry is stored.
    """

    def __init__(self, app: Flask, store: RedisClient, seconds: int) -> None:
        config: dict[str, Any] = {
            "CACHE_TYPE": f"{__name__}.{JsonBackend.__name__}",
            "CACHE_DEFAULT_TIMEOUT": seconds,
            "CACHE_KEY_PREFIX": _PREFIX,
        }
        cache.init_app(app, config)
        self._app = app
        self._store = store
        self._waiting: deque[tuple[str, Entry]] = deque(maxlen=_MAX_WAITING)
        self._writing = threading.Lock()
        self._hits = HitShare()
        self._writer = WorkerThread("answer cache", self.write_waiting, _PAUSE_S)

    def read(self, key: str) -> object:
        """Return the entry of a key, or None: there is none, Redis is unavailable, or a look-up is not worthwhile."""
        if not self._hits.worth_a_look():
            return None
        try:
            entry: object = self._store.ask(lambda: cache.get(key))
        except RedisUnavailable:
            return None
        self._hits.record(entry is not None)
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
