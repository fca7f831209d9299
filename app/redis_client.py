"""The Redis client of the application, for cached answers and rate limits, with a pause after each failure.

redis-py is imported when a client is made, so that a start without REDIS_URL does not wait for it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol, TypeVar, cast

from flask import Flask

from app.components import components
from app.config.redis_url import RedisUrl, parse
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
T = TypeVar("T")

# In seconds: the longest wait for a server that does not answer.
TIMEOUT = 0.5
# In seconds. A page of thirty species sends thirty commands, and must not wait thirty times for a server that is down.
PAUSE_S = 1.0


class RedisUnavailable(Exception):
    """Redis is paused, did not answer, or sent an unusable answer."""


class Pipeline(Protocol):
    """Commands that are sent together."""

    def set(self, name: str, value: bytes, ex: int | timedelta) -> object:
        """Add a SET."""
        ...

    def execute(self) -> list[object]:
        """Send the commands and return their answers."""
        ...


class Commands(Protocol):
    """The commands that the application uses, of redis-py's clients for a server and for a cluster.

    Answers are untrusted: a server may send any type.
    """

    def ping(self) -> object:
        """Send PING."""
        ...

    def eval(self, script: str, numkeys: int, *keys_and_args: str | int) -> object:
        """Send EVAL."""
        ...

    def getrange(self, key: str, start: int, end: int) -> object:
        """Send GETRANGE."""
        ...

    def delete(self, key: str) -> object:
        """Send DEL."""
        ...

    def exists(self, key: str) -> object:
        """Send EXISTS."""
        ...

    def pipeline(self, transaction: bool) -> Pipeline:
        """Return a pipeline."""
        ...


class RedisClient:
    """A client that connects when it is first used, so that the application starts without Redis.

    Parameters
    ----------
    url : RedisUrl
    """

    def __init__(self, url: RedisUrl) -> None:
        # before gunicorn forks, so that its workers share the module
        from redis.exceptions import ClusterError, ResponseError

        self._response_error, self._cluster_error = ResponseError, ClusterError
        self._url = url
        self._client: Commands | None = None
        self._connecting = threading.Lock()
        self._lock = threading.Lock()
        self._down = False
        self._paused_until = 0.0
        self._failure = ThrottledLog(log)
        self._refusal = ThrottledLog(log)

    def client(self) -> Commands:
        """Return the client. The first call reads the nodes of a cluster."""
        if self._client is None:
            with self._connecting:
                if self._client is None:
                    self._client = connect(self._url)
        return self._client

    def ask(self, command: Callable[[], T]) -> T:
        """Run a command, unless Redis is paused.

        Parameters
        ----------
        command : callable
            Uses the client.

        Returns
        -------
        object
            The result of the command.

        Raises
        ------
        RedisUnavailable
            Redis is paused or failed. While it fails, one thread tries each second and the others do not wait.
        """
        if not self._may_try():
            raise RedisUnavailable
        answered = False
        try:
            result = command()
            answered = True
        except self._response_error as error:
            # A server that refuses a command works, so there is no pause.
            answered = not isinstance(error, self._cluster_error)
            if answered:
                self._refusal.warning("Redis refused a command, answering without it: %s", type(error).__name__)
            else:
                self._warn(error)
            raise RedisUnavailable from None
        except Exception as error:
            # Any exception: the parser of the client raises various ones when another program answers.
            self._warn(error)
            raise RedisUnavailable from None
        finally:
            self._record(answered)
        return result

    def up(self) -> bool:
        """Return whether Redis answers a PING."""
        try:
            return bool(self.ask(lambda: self.client().ping()))
        except RedisUnavailable:
            return False

    def _may_try(self) -> bool:
        if not self._down:
            return True
        with self._lock:
            if self._down and time.monotonic() < self._paused_until:
                return False
            # No other thread tries until this one has a result.
            self._paused_until = math.inf
            return True

    def _record(self, answered: bool) -> None:
        if answered and not self._down:
            return
        with self._lock:
            if answered and self._down:
                log.info("Redis is back")
            self._down = not answered
            self._paused_until = time.monotonic() + PAUSE_S

    def _warn(self, error: Exception) -> None:
        self._failure.warning("Redis unavailable, answering and limiting without it: %s", type(error).__name__)


def init_app(app: Flask) -> None:
    """Add the client, where REDIS_URL is set."""
    url = app.config["SETTINGS"].redis_url
    if url:
        components(app).add(RedisClient(parse(url)))


def connect(url: RedisUrl) -> Commands:
    """Return a client of redis-py that does not retry, because every caller can do without Redis."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.cluster import ClusterNode, RedisCluster
    from redis.retry import Retry
    from redis.sentinel import Sentinel

    def once() -> Retry:
        return Retry(NoBackoff(), 0)

    # Every server and proxy supports version 2 of the protocol.
    common: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "protocol": 2}
    if url.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in url.hosts]  # type: ignore[no-untyped-call]  # redis-py
        return cast("Commands", RedisCluster(startup_nodes=nodes, retry=once(), **common, **url.options))
    if url.kind == "sentinel":
        sentinels = Sentinel(  # type: ignore[no-untyped-call]  # redis-py
            url.hosts,
            sentinel_kwargs={**common, "retry": once(), **url.sentinel_options},
            retry=once(),
            **common,
            **url.options,
        )
        # Reads go to the primary too: a replica may not have the latest answers.
        return cast("Commands", sentinels.master_for(url.service))  # type: ignore[no-untyped-call]  # redis-py
    server: dict[str, Any] = {}
    if url.hosts:
        server["host"], server["port"] = url.hosts[0]
    return cast("Commands", Redis(retry=once(), **server, **common, **url.options))
