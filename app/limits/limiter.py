"""Rate limits by client address, counted in Redis where there is one and otherwise in this process."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

from flask import Flask, Request, Response, g, request
from limits import parse_many
from werkzeug.exceptions import TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from app.components import components
from app.limits.counts import RequestCounts
from app.redis_client import RedisClient
from app.web.faces import API_PREFIX


def init_app(app: Flask) -> None:
    """Limit the API, the predict form and the comparisons: one count for each client address."""
    settings = app.config["SETTINGS"]
    if settings.trusted_proxies:
        # Behind nginx every client has the address of nginx. The header is trusted only for as many proxies as the
        # operator sets, because any client can send it.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask documents this as the way to add middleware
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies
        )
    limiter = Limiter(settings.rate_limit, RequestCounts(components(app).find(RedisClient)))
    app.before_request(limiter.count)
    app.after_request(_add_headers)


class _Usage(NamedTuple):
    """The limit that the headers report: the one that is exceeded, otherwise the one with the shortest window."""

    limit: int
    remaining: int
    ends: float


class Limiter:
    """Limits that are the same for every route.

    The notation of limits and their keys are those of the library ``limits``. Its extension for Flask is not used: it
    resolves limits by application, blueprint, route and decorator for each request, which takes several times as long
    as counting.

    Parameters
    ----------
    setting : str
        Such as ``10/second`` or ``10/second;1000/hour``.
    counts : RequestCounts
    """

    def __init__(self, setting: str, counts: RequestCounts) -> None:
        # The shortest window is first.
        self._limits = sorted(parse_many(setting))
        self._counts = counts

    def count(self) -> None:
        """Count the current request.

        Raises
        ------
        TooManyRequests
            It exceeds a limit.
        """
        if _exempt(request):
            return
        address = request.remote_addr or "127.0.0.1"
        for limit in self._limits:
            window = self._counts.hit(limit, address)
            exceeded = window.count > limit.amount
            if exceeded or limit is self._limits[0]:
                g.rate_limit = _Usage(limit.amount, max(0, limit.amount - window.count), window.ends)
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
