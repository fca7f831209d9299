"""How one view becomes page, HTMX fragment and JSON, and how input is read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import Response, current_app, render_template, request
from pydantic import BaseModel

API_PREFIX = "/api/v1"
FRAGMENT = "fragment"
Face = Literal["json", "fragment", "page"]


@dataclass
class Reply:
    """What a view found out; the wrapper decides how it looks.

    Attributes
    ----------
    data : BaseModel or None
        The answer; the whole of it in JSON, ``data`` in templates.
    text : bytes or None
        Its JSON, where that is written already.
    context : dict
        What only the templates need.
    page, fragment : str, optional
        Templates that replace those of the view.
    """

    data: BaseModel | None = None
    status: int = 200
    context: dict[str, Any] = field(default_factory=dict)
    page: str | None = None
    fragment: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: bytes | None = None


def face(*, for_error: bool = False) -> Face:
    """Tell which face the request asks for."""
    path = request.path
    if path == API_PREFIX or path.startswith((API_PREFIX + "/", "/health/")) or path in ("/openapi.json", "/metrics"):
        return "json"
    htmx = getattr(request, "htmx", None)
    if htmx and not htmx.boosted and not htmx.history_restore_request:
        return "fragment"
    if for_error and _prefers_json():
        return "json"
    return "page"


def _prefers_json() -> bool:
    accepted = request.accept_mimetypes
    best = accepted.best_match(["text/html", "application/json", "application/problem+json"])
    return best is not None and best != "text/html" and accepted[best] > accepted["text/html"]


def faces(page: str = "", fragment: str = "") -> Callable[[Callable[..., Reply]], Callable[..., Response]]:
    """Render the reply of a view in the face that was asked for."""

    def decorate(view: Callable[..., Reply]) -> Callable[..., Response]:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Response:
            return render(view(*args, **kwargs), page, fragment)

        return wrapper

    return decorate


def render(reply: Reply, page: str = "", fragment: str = "") -> Response:
    """Turn a reply into a response."""
    asked = face()
    if asked == "json":
        response = to_json(reply.data, reply.status) if reply.text is None else _json(reply.text, reply.status)
    else:
        template = (reply.fragment or fragment) if asked == "fragment" else (reply.page or page)
        body = render_template(template, data=reply.data, **reply.context)
        response = Response(body, status=reply.status, content_type="text/html; charset=utf-8")
        # The same address answers a page or a fragment: caches must keep the two apart.
        response.vary.add("HX-Request")
    response.headers.update(reply.headers)
    return response


def to_json(data: BaseModel | None, status: int = 200) -> Response:
    """Write a schema as JSON."""
    return _json(data.model_dump_json() if data is not None else "null", status)


def _json(body: str | bytes, status: int) -> Response:
    return Response(body, status=status, content_type="application/json")


def site_root() -> str:
    """Return the address of this site as the caller sees it, without a trailing slash."""
    return request.host_url.rstrip("/")


def settings() -> Any:
    """Return the settings of the current application."""
    return current_app.config["SETTINGS"]
