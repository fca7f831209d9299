"""The roles of people, from the one that may do least to the one that may do most."""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["viewer", "editor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


def includes(role: Role | None, needed: Role) -> bool:
    """Return whether a role may do what another role may do. None may do nothing that needs a role."""
    return role is not None and ROLES.index(role) >= ROLES.index(needed)
