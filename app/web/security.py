"""Security headers, CORS for the API, and the refusal of forms from other sites."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request, Response, request
from flask.sessions import NullSession, SessionInterface, SessionMixin
from flask_cors import CORS

from app.errors import CrossSite
from app.web.faces import API_PREFIX

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


class NoSessions(SessionInterface):
    """No sessions: no cookie is read or written."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Return a session that raises an error when a view writes to it."""
        return self._none

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Do nothing: Flask does not save a null session."""


def init_app(app: Flask) -> None:
    """Add the checks and the headers."""
    origins = app.config["SETTINGS"].cors_origins
    if origins:
        CORS(
            app,
            resources={rf"{API_PREFIX}/.*": {"origins": list(origins)}, "/openapi.json": {"origins": list(origins)}},
            expose_headers=["X-Request-ID", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"],
            max_age=600,
        )
    app.session_interface = NoSessions()
    app.before_request(_refuse_cross_site_forms)
    app.after_request(_add_headers)


def _refuse_cross_site_forms() -> None:
    """Refuse a form from another site. The API accepts only JSON, which browsers send to other sites only with CORS."""
    if request.method in ("GET", "HEAD", "OPTIONS") or request.path.startswith(API_PREFIX + "/"):
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign:
        raise CrossSite("This form was sent from another site. Open the page here and send it again.")


def _add_headers(response: Response) -> Response:
    """Add the security headers to a response."""
    response.headers.extend(HEADERS)
    response.headers["Content-Security-Policy"] = DOCS_POLICY if request.path.rstrip("/") == "/docs" else POLICY
    return response
