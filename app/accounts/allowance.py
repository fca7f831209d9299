"""What the plan of the person who sends a request allows beside requests: the size of uploads, and jobs at once."""

from __future__ import annotations

from flask import has_request_context

from app.accounts.identity import visitor
from app.components import component
from app.plans.service import Plans
from app.web.faces import settings


def most_upload_bytes() -> int:
    """Return the largest upload of the present request: that of the server, or of a plan that allows less."""
    most = settings().max_upload
    person = visitor() if has_request_context() else None
    allowed = component(Plans).get(person.plan).upload_bytes if person is not None else None
    return most if allowed is None else min(most, allowed)


def upload_limit_name() -> str:
    """Return what limits the uploads of the present request, for messages."""
    return "MAX_UPLOAD" if most_upload_bytes() == settings().max_upload else "the plan of your account"


def jobs_at_once() -> tuple[str, int] | None:
    """Return who sends the present request, and how many of their jobs may wait or run; None for no limit."""
    person = visitor() if has_request_context() else None
    most = component(Plans).get(person.plan).jobs_at_once if person is not None else None
    return (person.id, most) if person is not None and most is not None else None
