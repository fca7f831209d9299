"""The error tree and its two faces: problem+json for programs, the error page or fragment for people."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus

from flask import Flask, Response, g, jsonify, render_template, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from app import logs, metrics
from app.http import FRAGMENT, face

log = logging.getLogger(__name__)

FieldErrors = Sequence[tuple[str, str]]


class AppError(Exception):
    """Base of the errors this application raises on purpose."""

    status = 500
    kind = "about:blank"
    title = ""

    def __init__(self, detail: str, errors: FieldErrors = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class NotFound(AppError):
    """What was asked for does not exist."""

    status = 404


class MalformedBody(AppError):
    """The body could not be read at all."""

    status = 400


class UnsupportedType(AppError):
    """The body is in a format this address does not read."""

    status = 415


class ValidationFailed(AppError):
    """The input was read but is not acceptable; every problem names its field as a JSON pointer."""

    status = 422
    kind = "urn:ecopredict:problem:validation"
    title = "Invalid input"

    def __init__(self, errors: FieldErrors, detail: str = "") -> None:
        super().__init__(detail or "; ".join(f"{pointer or '/'}: {text}" for pointer, text in errors), errors)


class OutsideArea(AppError):
    """The conditions lie outside the model's area of applicability, and the caller wanted no answer there."""

    status = 409
    kind = "urn:ecopredict:problem:outside-area-of-applicability"
    title = "Outside the area of applicability"


class CrossSite(AppError):
    """A form was sent from another site."""

    status = 403


class Unavailable(AppError):
    """Something this answer needs is down for now."""

    status = 503


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
    status: int, detail: str, *, kind: str = "about:blank", title: str = "", errors: FieldErrors = ()
) -> Response:
    """Build the response for an error in the face that was asked for."""
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
        template = "_error.html" if face() == FRAGMENT else "error.html"
        body = render_template(
            template, status=status, title=title, detail=detail, errors=errors, request_id=g.get("request_id", "")
        )
        response = Response(body, content_type="text/html; charset=utf-8")
        response.vary.add("HX-Request")
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _app_error(error: AppError) -> Response:
    if error.status >= 500:
        log.error("%s: %s", type(error).__name__, error.detail)
    return respond(error.status, error.detail, kind=error.kind, title=error.title, errors=error.errors)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return _unexpected(error.original_exception)
    if status < 400 and error.response is not None:  # a redirect raised by the router
        return error.response  # type: ignore[return-value]
    if status < 400:
        return error.get_response()  # type: ignore[return-value]
    response = respond(status, DETAILS.get(status) or error.description or HTTPStatus(status).phrase)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unreadable(error: Exception) -> Response:
    # gunicorn reads a body only while a view asks for it, and then finds that its parts are not what they say
    return respond(400, DETAILS[400])


def _database_error(error: Exception) -> Response:
    # The driver's message can hold addresses and statements: it goes to the log, never to the caller.
    metrics.failed("database")
    log.error("database unavailable: %s", error.__class__.__name__, exc_info=error)
    return respond(503, DETAILS[503])


def _unexpected(error: BaseException) -> Response:
    metrics.failed("unhandled")
    log.error("unhandled %s on %s", type(error).__name__, logs.route(), exc_info=error)
    return respond(500, DETAILS[500])
