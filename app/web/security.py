"""Security headers, CORS for the API, and the refusal of forms and changes from other sites."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from flask import Flask, Response, current_app, redirect, request
from flask_cors import CORS

from app.errors import CrossSite, WrongHost
from app.web.credentials import by_program
from app.web.faces import API_PREFIX, settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
POLICY = _POLICY.format(styles="")
# Swagger UI writes style attributes into its markup. Only its page allows them.
DOCS_POLICY = _POLICY.format(styles=" 'unsafe-inline'")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


# Bodies that a page may send to another site without CORS; "" is a request without a body.
_SIMPLE = ("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_PORT = re.compile(r":[0-9]{0,5}$")
# What a host name below another one has before it.
_LABELS = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")


# Marks a request whose host name is not allowed, in the WSGI environment.
_REFUSED = "ecopredict.refused_host"


def init_app(app: Flask) -> None:
    """Add the checks and the headers."""
    origins = app.config["SETTINGS"].cors_origins
    if origins:
        CORS(
            app,
            resources={rf"{API_PREFIX}/.*": {"origins": list(origins)}, "/openapi.json": {"origins": list(origins)}},
            expose_headers=[
                "X-Request-ID",
                *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"),
                *("X-Quota-Limit", "X-Quota-Remaining", "X-Quota-Reset"),
            ],
            max_age=600,
            always_send=False,
        )
    app.wsgi_app = HostCheck(app.wsgi_app, app.config["SETTINGS"].hosts)  # type: ignore[method-assign]  # as ProxyFix
    app.before_request(_refuse_other_hosts)
    app.before_request(_refuse_cross_site_forms)
    app.after_request(_make_redirect_relative)
    app.after_request(_add_headers)


def is_allowed(host: str, allowed: Iterable[str]) -> bool:
    """Return whether a ``Host`` header names an allowed host.

    Werkzeug's ``host_is_trusted`` compares letter case and refuses IPv6 addresses.

    Parameters
    ----------
    host : str
        With or without a port.
    allowed : iterable of str
        Host names in lower case; one that begins with a dot stands for all names below it.
    """
    name = _PORT.sub("", host.strip().lower()).removesuffix(".")
    return any(_is_below(name, one) if one.startswith(".") else name == one for one in allowed)


def _is_below(name: str, parent: str) -> bool:
    return name.endswith(parent) and _LABELS.fullmatch(name.removesuffix(parent)) is not None


class HostCheck:
    """WSGI middleware that marks requests for host names that are not allowed, and removes the name.

    Flask cannot build addresses, and so no error page, while a request has a malformed host name.

    Parameters
    ----------
    wsgi_app : callable
    allowed : iterable of str
        As for :func:`is_allowed`.
    """

    def __init__(self, wsgi_app: WSGIApplication, allowed: Iterable[str]) -> None:
        self._wsgi_app = wsgi_app
        self._allowed = tuple(allowed)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request on."""
        host = environ.get("HTTP_HOST")
        if host is not None and not is_allowed(host, self._allowed):
            environ[_REFUSED], environ["HTTP_HOST"] = True, "localhost"
        return self._wsgi_app(environ, start_response)


def _refuse_other_hosts() -> None:
    """Refuse a request for another host name, such as that of a page that uses DNS rebinding."""
    if request.environ.get(_REFUSED):
        raise WrongHost(
            "This server does not answer for this host name. Its operator sets the names: ALLOWED_HOSTS, with Compose "
            "HOST_NAME."
        )


def _make_redirect_relative(response: Response) -> Response:
    """Remove the host name of the request, which the router writes into its redirects."""
    if 300 <= response.status_code < 400 and response.location:
        parts = urlsplit(response.location)
        # two slashes at the beginning would name another host
        relative = urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, parts.fragment))
        if parts.netloc and relative != response.location:
            replacement = redirect(relative, response.status_code)
            response.location = relative
            response.set_data(replacement.get_data())
    return response


def _is_shared(path: str) -> bool:
    """Return whether pages of CORS_ORIGINS may read an address."""
    return path.startswith(API_PREFIX + "/") or path == "/openapi.json"


def _refuse_cross_site_forms() -> None:
    """Refuse a form from another site, and any change from there that would be made with a session.

    The API accepts from other sites only what browsers send with CORS, such as JSON, and only without a session. A
    request with a session has to say where it comes from, as every browser does.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if by_program():
        # Pages of other sites cannot send these headers without CORS, and a cookie beside them is not used.
        return
    has_session = current_app.config["SESSION_COOKIE_NAME"] in request.cookies
    if has_session and site is None and origin is None:
        raise CrossSite("A request with a session cookie needs the header Origin or Sec-Fetch-Site.")
    if request.path.startswith(API_PREFIX + "/") and not has_session:
        needs_cors = request.method != "POST" or request.mimetype not in _SIMPLE
        if needs_cors or {origin, "*"} & set(settings().cors_origins):
            return
    own = site in ("same-origin", "none") if site is not None else origin is None or _is_own(origin)
    if not own:
        raise CrossSite("This form was sent from another site. Open the page here and send it again.")


def _is_own(origin: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        # such as an incomplete IPv6 address
        return False


def _add_headers(response: Response) -> Response:
    """Add the security headers to a response."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code >= 400 and "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    if settings().cors_origins not in ((), ("*",)) and _is_shared(request.path):
        response.vary.add("Origin")
    response.headers["Content-Security-Policy"] = DOCS_POLICY if request.path.rstrip("/") == "/docs" else POLICY
    return response
