"""Credentials that programs send with each request: an API key, or an access token."""

from __future__ import annotations

import re

from flask import request

KEY_HEADER = "X-API-Key"
# Also one that is malformed: what looks like a token is never a request of a stranger.
_BEARER = re.compile(r"\s*bearer\b(?P<token>.*)", re.IGNORECASE | re.DOTALL | re.ASCII)
#: The request headers by which a person is known.
IDENTIFYING = ("Cookie", "Authorization", KEY_HEADER)


def by_program() -> bool:
    """Return whether the present request has a key or a token, valid or not. It is no request of a browser's session.

    Other schemes of ``Authorization`` do not count: a proxy in front may ask for a password of its own.
    """
    headers = request.headers
    return KEY_HEADER in headers or _BEARER.match(headers.get("Authorization", "")) is not None


def sent_key() -> str | None:
    """Return the API key of the present request, as it was sent."""
    return request.headers.get(KEY_HEADER)


def sent_token() -> str | None:
    """Return the access token of the present request, as it was sent."""
    found = _BEARER.match(request.headers.get("Authorization", ""))
    return found["token"].strip() if found is not None else None
