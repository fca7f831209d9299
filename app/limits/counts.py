"""Where requests are counted for the rate limit: in Redis, and in this process where there is none or while it is away.

Flask-Limiter has a fallback of its own, but a thread that meets a failing Redis while another has just reported it gets
the error instead, as does one whose headers are being written, and every server that hangs is waited for anew. Its
counts in memory end by the wall clock: where that is put back by a day, who has used up a second's requests waits for a
day. Here all moments are of the steady clock, ``time.monotonic``.

A trip to Redis for each request is the price of counting together. Where the limit is high, a process takes a fiftieth
of what is left of it at a time and counts that down by itself: never more are let through than the limit, and an
address may miss what other processes took and do not use, a fiftieth each at most.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from limits.storage import Storage

from app.redis_client import RedisClient, RedisUnavailable

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
    count: int
    ends: float


class _Ends(Protocol):
    @property
    def ends(self) -> float: ...


_Entry = TypeVar("_Entry", bound=_Ends)


class _Kept(Generic[_Entry]):
    """Entries by address until they end; who uses them holds the lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._tidy_beyond = _FEW

    def get(self, key: str, now: float) -> _Entry | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry.ends > now else None

    def put(self, key: str, entry: _Entry, now: float) -> None:
        self._entries[key] = entry
        if len(self._entries) > self._tidy_beyond:
            # each time twice as many, so that a flood of addresses is not looked through again and again
            self._entries = {each: one for each, one in self._entries.items() if one.ends > now}
            self._tidy_beyond = 2 * len(self._entries) + _FEW

    def forget(self, key: str | None = None) -> int:
        gone = list(self._entries) if key is None else [key]
        return sum(self._entries.pop(each, None) is not None for each in gone)


class LocalCounts:
    """Counts of this process."""

    def __init__(self) -> None:
        self._kept: _Kept[_Counted] = _Kept()

    def count(self, key: str, expiry: int, amount: int) -> _Counted:
        """Add to the count of an address."""
        now = time.monotonic()
        with self._kept.lock:
            known = self._kept.get(key, now)
            counted = _Counted(amount, now + expiry) if known is None else _Counted(known.count + amount, known.ends)
            self._kept.put(key, counted, now)
        return counted

    def find(self, key: str) -> _Counted:
        """Return the count of an address."""
        now = time.monotonic()
        with self._kept.lock:
            return self._kept.get(key, now) or _Counted(0, now)

    def forget(self, key: str | None = None) -> int:
        """Delete one count or all, and return how many there were."""
        with self._kept.lock:
            return self._kept.forget(key)


@dataclass
class _Lot:
    """What a process took of a limit: counts up to ``top``, of which some are left."""

    top: int
    left: int
    ends: float


class _Lots:
    """What this process took of limits."""

    def __init__(self) -> None:
        self._kept: _Kept[_Lot] = _Kept()

    def take(self, key: str, limit: int) -> _Counted | int:
        """Return a count from what was taken, or how much to take."""
        now = time.monotonic()
        with self._kept.lock:
            lot = self._kept.get(key, now)
            if lot is None:
                return limit // _PARTS
            if lot.left:
                lot.left -= 1
                return _Counted(lot.top - lot.left, lot.ends)
            if lot.top >= limit:
                # counts only rise until the window ends
                return _Counted(limit + 1, lot.ends)
            return max(1, (limit - lot.top) // _PARTS)

    def add(self, key: str, counted: _Counted, amount: int, limit: int) -> _Counted:
        """Keep what was taken, and return the first count of it; one above the limit where that was used up."""
        granted = min(amount, limit - (counted.count - amount))
        now = time.monotonic()
        with self._kept.lock:
            known = self._kept.get(key, now)
            # another thread may have taken some of the same window at the same time
            rest = known.left if known is not None and counted.ends < known.ends + _SAME_S else 0
            lot = _Lot(min(counted.count, limit), rest + max(0, granted - 1), counted.ends)
            self._kept.put(key, lot, now)
        return _Counted(counted.count - amount + 1 if granted > 0 else limit + 1, counted.ends)


class SharedCounts(Storage):
    """A storage of the library ``limits`` that always counts.

    Parameters
    ----------
    uri : str
        As the library wants it; says nothing.
    store : RedisClient, optional
        Where all instances count together.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 (the library reads it as it makes the class)

    def __init__(
        self, uri: str | None = None, *, store: RedisClient | None = None, wrap_exceptions: bool = False
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._store = store
        self._here = LocalCounts()
        self._lots = _Lots()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what the library may wrap."""
        return RedisUnavailable

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a request and return how many there were."""
        return (self._shared(key, expiry, amount) or self._here.count(key, expiry, amount)).count

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
        in_lots = self._store is not None and limit >= 2 * _PARTS
        taken = self._lots.take(key, limit) if in_lots else 1
        if isinstance(taken, int):
            shared = self._shared(key, seconds, taken)
            if shared is None:
                taken = self._here.count(key, seconds, 1)
            else:
                taken = self._lots.add(key, shared, taken, limit) if in_lots else shared
        return taken.count, taken.ends

    def get(self, key: str) -> int:
        """Return how many requests this process counted by itself."""
        return self._here.find(key).count

    def get_expiry(self, key: str) -> float:
        """Return when the count of this process ends, by the steady clock."""
        return self._here.find(key).ends

    def check(self) -> bool:
        """Return True: something always counts."""
        return True

    def reset(self) -> int | None:
        """Forget what is counted in this process."""
        return self._here.forget()

    def clear(self, key: str) -> None:
        """Forget a count of this process."""
        self._here.forget(key)

    def _shared(self, key: str, expiry: int, amount: int) -> _Counted | None:
        store = self._store
        if store is None:
            return None
        try:
            return store.ask(lambda: self._count(store, key, expiry, amount))
        except RedisUnavailable:
            return None

    def _count(self, store: RedisClient, key: str, expiry: int, amount: int) -> _Counted:
        answer: Any = store.client().eval(_SCRIPT, 1, _PREFIX + key, amount, 1000 * expiry)
        # bytes unpack to numbers too
        count, left = answer if isinstance(answer, list) else (None, None)
        if type(count) is not int or type(left) is not int or count < amount or not 0 <= left <= 1000 * expiry:
            raise ValueError("not what the script returns")
        return _Counted(count, time.monotonic() + left / 1000)
