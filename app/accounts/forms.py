"""What the views of accounts share: fields of a form, its messages, and redirects."""

from __future__ import annotations

import math
import time

from flask import Response, g

from app.web.faces import Reply, render
from app.web.input_validation import pointer_parts, read_form

WAIT = "Too many attempts. Wait {time}, and try again."
# Longer waits are told in hours.
_MOST_MINUTES = 90


def field(name: str) -> str:
    """Return a field of the posted form as it was typed; "" where it is missing."""
    return read_form().get(name, "")


def see(address: str) -> Response:
    """Return the redirect to a page after a form."""
    return Response(status=303, headers={"Location": address})


def page(template: str, status: int = 200, **context: object) -> Response:
    """Return a page of accounts. Their forms are no fragments of HTMX."""
    return render(Reply(None, status, context), template, template)


def messages(errors: list[tuple[str, str]]) -> dict[str, str]:
    """Return the messages of invalid fields by their names."""
    named = {"".join(pointer_parts(pointer)): text for pointer, text in errors}
    return {name: text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".") for name, text in named.items()}


def wait_text() -> str:
    """Return the sentence about a limit of attempts that is used up."""
    usage = g.get("rate_limit")
    seconds = usage.ends - time.monotonic() if usage is not None else 60
    minutes = max(1, math.ceil(seconds / 60))
    if minutes > _MOST_MINUTES:
        return WAIT.format(time=f"{math.ceil(minutes / 60)} hours")
    return WAIT.format(time=f"{minutes} minutes" if minutes > 1 else "a minute")
