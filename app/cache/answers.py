"""The cache of computed answers: in this process and, where there is one, in Redis.

The process layer stores validated answers, so that a hit costs neither JSON nor validation. Entries read from Redis are
untrusted and validated before use. A request never fails because of a cache.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar, cast

from cachetools import TLRUCache
from flask import Flask
from orjson import Fragment

from app.cache.in_redis import Entry, SharedAnswers
from app.components import component, components
from app.redis_client import RedisClient
from app.telemetry.logs import note
from app.telemetry.metrics import counters
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)


class Value(Protocol):
    """A value of the cache."""

    @property
    def text(self) -> bytes:
        """Return the value as JSON."""
        ...


T = TypeVar("T", bound=Value)
Layer = Literal["process", "redis", "none"]
# An answer with twelve predictors, its key and its entry take about 6 kB: 30 MB for each worker.
_MAX_ENTRIES = 5_000
_malformed = ThrottledLog(log)


@dataclass(frozen=True)
class _Expiring:
    value: Value
    #: In seconds of ``time.monotonic``.
    ends: float


@dataclass
class AnswersInProcess:
    """The layer of this process.

    Attributes
    ----------
    seconds : int
        How long a value is stored at most.
    entries : TLRUCache
        Each entry has its own end: one that was read from Redis ends when it ends there.
    lock : Lock
        cachetools leaves locking to its users.
    """

    seconds: int
    entries: TLRUCache[str, _Expiring] = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.entries = TLRUCache(_MAX_ENTRIES, lambda _key, entry, _now: entry.ends)

    def get(self, key: str) -> Value | None:
        """Return a value that has not expired."""
        with self.lock:
            entry = self.entries.get(key)
        return entry.value if entry is not None else None

    def put(self, key: str, value: Value, seconds: float) -> None:
        """Store a value for a time, at most for ``self.seconds``."""
        entry = _Expiring(value, time.monotonic() + min(seconds, self.seconds))
        with self.lock:
            self.entries[key] = entry


def init_app(app: Flask) -> None:
    """Create the layers."""
    seconds = app.config["SETTINGS"].cache_ttl
    parts = components(app)
    parts.add(AnswersInProcess(seconds))
    store = parts.find(RedisClient)
    if store is not None:
        parts.add(SharedAnswers(app, store, seconds))


def get(key: str, read: Callable[[object], T]) -> T | None:
    """Return the value of a key.

    Parameters
    ----------
    key : str
    read : callable
        Validates the value of an entry in Redis and returns it as a ``Value``, or raises ValueError.

    Returns
    -------
    Value or None
    """
    value, layer = _find(key, read)
    counters().cache[layer].inc()
    note(cache=layer)
    return value


def put(key: str, value: Value) -> None:
    """Store a value for CACHE_TTL seconds: at once in this process, a moment later in Redis."""
    entry, shared = _put_in_process(key, value), _shared()
    if shared is not None:
        shared.write_soon(key, entry)


def put_now(key: str, value: Value) -> bool:
    """Store a value for CACHE_TTL seconds, and return whether it is stored in Redis too."""
    entry, shared = _put_in_process(key, value), _shared()
    return shared is not None and shared.write({key: entry})


def shared_for() -> int | None:
    """Return for how many seconds other processes find a value, or None without Redis."""
    return _process().seconds if _shared() is not None else None


def state() -> Literal["in process", "up", "down"]:
    """Return the state of the shared layer; ``in process`` where there is none."""
    store = components().find(RedisClient)
    if store is None:
        return "in process"
    return "up" if store.up() else "down"


def _find(key: str, read: Callable[[object], T]) -> tuple[T | None, Layer]:
    process = _process()
    cached = process.get(key)
    if cached is not None:
        # The key of a value determines its type.
        return cast("T", cached), "process"
    shared = _shared()
    entry = shared.read(key) if shared is not None else None
    if entry is None:
        return None, "none"
    try:
        # The entry repeats its key: a client that is out of step reads the entry of another key.
        if not isinstance(entry, dict) or entry.get("key") != key or not isinstance(entry.get("until"), int | float):
            raise ValueError
        # Redis still returns an expired entry where its clock was set back or this one is ahead.
        left = entry["until"] - time.time()
        if left <= 0:
            return None, "none"
        value = read(entry.get("answer"))
    except ValueError:
        _malformed.warning("ignored a malformed cache entry")
        return None, "none"
    # No longer than in Redis and, where the clocks of two hosts differ, no longer than CACHE_TTL.
    process.put(key, value, left)
    return value, "redis"


def _put_in_process(key: str, value: Value) -> Entry:
    """Store a value in this process, and return its entry for Redis."""
    process = _process()
    process.put(key, value, process.seconds)
    return {"key": key, "until": time.time() + process.seconds, "answer": Fragment(value.text)}


def _process() -> AnswersInProcess:
    return component(AnswersInProcess)


def _shared() -> SharedAnswers | None:
    return components().find(SharedAnswers)
