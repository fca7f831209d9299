"""Request counts for the rate limits: in Redis, or in this process without Redis and while Redis is unavailable.

Windows end by the monotonic clock. With the wall clock a client that has used up its limit would wait for a day when
the clock is set back by a day.

Each count in Redis costs a round trip. Where the limit is high, a process reserves a fiftieth of the rest of the limit
at a time and counts the reservation down on its own. While Redis keeps its keys, the limit is never exceeded by
requests that cost 1. A client can miss the requests that other processes reserved and did not use: a fiftieth at most
for each of their threads that asked Redis at the same time.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from limits import RateLimitItem
from limits.storage import Storage

from app.redis_client import RedisClient, RedisUnavailable

SCHEME = "ecopredict"
_PREFIX = "ecopredict-limits:"
# With fewer windows than this, expired ones are not worth a search.
_FEW = 1000
# A process reserves the rest of a limit divided by this number. Limits below twice this number are counted one by one.
_PARTS = 50
# Redis rounds the time left to milliseconds.
_ROUNDED_S = 0.002
# Counts and reads the time left in one round trip. A new window begins where the key holds another type or no number,
# has no expiry, or expires later than a window lasts, which happens when the clock of the server is set back.
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
class Window:
    """The current window of a limit for one client.

    Attributes
    ----------
    count : int
        Requests in this window so far.
    ends : float
        When the window ends at the latest, in seconds of ``time.monotonic``.
    uncertainty : float
        Seconds by which it may end earlier: as long as the answer of Redis took.
    """

    count: int
    ends: float
    uncertainty: float = 0.0


class _Expiring(Protocol):
    @property
    def ends(self) -> float: ...


_Entry = TypeVar("_Entry", bound=_Expiring)


class _ExpiringEntries(Generic[_Entry]):
    """Entries by key until they end. The caller holds the lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._limit = _FEW

    def get(self, key: str, now: float) -> _Entry | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry.ends > now else None

    def put(self, key: str, entry: _Entry, now: float) -> None:
        self._entries[key] = entry
        if len(self._entries) > self._limit:
            # The limit doubles, so that a flood of addresses does not cause a search for each request.
            self._entries = {each: one for each, one in self._entries.items() if one.ends > now}
            self._limit = 2 * len(self._entries) + _FEW

    def delete(self, key: str | None = None) -> int:
        keys = list(self._entries) if key is None else [key]
        return sum(self._entries.pop(each, None) is not None for each in keys)


class LocalCounts:
    """Request counts of this process."""

    def __init__(self) -> None:
        self._windows: _ExpiringEntries[Window] = _ExpiringEntries()

    def hit(self, key: str, seconds: int, amount: int = 1) -> Window:
        """Count requests and return the window they fall in."""
        now = time.monotonic()
        with self._windows.lock:
            current = self._windows.get(key, now)
            window = Window(amount, now + seconds) if current is None else Window(current.count + amount, current.ends)
            self._windows.put(key, window, now)
        return window

    def find(self, key: str) -> Window:
        """Return the current window of a key."""
        now = time.monotonic()
        with self._windows.lock:
            return self._windows.get(key, now) or Window(0, now)

    def delete(self, key: str | None = None) -> int:
        """Delete one window or all, and return how many there were."""
        with self._windows.lock:
            return self._windows.delete(key)


@dataclass
class _Lot:
    """The reservation of a process: counts up to ``top``, of which ``left`` are unused.

    The end of its window is known within some time. The reservation ends at the earliest end, because it pays for no
    request of the next window. Clients are told the latest end, before which they may be refused.
    """

    top: int
    left: int
    ends: float
    latest_end: float


class _Lots:
    """The reservations of this process."""

    def __init__(self) -> None:
        self._lots: _ExpiringEntries[_Lot] = _ExpiringEntries()

    def take(self, key: str, limit: int, cost: int) -> Window | int:
        """Return a count from the reservation, or how much to reserve."""
        now = time.monotonic()
        with self._lots.lock:
            lot = self._lots.get(key, now)
            if lot is None:
                return max(limit // _PARTS, cost)
            if lot.left >= cost:
                lot.left -= cost
                return Window(lot.top - lot.left, lot.latest_end)
            if lot.top >= limit:
                # Counts only rise until the window ends. What is left pays for a request that costs more.
                left, lot.left = lot.left, 0
                return Window(limit if left else limit + cost + 1, lot.latest_end)
            return max(1, (limit - lot.top) // _PARTS, cost - lot.left)

    def add(self, key: str, window: Window, amount: int, limit: int, cost: int) -> Window:
        """Store a reservation and take from it; return a count above the limit where the limit was used up."""
        granted = max(0, min(amount, limit - (window.count - amount)))
        top = min(window.count, limit)
        # The window ends between these times: when Redis was asked and when it had answered, plus the time left.
        earliest, latest = window.ends - window.uncertainty, window.ends
        with self._lots.lock:
            now = time.monotonic()
            if earliest <= now:
                # The window may have ended: nothing but this request is taken from the reservation.
                return Window(top - granted + cost, latest) if granted else Window(limit + cost + 1, latest)
            lot = self._lots.get(key, now)
            rest = 0
            if lot is not None and earliest < lot.latest_end + _ROUNDED_S and lot.ends < latest + _ROUNDED_S:
                # Another thread made a reservation in the same window, perhaps a later one. Otherwise Redis has lost
                # the key or its clock was set, and the reservation is of a window that is no more.
                rest, top = lot.left, max(top, lot.top)
                earliest, latest = max(earliest, lot.ends), min(latest, lot.latest_end)
            left = max(0, rest + granted - cost)
            self._lots.put(key, _Lot(top, left, earliest, latest), now)
        return Window(top - left if rest + granted else limit + cost + 1, latest)


class RequestCounts(Storage):
    """A storage of the library ``limits`` that always counts.

    Parameters
    ----------
    uri : str
        Required by the library, unused.
    store : RedisClient, optional
        The Redis in which all instances count together.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 (the library reads it when the class is created)

    def __init__(
        self, uri: str | None = None, *, store: RedisClient | None = None, wrap_exceptions: bool = False
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._store = store
        self._local = LocalCounts()
        self._lots = _Lots()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return the exceptions that the library may wrap."""
        return RedisUnavailable

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count requests and return the new count."""
        return (self._hit_redis(key, expiry, amount) or self._local.hit(key, expiry, amount)).count

    def get(self, key: str) -> int:
        """Return the count of this process."""
        return self._local.find(key).count

    def get_expiry(self, key: str) -> float:
        """Return when the window of this process ends, in seconds of ``time.monotonic``."""
        return self._local.find(key).ends

    def check(self) -> bool:
        """Return True: the counts of this process are always available."""
        return True

    def reset(self) -> int | None:
        """Delete the counts of this process."""
        return self._local.delete()

    def clear(self, key: str) -> None:
        """Delete one count of this process."""
        self._local.delete(key)

    def hit(self, item: RateLimitItem, address: str, cost: int = 1) -> Window:
        """Count the cost of a request of a client towards a limit.

        Parameters
        ----------
        item : RateLimitItem
            The limit.
        address : str
            Address of the client.
        cost : int

        Returns
        -------
        Window
            With this cost. Where the limit was used up before, its count without this cost is above the limit or,
            for a cost of 1, reaches it.
        """
        key, seconds, limit = item.key_for(address), item.get_expiry(), item.amount
        in_lots = self._store is not None and limit >= 2 * _PARTS
        taken = self._lots.take(key, limit, cost) if in_lots else cost
        if isinstance(taken, Window):
            return taken
        window = self._hit_redis(key, seconds, taken)
        if window is None:
            return self._local.hit(key, seconds, cost)
        return self._lots.add(key, window, taken, limit, cost) if in_lots else window

    def _hit_redis(self, key: str, seconds: int, amount: int) -> Window | None:
        """Count in Redis, or return None without Redis and while it is unavailable."""
        store = self._store
        if store is None:
            return None
        try:
            return store.ask(lambda: _run_script(store, key, seconds, amount))
        except RedisUnavailable:
            return None


def _run_script(store: RedisClient, key: str, seconds: int, amount: int) -> Window:
    """Count in Redis.

    Raises
    ------
    ValueError
        The answer is not one of the script.
    """
    asked = time.monotonic()
    answer: Any = store.client().eval(_SCRIPT, 1, _PREFIX + key, amount, 1000 * seconds)
    # Bytes unpack to numbers too.
    count, left = answer if isinstance(answer, list) else (None, None)
    if type(count) is not int or type(left) is not int or count < amount or not 0 <= left <= 1000 * seconds:
        raise ValueError("not an answer of the script")
    answered = time.monotonic()
    return Window(count, answered + left / 1000, answered - asked)
