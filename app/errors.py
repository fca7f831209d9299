"""The error tree and its two faces: problem+json for programs, the error page or fragment for people."""

from __future__ import annotations

from collections.abc import Sequence

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
