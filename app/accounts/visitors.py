"""The person who sends a request, as the rest of the application sees them."""

from __future__ import annotations

from dataclasses import dataclass

from app.accounts.roles import Role
from app.accounts.scopes import Scope


@dataclass(frozen=True)
class Visitor:
    """A person who is known by a session, a key or a token, as of the beginning of the request.

    Attributes
    ----------
    role : Role or None
        Limited by the scopes of a key; None where these allow nothing that needs a role.
    plan : str
        Name of the plan.
    scopes : frozenset of Scope, optional
        Of a key; None where everything is allowed that the person may do.
    """

    id: str
    email: str
    role: Role | None
    epoch: int
    plan: str = "free"
    scopes: frozenset[Scope] | None = None

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return what a session stores: the person, and the epoch with which the session ends."""
        return f"{self.id}:{self.epoch}"
