"""The cache of answers: Redis when there is one, otherwise in process; a request never fails because of it."""

from __future__ import annotations

import logging
import time
from typing import Any

from cachelib.serializers import BaseSerializer
from flask import Flask, current_app
from flask_caching.backends import RedisCache, SimpleCache
from orjson import JSONDecodeError, dumps, loads
from redis.exceptions import RedisError

from app.extensions import cache

log = logging.getLogger(__name__)
_UNTIL = "answer_cache_rests_until"
_KEPT = 10_000
_WARN_EVERY = 60.0
# A list of thirty species asks thirty times: a Redis that hangs must not be waited for each time.
_REST = 1.0
_last_warning = 0.0


class JsonSerializer(BaseSerializer):
    """Writes JSON, so that nothing read from a cache is ever executed."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:
        """Return the value as JSON."""
        return dumps(value)

    def loads(self, bvalue: bytes) -> Any:
        """Return the value, or None where the bytes are something else."""
        if bvalue is None:
            return None
        try:
            return loads(bvalue)
        except (JSONDecodeError, TypeError):
            return None


def init_app(app: Flask) -> None:
    """Choose the backend."""
    settings = app.config["SETTINGS"]
    config: dict[str, Any] = {
        "CACHE_TYPE": "flask_caching.backends.SimpleCache",
        "CACHE_THRESHOLD": _KEPT,
        "CACHE_DEFAULT_TIMEOUT": settings.cache_ttl,
        "CACHE_KEY_PREFIX": "ecopredict:",
        "CACHE_SERIALIZER": JsonSerializer,
    }
    if settings.redis_url:
        config |= {
            "CACHE_TYPE": "flask_caching.backends.RedisCache",
            "CACHE_REDIS_URL": settings.redis_url,
            # A Redis that hangs must cost a request no more than this.
            "CACHE_OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        }
    cache.init_app(app, config)
    backend = app.extensions["cache"][cache]
    if not isinstance(backend, RedisCache | SimpleCache) or not isinstance(backend.serializer, JsonSerializer):
        raise RuntimeError("the answer cache must write JSON")


def get(key: str) -> Any:
    """Return what is kept under a key, or None."""
    if _resting():
        return None
    try:
        return cache.get(key)
    except (RedisError, OSError) as error:
        _rest(error)
        return None


def put(key: str, value: Any) -> None:
    """Keep a value for CACHE_TTL seconds."""
    if _resting():
        return
    try:
        cache.set(key, value)
    except (RedisError, OSError) as error:
        _rest(error)


def state() -> str:
    """Return how the cache is doing: ``in process``, ``up`` or ``down``."""
    backend = cache.cache
    if not isinstance(backend, RedisCache):
        return "in process"
    try:
        backend._read_client.ping()
    except (RedisError, OSError):
        return "down"
    return "up"


def _resting() -> bool:
    return time.monotonic() < current_app.extensions.get(_UNTIL, 0.0)


def _rest(error: Exception) -> None:
    """Leave Redis alone for a moment, and say once in a while that it is away, not once a request."""
    global _last_warning
    moment = time.monotonic()
    current_app.extensions[_UNTIL] = moment + _REST
    if moment - _last_warning > _WARN_EVERY or not _last_warning:
        _last_warning = moment
        log.warning("cache unavailable, answering without it: %s", type(error).__name__)
