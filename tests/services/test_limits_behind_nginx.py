"""The rate limit behind the shipped nginx, with two workers that count in one Valkey."""

from __future__ import annotations

import http.client
import itertools
from contextlib import ExitStack
from pathlib import Path

import pytest

from tools import live

_numbers = itertools.count()


@pytest.fixture
def ports(prepared: Path, redis: live.Program, workroom: Path, stack: ExitStack) -> tuple[int, int]:
    """The ports of nginx and of what is behind it."""
    folder = workroom / f"limits-{next(_numbers)}"
    environ = live.copy_site(prepared, folder, RATE_LIMIT="6/hour", TRUSTED_PROXIES="1")
    site = stack.enter_context(live.serving(environ, REDIS_URL=f"redis://127.0.0.1:{redis.port}/0"))
    front = stack.enter_context(live.nginx(folder / "nginx", site.program.port))
    return front.port, site.program.port


def _ask(port: int, client: str, **headers: str) -> http.client.HTTPResponse:
    """Each request on a connection of its own, so that both workers are met."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(client, 0))
    try:
        connection.request("GET", "/api/v1/species", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def test_clients_are_told_apart_by_their_own_address_and_counted_over_all_workers(
    ports: tuple[int, int], redis: live.Program
) -> None:
    front, _ = ports
    first = [_ask(front, "127.0.0.1") for _ in range(8)]
    assert [answer.status for answer in first] == [200] * 6 + [429] * 2
    left = [answer.headers["RateLimit-Remaining"] for answer in first]
    assert left == ["5", "4", "3", "2", "1", "0", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in first} == {"6"}
    for answer in first:
        assert 0 < int(answer.headers["RateLimit-Reset"]) <= 3600
    assert first[-1].headers["Retry-After"] == first[-1].headers["RateLimit-Reset"]
    assert first[-1].headers["Content-Type"].startswith("application/problem+json")
    # another client is another count, and what a client says of itself is not believed
    assert _ask(front, "127.0.0.2").headers["RateLimit-Remaining"] == "5"
    forged = {"X-Forwarded-For": "192.0.2.7"}
    assert _ask(front, "127.0.0.1", **forged).status == 429
    assert _ask(front, "127.0.0.2", **forged).headers["RateLimit-Remaining"] == "4"
    # without Redis each of the two workers counts: limited still, though less tightly
    redis.stop()
    later = [_ask(front, "127.0.0.1").status for _ in range(16)]
    assert later.count(200) <= 12
    assert later.count(429) >= 4
    assert set(later) == {200, 429}
