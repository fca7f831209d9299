"""The key or the token of a request, checked."""

from __future__ import annotations

import logging
from typing import Final

from flask import g, request
from sqlalchemy.exc import SQLAlchemyError

from app.accounts import keys, tokens
from app.accounts.visitors import Visitor
from app.components import component
from app.database.db import db
from app.errors import CredentialRefused, TooManyRefused, Unavailable
from app.limits.counts import LocalCounts
from app.limits.limiter import Usage, client_of
from app.throttled_log import ThrottledLog
from app.web.credentials import sent_key, sent_token

log = logging.getLogger(__name__)
_failure = ThrottledLog(log)
_BOTH = "Send either a key or a token, not both."
_KEY = "This key is unknown, was revoked or has expired, or its account is disabled."
_TOKEN = "This access token is not valid, was revoked or has expired. Refresh it, or sign in again."  # noqa: S105
_TOO_MANY = (
    "This key or token is not accepted, as {most} others from this address within a minute. Wait a moment. Keys and "
    "tokens that are valid, and requests without one, go on."
)
#: Credentials of a client that were not accepted, in a minute and in one process, until the answer is 429.
MOST: Final = 60
_WINDOW_S = 60


class Refusals:
    """Counts what was not accepted, by client."""

    def __init__(self) -> None:
        self._counts = LocalCounts()

    def add(self, client: str) -> None:
        """Count one.

        Raises
        ------
        TooManyRefused
            The client has sent too many before it.
        """
        window = self._counts.hit(client, _WINDOW_S)
        if window.count > MOST:
            g.rate_limit = Usage(MOST, 0, window.ends)
            raise TooManyRefused(_TOO_MANY.format(most=MOST))


def find() -> Visitor:
    """Return the person whose key or token the present request has.

    Raises
    ------
    CredentialRefused
        It is not accepted.
    Unavailable
        The database does not answer.
    TooManyRefused
        It is not accepted, nor were too many others of the client.
    """
    try:
        return _find(sent_key(), sent_token())
    except CredentialRefused:
        # Only now: many people can share an address, and none of them waits for the mistakes of another.
        component(Refusals).add(client_of(request.remote_addr or ""))
        raise
    except SQLAlchemyError as error:
        _failure.warning("the database does not answer, no key is accepted: %s", type(error).__name__)
        raise Unavailable(
            "Keys and tokens cannot be checked right now. What needs no account works without them."
        ) from None
    finally:
        # The connection goes back before the view begins, which may read from the replica.
        db.session.rollback()


def _find(key: str | None, token: str | None) -> Visitor:
    if key is not None and token is not None:
        raise CredentialRefused(_BOTH)
    found = keys.owner_of(key) if key is not None else tokens.owner_of(token or "")
    if found is None:
        raise CredentialRefused(_KEY if key is not None else _TOKEN)
    return found
