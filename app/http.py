"""How one view becomes page, HTMX fragment and JSON, and how input is read."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import orjson
from flask import Response, current_app, render_template, request
from flask.globals import request_ctx
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import Headers

API_PREFIX = "/api/v1"
FRAGMENT = "fragment"
Face = Literal["json", "fragment", "page"]
Schema = TypeVar("Schema", bound=BaseModel)


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


class Whole(Response):
    """A response that is complete as it is made: its headers are neither copied nor gone through once more."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """Return the headers; the length of the body is among them."""
        return self.headers


def _json(body: str | bytes, status: int) -> Response:
    return Whole(body, status=status, content_type="application/json")


def pointer(*parts: object) -> str:
    """Join names into a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def read_json(schema: type[Schema], also_in_address: tuple[str, ...] = ()) -> Schema:
    """Read and validate a JSON body.

    Parameters
    ----------
    schema : type of BaseModel
    also_in_address : tuple of str
        Members that may stand in the query string instead.
    """
    from app.errors import MalformedBody, UnsupportedType, ValidationFailed

    asked = request_ctx.request
    mimetype = asked.mimetype
    if not (mimetype == "application/json" or mimetype.endswith("+json")):
        raise UnsupportedType("Send the body as application/json.")
    try:
        body = _parse(asked.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise MalformedBody(f"The body is not valid JSON{where}.", [("", "not valid JSON")]) from None
    if not isinstance(body, dict):
        raise ValidationFailed([("", "expected a JSON object")])
    for name in also_in_address if asked.query_string else ():
        values = request.args.getlist(name)
        if len(values) > 1 or (values and name in body):
            raise ValidationFailed([(pointer(name), "given more than once")])
        if values:
            body[name] = _number_or_text(values[0])
    return validate(schema, body)


def _parse(sent: bytes) -> Any:
    """Parse JSON, at leisure where it is not the plain kind."""
    try:
        return orjson.loads(sent)
    except orjson.JSONDecodeError:
        pass
    # NaN and Infinity are let through here, because only the check of values can say which field held them.
    body = json.loads(sent.decode("utf-8"))
    # Half a surrogate pair is no text: no database and no response could hold it.
    json.dumps(body, ensure_ascii=False).encode("utf-8")
    return body


def _number_or_text(text: str) -> float | str:
    """A member of the query string, where everything is text."""
    try:
        return float(text)
    except ValueError:
        return text


def read_query(schema: type[Schema]) -> Schema:
    """Read and validate the query string; parameters the schema does not know are left alone."""
    from app.errors import ValidationFailed

    given: dict[str, str] = {}
    problems: list[tuple[str, str]] = []
    for name in schema.model_fields:
        values = request.args.getlist(name)
        if len(values) > 1:
            problems.append((pointer(name), "given more than once"))
        elif values:
            given[name] = values[0]
    if problems:
        raise ValidationFailed(problems)
    return validate(schema, given)


def validate(schema: type[Schema], body: dict[str, Any]) -> Schema:
    """Validate against a schema, naming each bad field by its JSON pointer."""
    from app.errors import ValidationFailed

    try:
        return schema.model_validate(body)
    except ValidationError as error:
        problems = [
            (pointer(*item["loc"]), item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    raise ValidationFailed(problems)


def site_root() -> str:
    """Return the address of this site as the caller sees it, without a trailing slash."""
    return request.host_url.rstrip("/")


def settings() -> Any:
    """Return the settings of the current application."""
    return current_app.config["SETTINGS"]
