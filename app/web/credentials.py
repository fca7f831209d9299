"""Credentials that programs send with each request: an API key, or an access token."""

from __future__ import annotations

from flask import request

KEY_HEADER = "X-API-Key"
_SCHEME = "bearer"
#: The request headers by which a person is known.
IDENTIFYING = ("Cookie", "Authorization", KEY_HEADER)


def by_program() -> bool:
    """Return whether the present request has a key or a token, valid or not. It is no request of a browser's session.

    Other schemes of ``Authorization`` do not count: a proxy in front may ask for a password of its own.
    """
    headers = request.headers
    return KEY_HEADER in headers or _scheme_of(headers.get("Authorization", "")) == _SCHEME


def sent_key() -> str | None:
    """Return the API key of the present request, as it was sent."""
    return request.headers.get(KEY_HEADER)


def sent_token() -> str | None:
    """Return the access token of the present request, as it was sent."""
    text = request.headers.get("Authorization", "")
    return text.strip().partition(" ")[2].strip() if _scheme_of(text) == _SCHEME else None


def _scheme_of(text: str) -> str:
    return text.strip().partition(" ")[0].lower()
