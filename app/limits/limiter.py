"""Rate limits by client address: Flask-Limiter, with a storage that is always available."""

from __future__ import annotations

import math
import time
from typing import Any, cast

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from app.components import component, components
from app.limits.counts import SCHEME, RequestCounts
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
    options: dict[str, Any] = {"store": components(app).find(RedisClient)}
    limiter = Limiter(
        get_remote_address,
        application_limits=[settings.rate_limit],
        storage_uri=f"{SCHEME}://",
        storage_options=options,
        strategy="fixed-window",
    )
    limiter.request_filter(_exempt)
    app.after_request(_add_headers)
    limiter.init_app(app)
    components(app).add(limiter)


def _exempt() -> bool:
    """Return whether the current request is not counted."""
    path = request.path
    # One comparison page runs as many models as a hundred predictions.
    computes = path.startswith((API_PREFIX + "/", "/compare/")) or path.endswith("/response-curves")
    # A link with conditions is answered like the form.
    predicts = path == "/" and (request.method == "POST" or any(name.startswith("env.") for name in request.args))
    return not (computes or predicts) or request.method == "OPTIONS"


def _add_headers(response: Response) -> Response:
    """Add ``RateLimit-*`` and, to a 429, ``Retry-After``; Flask-Limiter's own headers have other names and units."""
    limiter = component(Limiter)
    current = limiter.current_limit
    if current is not None:
        window = cast("RequestCounts", limiter.storage).window(current.key)
        seconds = str(max(1, math.ceil(window.ends - time.monotonic())))
        response.headers["RateLimit-Limit"] = str(current.limit.amount)
        response.headers["RateLimit-Remaining"] = str(max(0, current.limit.amount - window.count))
        response.headers["RateLimit-Reset"] = seconds
        if response.status_code == 429:
            response.headers["Retry-After"] = seconds
    return response
