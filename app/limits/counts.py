"""Request counts for the rate limits: in Redis, or in this process without Redis and while Redis is unavailable.

Windows end by the monotonic clock. With the wall clock a client that has used up its limit would wait for a day when
the clock is set back by a day.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from flask import g
from limits.storage import Storage

from app.redis_client import RedisClient, RedisUnavailable

SCHEME = "ecopredict"
_PREFIX = "ecopredict-limits:"
# With fewer windows than this, expired ones are not worth a search.
_FEW = 1000
# Counts and reads the time left in one round trip. A new window begins where the key holds another type or no number,
# has no expiry, or expires later than a window lasts, which happens when the clock of the server is set back.
_SCRIPT = """
local count = redis.pcall("incr", KEYS[1])
local left = redis.call("pttl", KEYS[1])
if type(count) ~= "number" or left < 0 or left > tonumber(ARGV[1]) then
  count = 1
  left = tonumber(ARGV[1])
  redis.call("set", KEYS[1], count, "px", left)
end
return {count, left}
"""


@dataclass(frozen=True)
class Window:
    """The current window of a limit for one client.

    Attributes
    ----------
    count : int
        Requests in this window so far.
    ends : float
        When the window ends, in seconds of ``time.monotonic``.
    """

    count: int
    ends: float


class LocalCounts:
    """Request counts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, Window] = {}
        self._search_beyond = _FEW

    def hit(self, key: str, seconds: int) -> Window:
        """Count a request and return the window it falls in."""
        now = time.monotonic()
        with self._lock:
            window = self._windows.get(key)
            if window is None or window.ends <= now:
                window = Window(0, now + seconds)
            window = self._windows[key] = Window(window.count + 1, window.ends)
            if len(self._windows) > self._search_beyond:
                # The limit doubles, so that a flood of addresses does not cause a search for each request.
                self._windows = {each: one for each, one in self._windows.items() if one.ends > now}
                self._search_beyond = 2 * len(self._windows) + _FEW
        return window

    def clear(self, key: str | None = None) -> int:
        """Delete one count or all, and return how many there were."""
        with self._lock:
            keys = list(self._windows) if key is None else [key]
            return sum(self._windows.pop(each, None) is not None for each in keys)


class RequestCounts(Storage):
    """A storage of the library ``limits`` that is always available.

    Parameters
    ----------
    uri : str
        ``ecopredict://``, from which the library finds this class.
    store : RedisClient, optional
        The Redis in which all instances count together.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 (the library reads the list from the class)

    def __init__(
        self, uri: str | None = None, *, store: RedisClient | None = None, wrap_exceptions: bool = False
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._store = store
        self._local = LocalCounts()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return the exceptions of Redis, which never leave this class."""
        return RedisUnavailable

    def hit(self, key: str, seconds: int) -> Window:
        """Count one request towards a limit.

        Parameters
        ----------
        key : str
            Of the limit and the client.
        seconds : int
            Length of a window.

        Returns
        -------
        Window
            With this request; its count exceeds the limit where the request must be refused.
        """
        return self._hit_redis(key, seconds) or self._local.hit(key, seconds)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a request of the current context and return how many there are."""
        window = self.hit(key, expiry)
        # The headers of the response report this window; reading it again would cost another round trip to Redis.
        g.setdefault("rate_windows", {})[key] = window
        return window.count

    def window(self, key: str) -> Window:
        """Return the window in which the current request was counted."""
        windows: dict[str, Window] = g.get("rate_windows", {})
        return windows.get(key) or Window(0, time.monotonic())

    def get(self, key: str) -> int:
        """Return the count in the window of the current request."""
        return self.window(key).count

    def get_expiry(self, key: str) -> float:
        """Return when the window of the current request ends, in seconds of ``time.time``."""
        return time.time() + self.window(key).ends - time.monotonic()

    def check(self) -> bool:
        """Return True: the storage is always available."""
        return True

    def reset(self) -> int | None:
        """Delete the counts of this process."""
        return self._local.clear()

    def clear(self, key: str) -> None:
        """Delete one count of this process."""
        self._local.clear(key)

    def _hit_redis(self, key: str, seconds: int) -> Window | None:
        """Count in Redis, or return None without Redis and while it is unavailable."""
        store = self._store
        if store is None:
            return None
        try:
            return store.ask(lambda: _run_script(store, key, seconds))
        except RedisUnavailable:
            return None


def _run_script(store: RedisClient, key: str, seconds: int) -> Window:
    """Count in Redis.

    Raises
    ------
    ValueError
        The answer is not one of the script.
    """
    answer: Any = store.client().eval(_SCRIPT, 1, _PREFIX + key, 1000 * seconds)
    # Bytes unpack to numbers too.
    count, left = answer if isinstance(answer, list) else (None, None)
    if type(count) is not int or type(left) is not int or count < 1 or not 0 <= left <= 1000 * seconds:
        raise ValueError("not an answer of the script")
    return Window(count, time.monotonic() + left / 1000)
