"""Limits of attempts to guess a secret: by client, and by account wherever the attempts come from."""

from __future__ import annotations

import hashlib

from flask import g, request
from limits import RateLimitItem, parse, parse_many

from app.components import component
from app.limits.limiter import OneLimit, client_of

#: Sign-ins, successful or not. Those of an address that has no account count in the same way. The same limits hold for
#: the present password of a person who is signed in, whose session somebody may have stolen.
BY_CLIENT = parse("20 per 5 minute")
BY_ACCOUNT = parse("30 per hour")
#: Second factors. Whoever tries one knows the password.
CODES = tuple(parse_many("5 per 5 minute;30 per day"))
#: Messages with links.
LINKS_BY_CLIENT = parse("10 per hour")
LINKS_BY_ACCOUNT = parse("3 per hour")


def count_sign_in(account: str) -> None:
    """Count an attempt to sign in with an address.

    Raises
    ------
    TooManyRequests
    """
    _count(BY_CLIENT, "sign-in", client_of(request.remote_addr or ""))
    _count(BY_ACCOUNT, "account", account.strip().lower())


def count_code(user_id: str) -> None:
    """Count an attempt with a code of the second factor.

    Raises
    ------
    TooManyRequests
    """
    for item in CODES:
        _count(item, "code", user_id)


def count_password(user_id: str) -> None:
    """Count an attempt to confirm a change with the present password.

    Raises
    ------
    TooManyRequests
    """
    for item in (BY_CLIENT, BY_ACCOUNT):
        _count(item, "password", user_id)


def count_link(account: str) -> None:
    """Count a request for a link.

    Raises
    ------
    TooManyRequests
    """
    _count(LINKS_BY_CLIENT, "links", client_of(request.remote_addr or ""))
    _count(LINKS_BY_ACCOUNT, "link", account.strip().lower())


def _count(item: RateLimitItem, kind: str, key: str) -> None:
    # Redis learns no address
    digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]
    component(OneLimit).count_attempt(item, f"{kind}-{digest}")
    # for the audit trail, whose lines about strangers are limited as attempts are
    g.counted_attempt = True
