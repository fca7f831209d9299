"""The exceptions of the application."""

from __future__ import annotations

from collections.abc import Sequence

FieldErrors = Sequence[tuple[str, str]]
#: The largest number of invalid fields that a response lists.
MOST_ERRORS = 50


class AppError(Exception):
    """Base of the errors that are responses.

    Attributes
    ----------
    status : int
        HTTP status.
    kind, title, detail : str
        ``type``, ``title`` and ``detail`` of the problem document (RFC 9457).
    errors : list of (str, str)
        JSON pointers and messages of all invalid fields.
    """

    status = 500
    kind = "about:blank"
    title = ""

    def __init__(self, detail: str, errors: FieldErrors = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)

    @property
    def listed(self) -> FieldErrors:
        """The errors that a response lists."""
        return self.errors[:MOST_ERRORS]

    @property
    def n_unlisted(self) -> int:
        """Number of errors that a response does not list."""
        return max(0, len(self.errors) - MOST_ERRORS)


class NotFound(AppError):
    """The requested object does not exist."""

    status = 404


class MalformedBody(AppError):
    """The body cannot be parsed."""

    status = 400


class UnsupportedType(AppError):
    """The body has an unsupported media type."""

    status = 415


class ValidationFailed(AppError):
    """The input is invalid. Every error has the JSON pointer of its field."""

    status = 422
    kind = "urn:ecopredict:problem:validation"
    title = "Invalid input"

    def __init__(self, errors: FieldErrors, detail: str = "") -> None:
        number = len(errors)
        counted = "1 value is not valid." if number == 1 else f"{number:,} values are not valid."
        more = f" The first {MOST_ERRORS} are listed, and {number - MOST_ERRORS:,} more are not."
        super().__init__(detail or counted + (more if number > MOST_ERRORS else ""), errors)


class Conflict(AppError):
    """The state of the resource does not allow the change, such as a change of an old revision."""

    status = 409
    kind = "urn:ecopredict:problem:conflict"
    title = "Conflict"


class OutsideArea(AppError):
    """The conditions lie outside the area of applicability, and the request refuses extrapolation."""

    status = 409
    kind = "urn:ecopredict:problem:outside-area-of-applicability"
    title = "Outside the area of applicability"


class WrongHost(AppError):
    """The request is for a host name that is not allowed (RFC 9110, section 15.5.20)."""

    status = 421


class CrossSite(AppError):
    """A form was sent from another site."""

    status = 403


class SignInNeeded(AppError):
    """The request needs a person who is signed in."""

    status = 401
    title = "Sign in first"


class CredentialRefused(AppError):
    """The key or the token of a request is not accepted."""

    status = 401
    kind = "urn:ecopredict:problem:credential"
    title = "Key or token not accepted"


class TooManyRefused(AppError):
    """The key or the token of a request is not accepted, nor were many others from the same address."""

    status = 429
    kind = "urn:ecopredict:problem:credential"
    title = "Too many keys or tokens not accepted"


class OverPlan(AppError):
    """The plan of the person does not allow so many requests."""

    status = 429
    kind = "urn:ecopredict:problem:plan"
    title = "Limit of the plan"


class NotPermitted(AppError):
    """The role of the person who is signed in does not allow the request."""

    status = 403
    title = "Not permitted"


class TooLarge(AppError):
    """The body, or the file that it is a part of, is larger than the server accepts."""

    status = 413


class RangeRefused(AppError):
    """The part of an upload does not begin where the stored part ends."""

    status = 416


class InsufficientStorage(AppError):
    """The disk or the quota has no space for the request."""

    status = 507


class Unavailable(AppError):
    """A part of the service that the request needs is down."""

    status = 503
