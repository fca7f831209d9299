"""Computed answers kept for CACHE_TTL: in this process, behind that in Redis where there is one.

What this process holds is the checked answer itself, so that finding it costs neither JSON nor a schema. What comes
from Redis is text that anyone may have written: it is data, never code, and is checked before it is believed. A request
never fails because of a cache.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from cachetools import TLRUCache
from flask import Flask
from orjson import Fragment

from app.cache.in_redis import SharedAnswers
from app.components import component, components
from app.redis_client import RedisClient
from app.telemetry.logs import note
from app.telemetry.metrics import counters
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)


class Value(Protocol):
    """What can be kept: its text is JSON."""

    @property
    def text(self) -> bytes:
        """Return it."""
        ...


T = TypeVar("T", bound=Value)
Layer = Literal["process", "redis", "none"]
# With twelve predictors an answer, its key and its entry take some 6 kB: this is 30 MB a worker.
_KEPT = 5_000
_malformed = ThrottledLog(log)


@dataclass(frozen=True)
class _Entry:
    value: Value
    #: By this process' steady clock.
    ends: float


@dataclass
class AnswersInProcess:
    """The layer in this process; cachetools leaves locking to its users."""

    seconds: int
    entries: TLRUCache[str, _Entry] = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.entries = TLRUCache(_KEPT, lambda _key, entry, _now: entry.ends)

    def get(self, key: str) -> Value | None:
        """Return a value that has not expired."""
        with self.lock:
            entry = self.entries.get(key)
        return entry.value if entry is not None else None

    def put(self, key: str, value: Value, seconds: float) -> None:
        """Keep a value."""
        entry = _Entry(value, time.monotonic() + min(seconds, self.seconds))
        with self.lock:
            self.entries[key] = entry


def init_app(app: Flask) -> None:
    """Make the layers."""
    seconds = app.config["SETTINGS"].cache_ttl
    parts = components(app)
    parts.add(AnswersInProcess(seconds))
    store = parts.find(RedisClient)
    if store is not None:
        parts.add(SharedAnswers(app, store, seconds))


def get(key: str, read: Callable[[Any], T]) -> T | None:
    """Return what is kept under a key.

    Parameters
    ----------
    key : str
    read : callable
        Checks what Redis held and returns the answer, or raises ValueError.

    Returns
    -------
    Value or None
    """
    value, layer = _find(key, read)
    counters().cache[layer].inc()
    note(cache=layer)
    return value


def put(key: str, value: Value) -> None:
    """Keep an answer for CACHE_TTL seconds: here at once, in Redis in a moment."""
    entry, shared = _keep(key, value), _shared()
    if shared is not None:
        shared.write_soon(key, entry)


def put_now(key: str, value: Value) -> bool:
    """Keep an answer for CACHE_TTL seconds, and return whether Redis has it too."""
    entry, shared = _keep(key, value), _shared()
    return shared is not None and shared.write({key: entry})


def _keep(key: str, value: Value) -> dict[str, Any]:
    here = _process()
    here.put(key, value, here.seconds)
    return {"key": key, "until": time.time() + here.seconds, "answer": Fragment(value.text)}


def shared_for() -> int | None:
    """Return for how many seconds an answer is kept where other processes find it; None where there is no Redis."""
    return _process().seconds if _shared() is not None else None


def state() -> Literal["in process", "up", "down"]:
    """Return how the shared layer is doing; ``in process`` where there is none."""
    store = components().find(RedisClient)
    if store is None:
        return "in process"
    return "up" if store.up() else "down"


def _find(key: str, read: Callable[[Any], T]) -> tuple[T | None, Layer]:
    here = _process()
    value = here.get(key)
    if value is not None:
        return value, "process"  # type: ignore[return-value]
    shared = _shared()
    entry = shared.read(key) if shared is not None else None
    if entry is None:
        return None, "none"
    try:
        # The key is within the entry too: a client that is out of step reads another question's answer.
        if not isinstance(entry, dict) or entry.get("key") != key or not isinstance(entry.get("until"), int | float):
            raise ValueError
        # Redis' clock was put back, or ours is ahead: it is kept anew, for CACHE_TTL from now
        left = entry["until"] - time.time()
        if left <= 0:
            return None, "none"
        found = read(entry.get("answer"))
    except ValueError:
        _malformed.warning("ignored a malformed cache entry")
        return None, "none"
    # not longer than Redis keeps it, nor, where the clocks of two hosts disagree, than CACHE_TTL
    here.put(key, found, left)
    return found, "redis"


def _process() -> AnswersInProcess:
    return component(AnswersInProcess)


def _shared() -> SharedAnswers | None:
    return components().find(SharedAnswers)
