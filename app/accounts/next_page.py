"""The page to return to after signing in: a page of this site and no other."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import request

HOME = "/"
_LONGEST = 2_000
# A backslash is a slash to browsers, and they remove control characters and spaces at the ends.
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
# Pages that are no aim.
_OWN = ("/login", "/logout", "/account/password/")


def safe(text: str) -> str:
    """Return the path of a page of this site, or that of the first page where the text is anything else.

    Parameters
    ----------
    text : str
        From an address or a form.
    """
    if len(text) > _LONGEST or not text.startswith("/") or text.startswith("//") or _UNSAFE.search(text):
        return HOME
    try:
        parts = urlsplit(text)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path.startswith("//") or parts.path.startswith(_OWN):
        return HOME
    return text


def page_of_request() -> str:
    """Return the page that a request for a page is for; for a form, the page that it was sent from."""
    if request.method in ("GET", "HEAD"):
        return safe(request.full_path.rstrip("?"))
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:
        return HOME
    if parts.netloc.lower() != request.host.lower():
        return HOME
    return safe(parts.path + (f"?{parts.query}" if parts.query else ""))
