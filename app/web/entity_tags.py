"""Revisions as entity tags: ``If-Match`` of a request, and the hidden field of a form."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import request

from app.errors import ValidationFailed

_TAG = re.compile(r'(?:W/)?"(\d{1,9})"')
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def if_match(of: str = "the study") -> int | None:
    """Return the revision that a request was made on, or None where it states none.

    Parameters
    ----------
    of : str
        What has the revision, for the message.

    Raises
    ------
    ValidationFailed
        The header is not one entity tag of a revision.
    """
    text = request.headers.get("If-Match", "").strip()
    if text in ("", "*"):
        return None
    match = _TAG.fullmatch(text)
    if match is None:
        raise ValidationFailed([("/If-Match", f'must be the ETag of {of}, such as "3"')])
    return int(match[1])


def revision_of_form(form: Mapping[str, str]) -> int | None:
    """Return the revision in the hidden field of a form, or None."""
    text = form.get("revision", "")
    return int(text) if _NUMBER.fullmatch(text) else None


def etag(revision: int) -> dict[str, str]:
    """Return the header with a revision."""
    return {"ETag": f'"{revision}"'}


def revision_of_change(member: int | None, current: int, of: str = "the study") -> int:
    """Return the revision that a change is made on, which a request must state.

    Parameters
    ----------
    member : int or None
        The `revision` of the body.
    current : int
        Stands for the header ``If-Match: *``.
    of : str
        What has the revision, for the messages.

    Raises
    ------
    ValidationFailed
        The request states no revision, or two different ones.
    """
    tag = if_match(of)
    if tag is None and request.headers.get("If-Match", "").strip() == "*":
        tag = current
    if tag is None and member is None:
        raise ValidationFailed([("/revision", f"a value is needed, or the header If-Match with the ETag of {of}")])
    if tag is not None and member is not None and tag != member:
        raise ValidationFailed([("/revision", "must be the same as in If-Match")])
    return member if tag is None else tag  # type: ignore[return-value]  # one of them is a number
