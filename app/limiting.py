"""How many questions one address may ask: held in Redis when there is one, in process otherwise."""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from app.http import API_PREFIX

# A Redis that hangs must cost a request no more than this.
_STORAGE_OPTIONS: Any = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}


def init_app(app: Flask) -> None:
    """Limit the API, the predict form and the comparisons, by client address and together."""
    settings = app.config["SETTINGS"]
    if settings.trusted_proxies:
        # Behind nginx every caller has nginx's address. Believed only as far as the operator says, because anyone
        # can send the header.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies
        )
    limiter = Limiter(
        get_remote_address,
        application_limits=[settings.rate_limit],
        application_limits_exempt_when=_exempt,
        storage_uri=settings.redis_url or "memory://",
        storage_options=_STORAGE_OPTIONS if settings.redis_url else {},
        in_memory_fallback_enabled=bool(settings.redis_url),
        strategy="fixed-window",
        key_prefix="ecopredict",
    )
    # The headers are written before the extension forgets which limit was met.
    app.after_request(lambda response: _add_headers(response, limiter))
    limiter.init_app(app)


def _exempt() -> bool:
    # a page that compares asks as many models as a hundred predictions
    asks = request.path.startswith((API_PREFIX + "/", "/compare/")) or request.path.endswith("/response-curves")
    # an address with conditions is answered like the form
    predicts = request.path == "/" and (
        request.method == "POST" or any(name.startswith("env.") for name in request.args)
    )
    return not (asks or predicts) or request.method == "OPTIONS"


def _add_headers(response: Response, limiter: Limiter) -> Response:
    met = limiter.current_limit
    if met is not None:
        wait = max(1, math.ceil(met.reset_at - time.time()))
        response.headers["RateLimit-Limit"] = str(met.limit.amount)
        response.headers["RateLimit-Remaining"] = str(max(0, met.remaining))
        response.headers["RateLimit-Reset"] = str(wait)
        if response.status_code == 429:
            response.headers["Retry-After"] = str(wait)
    return response
