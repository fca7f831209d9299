"""Who gets the candidate: a keyed hash of the rollout and the client, so that nothing is stored about anybody.

Another hash tells the clients of a rollout apart, as far as the rule that stops it needs that.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from flask import current_app, has_request_context, request

from app.accounts.identity import named_user_id
from app.catalogue.entries import RolloutEntry
from app.limits.limiter import client_of
from app.rollouts.by_client import GROUPS

_SPAN = 1 << 64


def client() -> str:
    """Return who sends the present request: a person, otherwise the client that the limiter counts.

    A person is that of a key, a token or a session. The session is taken at its word, without a look into the database:
    the text decides nothing but the arm.
    """
    if not has_request_context():
        return "command"
    person = named_user_id()
    if person is not None:
        return f"person {person}"
    return f"client {client_of(request.remote_addr or '127.0.0.1')}"


def gets_candidate(rollout: RolloutEntry, who: str) -> bool:
    """Return whether the candidate answers a client.

    A client keeps its arm for the whole rollout, in all workers and after restarts. A larger share keeps those who had
    the candidate before. Another rollout shares the clients out anew.
    """
    return place_of(_key(current_app.config["SECRET_KEY"]), rollout.id, who) * 100 < rollout.percent


def place_of(key: bytes, rollout_id: int, who: str) -> float:
    """Return the place of a client in a rollout, from 0 to 1."""
    digest = hashlib.blake2b(f"{rollout_id} {who}".encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest) / _SPAN


def group_of(rollout: RolloutEntry, who: str) -> int:
    """Return the group in which the requests of a client are counted; it says nothing about the arm."""
    return int(place_of(_key(current_app.config["SECRET_KEY"]), rollout.id, f"in a group: {who}") * GROUPS)


@lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"rollouts " + secret.encode()).digest()
