"""Errors as responses: problem+json for programs, the error page or fragment for people."""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, RequestedRangeNotSatisfiable

from app.errors import AppError, FieldErrors, ValidationFailed, WrongHost
from app.telemetry import logs, metrics
from app.web.faces import API_PREFIX, DECISIVE, FRAGMENT, face
from app.web.input_validation import pointer_parts

log = logging.getLogger(__name__)


DETAILS = {
    400: "The request could not be read.",
    404: "There is nothing at this address.",
    405: "This address does not answer this method.",
    413: "The request is larger than this server accepts.",
    415: "Send the body as application/json.",
    429: "Too many requests from this address. Wait a moment, then try again.",
    500: "Something went wrong on our side. It has been recorded; trying again may help.",
    503: "Part of the service is not available right now. Try again in a moment.",
}

_BARE = "error_bare.html"


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(AppError, _app_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ParseException, _unreadable)
    app.register_error_handler(OperationalError, _database_error)
    app.register_error_handler(InterfaceError, _database_error)
    app.register_error_handler(PoolTimeout, _database_error)
    app.register_error_handler(Exception, _unexpected)


def respond(
    status: int,
    detail: str,
    *,
    kind: str = "about:blank",
    title: str = "",
    errors: FieldErrors = (),
    unlisted: int = 0,
) -> Response:
    """Return the response to an error, in the face of the request; `unlisted` is the number of further errors."""
    title = title or HTTPStatus(status).phrase
    if face(for_error=True) == "json":
        problem: dict[str, object] = {
            "type": kind,
            "title": title,
            "status": status,
            "detail": detail,
            "instance": request.path,
        }
        if errors:
            problem["errors"] = [{"pointer": pointer, "detail": text} for pointer, text in errors]
        response = jsonify(problem)
        response.content_type = "application/problem+json"
    else:
        template = "_error.html" if face() == FRAGMENT else _BARE if status == WrongHost.status else "error.html"
        if kind == ValidationFailed.kind:
            detail = _with_field_names(errors) + (f" And {unlisted:,} more." if unlisted else "")
        body = render_template(
            template, status=status, title=title, detail=detail, errors=errors, request_id=g.get("request_id", "")
        )
        response = Response(body, content_type="text/html; charset=utf-8")
    if not request.path.startswith(API_PREFIX + "/"):
        response.vary.update((*DECISIVE, "Accept"))
    response.status_code = status
    if status == 415:
        response.headers["Accept-Encoding"] = "identity"
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _with_field_names(errors: FieldErrors) -> str:
    """Return the messages as sentences that begin with the names of the fields instead of JSON pointers."""
    sentences = []
    for pointer, text in errors:
        name = ", ".join(pointer_parts(pointer))
        sentence = f"{name}: {text}" if name else text
        sentences.append(f"{sentence[:1].upper()}{sentence[1:]}.")
    return " ".join(sentences)


def _app_error(error: AppError) -> Response:
    if error.status >= 500:
        log.error("%s: %s", type(error).__name__, error.detail)
    return respond(
        error.status,
        error.detail,
        kind=error.kind,
        title=error.title,
        errors=error.listed,
        unlisted=error.n_unlisted,
    )


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return _unexpected(error.original_exception)
    if status < 400:
        # The router raises redirects.
        return current_app.make_response(error.get_response())
    response = respond(status, DETAILS.get(status) or error.description or HTTPStatus(status).phrase)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    if isinstance(error, RequestedRangeNotSatisfiable) and error.length is not None:
        response.headers["Content-Range"] = f"bytes */{error.length}"
    return response


def _unreadable(error: Exception) -> Response:
    # gunicorn parses a chunked body while a view reads it.
    return respond(400, DETAILS[400])


def _database_error(error: Exception) -> Response:
    # The message of the driver can contain addresses and statements, so it is only logged.
    metrics.failed("database")
    log.error("database unavailable: %s", error.__class__.__name__, exc_info=error)
    return respond(503, DETAILS[503])


def _unexpected(error: BaseException) -> Response:
    metrics.failed("unhandled")
    log.error("unhandled %s on %s", type(error).__name__, logs.route(), exc_info=error)
    return respond(500, DETAILS[500])
