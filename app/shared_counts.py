"""Where requests are counted for the rate limit: in Redis, and in this process while Redis is away.

Flask-Limiter has a fallback of its own, but a thread that meets a failing Redis while another has just reported it gets
the error instead, as does one whose headers are being written, and every server that hangs is waited for anew.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from limits.storage import MemoryStorage, Storage

from app.redis_store import Away, RedisStore

SCHEME = "ecopredict"
_PREFIX = "ecopredict-limits:"
# Count and time left in one trip. Something else under the key, or a count that would never end, begins anew.
_SCRIPT = """
local count = redis.pcall("incrby", KEYS[1], ARGV[1])
local left = redis.call("pttl", KEYS[1])
if type(count) ~= "number" or left < 0 then
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


class SharedCounts(Storage):
    """A storage of the library ``limits`` that always counts.

    Parameters
    ----------
    uri : str
        As the library wants it; says nothing.
    store : RedisStore
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 (the library reads it as it makes the class)

    def __init__(self, uri: str | None = None, *, store: RedisStore, wrap_exceptions: bool = False) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._store = store
        self._here = MemoryStorage()
        # A request is counted and its headers are written by one thread: what the counting learned is not asked again.
        self._last = threading.local()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what the library may wrap."""
        return Away

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a request and return how many there were."""
        try:
            counted = self._store.ask(lambda: self._count(key, expiry, amount))
        except Away:
            count = self._here.incr(key, expiry, amount)
            counted = _Counted(key, count, self._here.get_expiry(key))
        self._last.counted = counted
        return counted.count

    def get(self, key: str) -> int:
        """Return how many requests this thread knows of."""
        counted = self._known(key)
        return counted.count if counted else self._here.get(key)

    def get_expiry(self, key: str) -> float:
        """Return when the count ends, in seconds since 1970."""
        counted = self._known(key)
        return counted.ends if counted else self._here.get_expiry(key)

    def check(self) -> bool:
        """Return True: something always counts."""
        return True

    def reset(self) -> int | None:
        """Forget what is counted in this process."""
        return self._here.reset()

    def clear(self, key: str) -> None:
        """Forget a count of this process."""
        self._here.clear(key)

    def _known(self, key: str) -> _Counted | None:
        counted: _Counted | None = getattr(self._last, "counted", None)
        return counted if counted is not None and counted.key == key else None

    def _count(self, key: str, expiry: int, amount: int) -> _Counted:
        answer: Any = self._store.client().eval(_SCRIPT, 1, _PREFIX + key, amount, 1000 * expiry)
        # bytes unpack to numbers too
        count, left = answer if isinstance(answer, list) else (None, None)
        if type(count) is not int or type(left) is not int or count < amount or not 0 <= left <= 1000 * expiry:
            raise ValueError("not what the script returns")
        return _Counted(key, count, time.time() + left / 1000)
