"""How many questions one address may ask: counted in Redis when there is one, in this process otherwise."""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from app import shared_counts
from app.http import API_PREFIX


def init_app(app: Flask) -> None:
    """Limit the API, the predict form and the comparisons, by client address and together."""
    settings = app.config["SETTINGS"]
    if settings.trusted_proxies:
        # Behind nginx every caller has nginx's address. Believed only as far as the operator says, because anyone
        # can send the header.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=settings.trusted_proxies
        )
    options: Any = {"store": app.extensions["redis_store"]}
    limiter = Limiter(
        get_remote_address,
        application_limits=[settings.rate_limit],
        application_limits_exempt_when=_exempt,
        storage_uri=f"{shared_counts.SCHEME}://",
        storage_options=options,
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
        # its own figure, reset_at, is up to a second late; ours is by the steady clock
        wait = max(1, math.ceil(met.window.reset_time - time.monotonic()))
        response.headers["RateLimit-Limit"] = str(met.limit.amount)
        response.headers["RateLimit-Remaining"] = str(met.window.remaining)
        response.headers["RateLimit-Reset"] = str(wait)
        if response.status_code == 429:
            response.headers["Retry-After"] = str(wait)
    return response
