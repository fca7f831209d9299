"""How many questions one address may ask: counted in Redis when there is one, in this process otherwise."""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple, cast

from flask import Flask, Request, Response, g
from flask.globals import request_ctx
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, parse_many
from werkzeug.exceptions import TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from app.components import components
from app.limits import counts
from app.redis_client import RedisClient
from app.web.faces import API_PREFIX


def init_app(app: Flask) -> None:
    """Limit the API, the predict form and the comparisons, by client address and together."""
    settings = app.config["SETTINGS"]
    if settings.trusted_proxies:
        # Behind nginx every caller has nginx's address. Believed only as far as the operator says, because anyone
        # can send the header.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
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
    app.after_request(_add_headers)
    limiter.init_app(app)


class _Met(NamedTuple):
    """The limit that a request met: of several the one that it breaks, or the one with the shortest window."""

    limit: int
    remaining: int
    ends: float


class OneLimit(Limiter):
    """Flask-Limiter for limits that are the same at every address.

    It looks limits up by application, blueprint, route and decorator for each request, and that takes longer than
    counting does. Here there is one setting.
    """

    _items: list[RateLimitItem]

    def limit_to(self, setting: str) -> None:
        """Set the limits, such as ``10/second`` or ``10/second;1000/hour``."""
        self._items = sorted(parse_many(setting))

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        """Count this request."""
        asked = request_ctx.request
        if _exempt(asked):
            return
        address = asked.remote_addr or "127.0.0.1"
        storage = cast("counts.SharedCounts", self.storage)
        for item in self._items:
            count, ends = storage.take(item.key_for(address), item.amount, item.get_expiry())
            met = _Met(item.amount, max(0, item.amount - count), ends)
            if count > item.amount:
                g.limit_met = met
                raise TooManyRequests
            if item is self._items[0]:
                g.limit_met = met


def _exempt(asked: Request) -> bool:
    path = asked.path
    # a page that compares asks as many models as a hundred predictions
    asks = path.startswith((API_PREFIX + "/", "/compare/")) or path.endswith("/response-curves")
    # an address with conditions is answered like the form
    predicts = path == "/" and (asked.method == "POST" or any(name.startswith("env.") for name in asked.args))
    return not (asks or predicts) or asked.method == "OPTIONS"


def _add_headers(response: Response) -> Response:
    met: _Met | None = g.get("limit_met")
    if met is not None:
        wait = str(max(1, math.ceil(met.ends - time.monotonic())))
        told = [("RateLimit-Limit", str(met.limit)), ("RateLimit-Remaining", str(met.remaining))]
        response.headers.extend([*told, ("RateLimit-Reset", wait)])
        if response.status_code == 429:
            response.headers["Retry-After"] = wait
    return response
