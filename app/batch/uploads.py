"""The table and the fields of a request that sends a form or a table."""

from __future__ import annotations

from contextlib import ExitStack

from flask import request

from app.accounts import allowance
from app.accounts.identity import may
from app.batch import storage
from app.batch.storage import Draft
from app.errors import ValidationFailed
from app.studies.multipart import FormFile, parts
from app.web import body_limits
from app.web.faces import settings

#: Name of a table that came without one, for messages.
UNNAMED = "the table"
#: Media types of a table.
TABLES = (
    "text/csv",
    "text/tab-separated-values",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
#: Bytes of a table that is pasted.
LONGEST_TEXT = 1_000_000
_OVERHEAD = 64 * 1024


def limit() -> int:
    """Return the largest table, in bytes: where no jobs are started, tables have a thousand rows."""
    return allowance.most_upload_bytes() if may("editor") else settings().max_content_length


def body_table(stack: ExitStack) -> Draft:
    """Store the body of the present request, as long as the stack is open.

    Raises
    ------
    TooLarge, MalformedBody, InsufficientStorage
    """
    most = limit()
    length = None if "Transfer-Encoding" in request.headers else request.content_length or 0
    # refused before the first byte is read
    if length is None or length <= most:
        body_limits.allow(most, may_upload=may("editor"))
    return stack.enter_context(storage.received(request.stream, UNNAMED, most, length))


def form_table(stack: ExitStack) -> tuple[Draft | None, dict[str, list[str]]]:
    """Store the file of the form that the present request posts, and return its fields.

    Raises
    ------
    TooLarge, MalformedBody, InsufficientStorage
    ValidationFailed
        There are several files.
    """
    most = limit() + _OVERHEAD + 2 * LONGEST_TEXT
    length = None if "Transfer-Encoding" in request.headers else request.content_length or 0
    if length is not None and length > most:
        raise storage.too_large(limit())
    body_limits.allow(most, may_upload=may("editor"))
    draft: Draft | None = None
    fields: dict[str, list[str]] = {}
    for part in parts(request.stream, request.mimetype_params.get("boundary", ""), LONGEST_TEXT):
        if not isinstance(part, FormFile):
            fields.setdefault(part.name, []).append(part.value)
        # a browser sends an empty part where no file was chosen
        elif part.file_name:
            if draft is not None:
                raise ValidationFailed([("/file", "send one table at a time")])
            draft = stack.enter_context(storage.received(part.stream, part.file_name, limit()))
    return draft, fields
