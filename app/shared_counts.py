"""Where requests are counted for the rate limit: in Redis, and in this process where there is none or while it is away.

Flask-Limiter has a fallback of its own, but a thread that meets a failing Redis while another has just reported it gets
the error instead, as does one whose headers are being written, and every server that hangs is waited for anew. Its
counts in memory end by the wall clock: where that is put back by a day, who has used up a second's requests waits for a
day. Here all moments are of the steady clock, ``time.monotonic``.

A trip to Redis for each request is the price of counting together. Where the limit is high, a process takes a fiftieth
of what is left of it at a time and counts that down by itself: never more are let through than the limit, and an
address that asks through one of two processes alone may miss the few requests that the other had taken.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from limits.storage import Storage

from app.redis_store import Away, RedisStore

SCHEME = "ecopredict"
_PREFIX = "ecopredict-limits:"
# below this many addresses it is not worth looking which counts have ended
_FEW = 1000
# the part of what is left of a limit that a process takes at a time; limits below twice that are counted one by one
_PARTS = 50
# one window's end, heard twice, differs by what the trips took
_SAME_S = 0.1
# Count and time left in one trip. Something else under the key, or a count that would never end or, the server's clock
# having been put back, not for longer than a window lasts, begins anew.
_SCRIPT = """
local count = redis.pcall("incrby", KEYS[1], ARGV[1])
local left = redis.call("pttl", KEYS[1])
if type(count) ~= "number" or left < 0 or left > tonumber(ARGV[2]) then
  count = tonumber(ARGV[1])
  left = tonumber(ARGV[2])
  redis.call("set", KEYS[1], count, "px", left)
end
return {count, left}
"""


@dataclass(frozen=True)
class _Counted:
    key: str
    count: int
    ends: float


class _Here:
    """Counts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, _Counted] = {}
        self._tidy_beyond = _FEW

    def count(self, key: str, expiry: int, amount: int) -> _Counted:
        now = time.monotonic()
        with self._lock:
            known = self._counts.get(key)
            if known is None or known.ends <= now:
                counted = _Counted(key, amount, now + expiry)
            else:
                counted = _Counted(key, known.count + amount, known.ends)
            self._counts[key] = counted
            if len(self._counts) > self._tidy_beyond:
                # each time twice as many, so that a flood of addresses is not looked through again and again
                self._counts = {each: one for each, one in self._counts.items() if one.ends > now}
                self._tidy_beyond = 2 * len(self._counts) + _FEW
        return counted

    def find(self, key: str) -> _Counted:
        now = time.monotonic()
        with self._lock:
            known = self._counts.get(key)
        return known if known is not None and known.ends > now else _Counted(key, 0, now)

    def forget(self, key: str | None = None) -> int:
        with self._lock:
            gone = list(self._counts) if key is None else [key]
            return sum(self._counts.pop(each, None) is not None for each in gone)


@dataclass
class _Lease:
    """What a process took of a limit: counts up to ``top``, of which some are left."""

    top: int
    left: int
    ends: float


class _Leases:
    """What this process took of limits, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[str, _Lease] = {}
        self._tidy_beyond = _FEW

    def take(self, key: str, limit: int) -> tuple[_Counted | None, int]:
        """Return a count from what was taken, or None and how much to take."""
        now = time.monotonic()
        with self._lock:
            lease = self._leases.get(key)
            if lease is None or lease.ends <= now:
                return None, limit // _PARTS
            if lease.left:
                lease.left -= 1
                return _Counted(key, lease.top - lease.left, lease.ends), 0
            if lease.top >= limit:
                # counts only rise until the window ends
                return _Counted(key, limit + 1, lease.ends), 0
            return None, max(1, (limit - lease.top) // _PARTS)

    def add(self, counted: _Counted, amount: int, limit: int) -> _Counted:
        """Keep what was taken, and return the first count of it; one above the limit where that was used up."""
        granted = min(amount, limit - (counted.count - amount))
        now = time.monotonic()
        with self._lock:
            known = self._leases.get(counted.key)
            # another thread may have taken some of the same window at the same time
            same = known is not None and now < known.ends and counted.ends < known.ends + _SAME_S
            rest = known.left if known is not None and same else 0
            left = rest + max(0, granted - 1)
            self._leases[counted.key] = _Lease(min(counted.count, limit), left, counted.ends)
            if len(self._leases) > self._tidy_beyond:
                self._leases = {key: one for key, one in self._leases.items() if one.ends > now}
                self._tidy_beyond = 2 * len(self._leases) + _FEW
        count = counted.count - amount + 1 if granted > 0 else limit + 1
        return _Counted(counted.key, count, counted.ends)


class SharedCounts(Storage):
    """A storage of the library ``limits`` that always counts.

    Parameters
    ----------
    uri : str
        As the library wants it; says nothing.
    store : RedisStore, optional
        Where all instances count together.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 (the library reads it as it makes the class)

    def __init__(
        self, uri: str | None = None, *, store: RedisStore | None = None, wrap_exceptions: bool = False
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._store = store
        self._here = _Here()
        self._leases = _Leases()
        # A request is counted and its headers are written by one thread: what the counting learned is not asked again.
        self._last = threading.local()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what the library may wrap."""
        return Away

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a request and return how many there were."""
        self._last.counted = counted = self._shared(key, expiry, amount) or self._here.count(key, expiry, amount)
        return counted.count

    def take(self, key: str, limit: int, seconds: int) -> tuple[int, float]:
        """Count one request towards a limit, with others of this process where the limit is high.

        Parameters
        ----------
        key : str
        limit : int
            How many there may be in a window.
        seconds : int
            How long a window is.

        Returns
        -------
        (int, float)
            How many there were, more than the limit where this one is too many; when the window ends, by the steady
            clock.
        """
        counted, amount = self._leases.take(key, limit) if limit >= 2 * _PARTS and self._store else (None, 1)
        if counted is None:
            counted = self._shared(key, seconds, amount)
            if counted is None:
                counted = self._here.count(key, seconds, 1)
            elif amount > 1 or limit >= 2 * _PARTS:
                counted = self._leases.add(counted, amount, limit)
        return counted.count, counted.ends

    def get(self, key: str) -> int:
        """Return how many requests this thread knows of."""
        return self._known(key).count

    def get_expiry(self, key: str) -> float:
        """Return when the count ends, by the steady clock."""
        return self._known(key).ends

    def check(self) -> bool:
        """Return True: something always counts."""
        return True

    def reset(self) -> int | None:
        """Forget what is counted in this process."""
        return self._here.forget()

    def clear(self, key: str) -> None:
        """Forget a count of this process."""
        self._here.forget(key)

    def _known(self, key: str) -> _Counted:
        counted: _Counted | None = getattr(self._last, "counted", None)
        return counted if counted is not None and counted.key == key else self._here.find(key)

    def _shared(self, key: str, expiry: int, amount: int) -> _Counted | None:
        store = self._store
        if store is None:
            return None
        try:
            return store.ask(lambda: self._count(store, key, expiry, amount))
        except Away:
            return None

    def _count(self, store: RedisStore, key: str, expiry: int, amount: int) -> _Counted:
        answer: Any = store.client().eval(_SCRIPT, 1, _PREFIX + key, amount, 1000 * expiry)
        # bytes unpack to numbers too
        count, left = answer if isinstance(answer, list) else (None, None)
        if type(count) is not int or type(left) is not int or count < amount or not 0 <= left <= 1000 * expiry:
            raise ValueError("not what the script returns")
        return _Counted(key, count, time.monotonic() + left / 1000)
