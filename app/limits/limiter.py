"""Rate limits by client address, or by person, counted in Redis where there is one and otherwise in this process."""

from __future__ import annotations

import functools
import ipaddress
import math
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, cast

from flask import Flask, Response, g, has_request_context
from flask.globals import request_ctx
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, parse_many
from werkzeug.exceptions import TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from app.components import component, components
from app.limits import counts
from app.limits.costs import COSTS, DEFAULT
from app.redis_client import RedisClient

# An address with a port or in brackets: "[2001:db8::1]:443", "192.0.2.1:443". Without them it has no match.
_ADDRESS = re.compile(r"\[(?P<bracketed>[^\]]+)\](?::\d{1,5})?|(?P<plain>[^:]+):\d{1,5}")


def init_app(app: Flask) -> None:
    """Limit requests by their cost: one count for each client address, or person."""
    settings = app.config["SETTINGS"]
    if settings.trusted_proxies:
        # Behind nginx every client has the address of nginx. The header is trusted only for as many proxies as the
        # operator sets, because any client can send it.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask documents this as the way to add middleware
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies
        )
    options: dict[str, Any] = {"store": components(app).find(RedisClient)}
    limiter = OneLimit(
        get_remote_address,
        storage_uri=f"{counts.SCHEME}://",
        storage_options=options,
        strategy="fixed-window",
    )
    limiter.limit_to(settings.rate_limit)
    components(app).add(limiter)
    app.after_request(_add_headers)
    limiter.init_app(app)


class Account(Protocol):
    """A person whose requests are counted together, wherever they come from."""

    @property
    def key(self) -> str:
        """What the requests are counted under."""
        ...

    @property
    def items(self) -> Sequence[RateLimitItem] | None:
        """The limits of the person; None for those of every client."""
        ...

    def refuse(self, item: RateLimitItem) -> Exception:
        """Return the error of a request beyond a limit."""
        ...

    def count(self, cost: int) -> bool:
        """Count a request within the limits towards further ones; return False where it counts as a stranger's."""
        ...


class Usage(NamedTuple):
    """The limit that the headers report: the one that is exceeded, otherwise the one with the shortest window."""

    limit: int
    remaining: int
    ends: float


class OneLimit(Limiter):
    """Flask-Limiter for limits that are the same at every address.

    Flask-Limiter resolves limits by application, blueprint, route and decorator for each request, which takes longer
    than counting.
    """

    _items: list[RateLimitItem]
    _account: Callable[[], Account | None] = staticmethod(lambda: None)

    def limit_to(self, setting: str) -> None:
        """Set the limits, such as ``10/second`` or ``10/second;1000/hour``."""
        self._items = sorted(parse_many(setting))

    def know_accounts(self, find: Callable[[], Account | None]) -> None:
        """Set the function that returns the person who sends the present request, or None."""
        self._account = find

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        """Count this request by the cost of its endpoint."""
        request = request_ctx.request
        cost = 0 if request.method == "OPTIONS" else COSTS.get(request.endpoint or "", DEFAULT)
        if cost:
            self._count(cost, counted=0)

    def count_more(self, cost: int) -> None:
        """Count the further cost of a request that was counted with a cost of 1.

        Raises
        ------
        TooManyRequests, OverPlan
        """
        if cost > 0:
            self._count(cost, counted=1)

    def count_attempt(self, item: RateLimitItem, key: str) -> None:
        """Count an attempt, such as to sign in, towards a limit of its own.

        Raises
        ------
        TooManyRequests
            The limit was used up before. The headers of the response report this limit then.
        """
        window = cast("counts.RequestCounts", self.storage).hit(item, key)
        if window.count > item.amount:
            g.rate_limit = Usage(item.amount, 0, window.ends)
            raise TooManyRequests

    def _count(self, cost: int, counted: int) -> None:
        """Count a cost; the request goes on where any of the limit was left before it."""
        account = self._account()
        if account is None:
            self._hit(None, cost, counted)
        else:
            self._hit(account, cost, counted)
            if not account.count(cost):
                # what is open to everybody stays open, by the limit of everybody
                self._hit(None, cost, counted)

    def _hit(self, account: Account | None, cost: int, counted: int) -> None:
        """Count a cost towards the limits of a person, or of the client's address."""
        items: Sequence[RateLimitItem] = self._items
        if account is None:
            client = client_of(request_ctx.request.remote_addr or "127.0.0.1")
        else:
            client, items = account.key, account.items or items
        storage = cast("counts.RequestCounts", self.storage)
        for item in items:
            window = storage.hit(item, client, cost)
            exceeded = window.count - cost - counted >= item.amount
            if exceeded or item is items[0]:
                g.rate_limit = Usage(item.amount, max(0, item.amount - window.count), window.ends)
            if exceeded:
                raise account.refuse(item) if account is not None else TooManyRequests


def charge_answers(number: int) -> None:
    """Count the answers of a comparison; the first one was counted with the request.

    A request that costs more than what is left of the limit uses all of it.

    Raises
    ------
    TooManyRequests
        Other requests used up the limit in the meantime.
    """
    if has_request_context():
        component(OneLimit).count_more(number - 1)


@functools.lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """Return the client that an address belongs to, as the key of its count.

    Parameters
    ----------
    address : str
        As a proxy reports it: with or without a port, brackets and a zone.

    Returns
    -------
    str
        The IPv4 address, also of an IPv4 address written as IPv6; the network of an IPv6 address with 64 bits, because
        one client can use all addresses of such a network; "unknown" where the text is not an address.
    """
    match = _ADDRESS.fullmatch(address.strip())
    text = (match["bracketed"] or match["plain"]) if match else address.strip()
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def _add_headers(response: Response) -> Response:
    """Add ``RateLimit-*`` and, to a 429, ``Retry-After``."""
    usage: Usage | None = g.get("rate_limit")
    if usage is not None:
        seconds = str(max(1, math.ceil(usage.ends - time.monotonic())))
        response.headers["RateLimit-Limit"] = str(usage.limit)
        response.headers["RateLimit-Remaining"] = str(usage.remaining)
        response.headers["RateLimit-Reset"] = seconds
        if response.status_code == 429:
            response.headers["Retry-After"] = seconds
    return response
