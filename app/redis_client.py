"""The one Redis of an application, for answers and rate limits alike: how it is reached, and a rest when it is away."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask
from redis import Redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import ClusterError, ResponseError
from redis.retry import Retry
from redis.sentinel import Sentinel

from app.components import components
from app.config.redis_url import RedisUrl, parse
from app.throttled_log import ThrottledLog

log = logging.getLogger(__name__)
T = TypeVar("T")

# A server that hangs must cost a request no more than this.
TIMEOUT = 0.5
# A list of thirty species asks thirty times: a server that is away must not be waited for each time.
REST = 1.0


class RedisUnavailable(Exception):
    """Redis was not asked, did not answer, or answered what cannot be used."""


class RedisClient:
    """A client that is made when it is first needed, so that an application starts without its Redis.

    Parameters
    ----------
    url : RedisUrl
    """

    def __init__(self, url: RedisUrl) -> None:
        self._url = url
        self._client: Any = None
        self._making = threading.Lock()
        self._lock = threading.Lock()
        self._down = False
        self._rests_until = 0.0
        self._away = ThrottledLog(log)
        self._refused = ThrottledLog(log)

    def client(self) -> Any:
        """Return the client; a cluster is asked for its nodes as this is first done."""
        if self._client is None:
            with self._making:
                if self._client is None:
                    self._client = connect(self._url)
        return self._client

    def ask(self, question: Callable[[], T]) -> T:
        """Ask, unless Redis rests.

        Parameters
        ----------
        question : callable
            Uses the client and returns what came of it.

        Returns
        -------
        object
            What the question returned.

        Raises
        ------
        RedisUnavailable
            Redis rests or failed. While it fails, one thread tries each second and the others are not kept waiting.
        """
        if not self._may_ask():
            raise RedisUnavailable
        came_back = False
        try:
            answer = question()
            came_back = True
        except ResponseError as error:
            # A server that refuses one command is there; it must not be left alone for that.
            came_back = not isinstance(error, ClusterError)
            if came_back:
                self._refused.warning("Redis refused a command, answering without it: %s", type(error).__name__)
            else:
                self._say_away(error)
            raise RedisUnavailable from None
        except Exception as error:
            # Not narrower: what answers in Redis' place makes the client's parser raise anything at all.
            self._say_away(error)
            raise RedisUnavailable from None
        finally:
            self._settle(came_back)
        return answer

    def up(self) -> bool:
        """Return whether Redis answers."""
        try:
            return bool(self.ask(lambda: self.client().ping()))
        except RedisUnavailable:
            return False

    def _may_ask(self) -> bool:
        if not self._down:
            return True
        with self._lock:
            if self._down and time.monotonic() < self._rests_until:
                return False
            # until this thread knows, no other tries
            self._rests_until = math.inf
            return True

    def _settle(self, came_back: bool) -> None:
        if came_back and not self._down:
            return
        with self._lock:
            if came_back and self._down:
                log.info("Redis is back")
            self._down = not came_back
            self._rests_until = time.monotonic() + REST

    def _say_away(self, error: Exception) -> None:
        self._away.warning("Redis unavailable, answering and limiting without it: %s", type(error).__name__)


def init_app(app: Flask) -> None:
    """Add the client of REDIS_URL, where that is set."""
    url = app.config["SETTINGS"].redis_url
    if url:
        components(app).add(RedisClient(parse(url)))


def connect(url: RedisUrl) -> Any:
    """Return a client of redis-py.

    None retries: the caller has an answer of its own, and a client that tries again keeps a visitor waiting again.
    """
    # The older protocol: every server and proxy speaks it, and nothing here needs more.
    common: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "protocol": 2}
    if url.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in url.hosts]  # type: ignore[no-untyped-call]
        return RedisCluster(startup_nodes=nodes, retry=_once(), **common, **url.options)
    if url.kind == "sentinel":
        sentinels = Sentinel(  # type: ignore[no-untyped-call]
            url.hosts,
            sentinel_kwargs={**common, "retry": _once(), **url.sentinel_options},
            retry=_once(),
            **common,
            **url.options,
        )
        # Answers are read from the primary too: what a replica does not have yet would be computed again.
        return sentinels.master_for(url.service)  # type: ignore[no-untyped-call]
    where: dict[str, Any] = {}
    if url.hosts:
        where["host"], where["port"] = url.hosts[0]
    return Redis(retry=_once(), **where, **common, **url.options)


def _once() -> Retry:
    return Retry(NoBackoff(), 0)
