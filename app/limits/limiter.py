"""Rate limits by client address, counted in Redis where there is one and otherwise in this process."""

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
    """Limit the API, the predict form, response curves and comparisons: one count for each client address."""
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
    app.after_request(_add_headers)
    limiter.init_app(app)


class _Usage(NamedTuple):
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

    def limit_to(self, setting: str) -> None:
        """Set the limits, such as ``10/second`` or ``10/second;1000/hour``."""
        self._items = sorted(parse_many(setting))

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        """Count this request."""
        request = request_ctx.request
        if _exempt(request):
            return
        address = request.remote_addr or "127.0.0.1"
        storage = cast("counts.RequestCounts", self.storage)
        for item in self._items:
            window = storage.hit(item, address)
            exceeded = window.count > item.amount
            if exceeded or item is self._items[0]:
                g.rate_limit = _Usage(item.amount, max(0, item.amount - window.count), window.ends)
            if exceeded:
                raise TooManyRequests


def _exempt(request: Request) -> bool:
    """Return whether a request is not counted."""
    path = request.path
    # One comparison page runs as many models as a hundred predictions.
    computes = path.startswith((API_PREFIX + "/", "/compare/")) or path.endswith("/response-curves")
    # A link with conditions is answered like the form.
    predicts = path == "/" and (request.method == "POST" or any(name.startswith("env.") for name in request.args))
    return not (computes or predicts) or request.method == "OPTIONS"


def _add_headers(response: Response) -> Response:
    """Add ``RateLimit-*`` and, to a 429, ``Retry-After``."""
    usage: _Usage | None = g.get("rate_limit")
    if usage is not None:
        seconds = str(max(1, math.ceil(usage.ends - time.monotonic())))
        response.headers["RateLimit-Limit"] = str(usage.limit)
        response.headers["RateLimit-Remaining"] = str(usage.remaining)
        response.headers["RateLimit-Reset"] = seconds
        if response.status_code == 429:
            response.headers["Retry-After"] = seconds
    return response
