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
from typing import Any, Literal, TypeVar

from cachelib.serializers import BaseSerializer
from cachetools import TLRUCache
from flask import Flask, current_app
from flask_caching.backends import RedisCache
from orjson import JSONDecodeError, dumps, loads
from pydantic import BaseModel

from app.extensions import cache
from app.logs import note
from app.observability import counters
from app.redis_store import Away, RedisStore
from app.seldom import Seldom

log = logging.getLogger(__name__)
T = TypeVar("T", bound=BaseModel)
Layer = Literal["process", "redis", "none"]
_NAME = "answer_cache"
# An answer takes 6 kB with four predictors: this is 30 MB a worker.
_KEPT = 5_000
_PREFIX = "ecopredict:"
# Many times an answer with as many predictors as a query may have.
_LONGEST = 256 * 1024
_malformed = Seldom(log)


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
        return cls(_Lazy(app.extensions["redis_store"]), key_prefix=config["CACHE_KEY_PREFIX"], **kwargs)

    def get(self, key: str) -> Any:
        """Return a value, or None where there is none; ValueError where it is not JSON or too long."""
        found = self._read_client.getrange(self._get_prefix() + key, 0, _LONGEST)
        if found in (b"", None):
            return None
        if not isinstance(found, bytes) or len(found) > _LONGEST:
            raise _Malformed
        try:
            return self.serializer.loads(found)
        except (JSONDecodeError, RecursionError):
            raise _Malformed from None


class _Malformed(Exception):
    """What Redis holds is no answer of ours; it was asked and it answered."""


class _Lazy:
    """A client that is made at the first command."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.client(), name)


@dataclass(frozen=True)
class _Entry:
    value: BaseModel
    #: By this process' steady clock.
    ends: float


@dataclass
class _Process:
    """The layer in this process; cachetools leaves locking to its users."""

    seconds: int
    entries: TLRUCache[str, _Entry] = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.entries = TLRUCache(_KEPT, lambda _key, entry, _now: entry.ends)

    def get(self, key: str) -> BaseModel | None:
        with self.lock:
            entry = self.entries.get(key)
        return entry.value if entry is not None else None

    def put(self, key: str, value: BaseModel, seconds: float) -> None:
        entry = _Entry(value, time.monotonic() + min(seconds, self.seconds))
        with self.lock:
            self.entries[key] = entry


def init_app(app: Flask) -> None:
    """Make the layers."""
    seconds = app.config["SETTINGS"].cache_ttl
    app.extensions[_NAME] = _Process(seconds)
    if _store(app) is None:
        return
    config: dict[str, Any] = {
        "CACHE_TYPE": f"{__name__}.{Backend.__name__}",
        "CACHE_DEFAULT_TIMEOUT": seconds,
        "CACHE_KEY_PREFIX": _PREFIX,
        "CACHE_SERIALIZER": JsonSerializer,
    }
    cache.init_app(app, config)
    if not isinstance(app.extensions["cache"][cache].serializer, JsonSerializer):
        raise RuntimeError("the answer cache must write JSON")


def get(key: str, read: Callable[[Any], T]) -> T | None:
    """Return what is kept under a key.

    Parameters
    ----------
    key : str
    read : callable
        Checks what Redis held and returns the answer, or raises ValueError.

    Returns
    -------
    pydantic.BaseModel or None
    """
    value, layer = _find(key, read)
    counters().cache[layer].inc()
    note(cache=layer)
    return value


def put(key: str, value: BaseModel) -> bool:
    """Keep an answer for CACHE_TTL seconds, and return whether Redis has it too."""
    here = _process()
    here.put(key, value, here.seconds)
    store = _store(current_app)
    if store is None:
        return False
    entry = {"key": key, "until": time.time() + here.seconds, "answer": value.model_dump(mode="json")}
    try:
        return bool(store.ask(lambda: cache.set(key, entry)))
    except Away:
        return False


def shared_for() -> int | None:
    """Return for how many seconds an answer is kept where other processes find it; None where there is no Redis."""
    return _process().seconds if _store(current_app) is not None else None


def state() -> Literal["in process", "up", "down"]:
    """Return how the shared layer is doing; ``in process`` where there is none."""
    store = _store(current_app)
    if store is None:
        return "in process"
    return "up" if store.up() else "down"


def _find(key: str, read: Callable[[Any], T]) -> tuple[T | None, Layer]:
    here = _process()
    value = here.get(key)
    if value is not None:
        return value, "process"  # type: ignore[return-value]
    store = _store(current_app)
    if store is None:
        return None, "none"
    try:
        entry = store.ask(lambda: _fetch(key))
    except Away:
        return None, "none"
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


def _fetch(key: str) -> Any:
    try:
        return cache.get(key)
    except _Malformed:
        # the server did its part: it must not be left alone for this
        return {}


def _process() -> _Process:
    return current_app.extensions[_NAME]


def _store(app: Flask) -> RedisStore | None:
    return app.extensions["redis_store"]
