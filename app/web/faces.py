"""Page, HTMX fragment and JSON from one view."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, ParamSpec, cast

from flask import Blueprint, Response, current_app, render_template, request
from pydantic import BaseModel

from app.config.settings import Settings
from app.web.credentials import by_program

API_PREFIX = "/api/v1"
FRAGMENT = "fragment"
#: The request headers that decide between page and fragment.
DECISIVE = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")
Face = Literal["json", "fragment", "page"]
P = ParamSpec("P")


@dataclass
class Reply:
    """The result of a view, before it is rendered.

    Attributes
    ----------
    data : BaseModel or None
        The result: the JSON response, and ``data`` in templates.
    context : dict
        Further variables of the templates.
    page, fragment : str, optional
        Templates that replace those of the view.
    """

    data: BaseModel | None = None
    status: int = 200
    context: dict[str, Any] = field(default_factory=dict)
    page: str | None = None
    fragment: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def face(*, for_error: bool = False) -> Face:
    """Return the face of the response to the current request."""
    path = request.path
    if path == API_PREFIX or path.startswith((API_PREFIX + "/", "/health/")) or path in ("/openapi.json", "/metrics"):
        return "json"
    if for_error and by_program():
        return "json"
    htmx = getattr(request, "htmx", None)
    if htmx and not htmx.boosted and not htmx.history_restore_request:
        return "fragment"
    if for_error and _prefers_json():
        return "json"
    return "page"


def _prefers_json() -> bool:
    types = request.accept_mimetypes
    best = types.best_match(["text/html", "application/json", "application/problem+json"])
    return best is not None and best != "text/html" and types[best] > types["text/html"]


def faces(page: str = "", fragment: str = "") -> Callable[[Callable[P, Reply]], Callable[P, Response]]:
    """Decorate a view, so that its reply is rendered in the face of the request."""

    def decorate(view: Callable[P, Reply]) -> Callable[P, Response]:
        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> Response:
            return render(view(*args, **kwargs), page, fragment)

        return wrapper

    return decorate


def render(reply: Reply, page: str = "", fragment: str = "") -> Response:
    """Turn a reply into a response."""
    kind = face()
    if kind == "json":
        response = to_json(reply.data, reply.status)
    else:
        template = (reply.fragment or fragment) if kind == "fragment" else (reply.page or page)
        body = render_template(template, data=reply.data, **reply.context)
        response = Response(body, status=reply.status, content_type="text/html; charset=utf-8")
        # The same URL returns a page or a fragment, and caches must distinguish the two.
        response.vary.update(DECISIVE)
    response.headers.update(reply.headers)
    return response


def keep_private(response: Response) -> Response:
    """Forbid caches to store a response, because it contains what somebody asked."""
    response.headers["Cache-Control"] = "private, no-store"
    return response


def keep_all_private(*blueprints: Blueprint) -> None:
    """Forbid caches to store any response of blueprints."""
    for blueprint in blueprints:
        blueprint.after_request(keep_private)


def to_json(data: BaseModel | None, status: int = 200) -> Response:
    """Return the JSON response of a schema."""
    return _json(data.model_dump_json() if data is not None else "null", status)


def _json(body: str | bytes, status: int) -> Response:
    return Response(body, status=status, content_type="application/json")


def site_root() -> str:
    """Return the URL of this site as the client sees it, without a trailing slash."""
    return request.host_url.rstrip("/")


def settings() -> Settings:
    """Return the settings of the current application."""
    return cast("Settings", current_app.config["SETTINGS"])
