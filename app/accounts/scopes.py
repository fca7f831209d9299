"""The scopes of API keys: what a program may do of what its person may do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, get_args

from app.accounts.needs import ACCOUNT, PREDICTING, Needed
from app.accounts.roles import ROLES, Role
from app.errors import ValidationFailed

Scope = Literal["read", "predict", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
#: What each scope is for, as forms and documents say it.
MEANINGS: dict[Scope, str] = {
    "read": "read what needs an account",
    "predict": "predict, compare, and answer tables of conditions",
    "write": "report observations, and read and change what an editor may; includes read and predict",
    "admin": "do what an admin may do; includes all others",
}
#: A scope and those that include it.
_WITHIN: dict[Scope, frozenset[Scope]] = {
    "read": frozenset({"read", "write", "admin"}),
    "predict": frozenset({"predict", "write", "admin"}),
    "write": frozenset({"write", "admin"}),
    "admin": frozenset({"admin"}),
}
_HIGHEST: tuple[tuple[Scope, Role], ...] = (("admin", "admin"), ("write", "editor"), ("read", "viewer"))
# The tokens have credentials of their own.
_WITHOUT = "auth_api."
# Open to everybody where they are public, and private to the person otherwise.
_OWN_LISTS = ("predictions_list.browse", "jobs_api.browse")
_SAFE = ("GET", "HEAD", "OPTIONS")


def covers(scopes: Collection[Scope], needed: Scope) -> bool:
    """Return whether scopes allow what another scope is for."""
    return not _WITHIN[needed].isdisjoint(scopes)


def role_within(role: Role, scopes: Collection[Scope]) -> Role | None:
    """Return the role of a person as far as scopes go; None where they allow nothing that needs a role."""
    for scope, most in _HIGHEST:
        if scope in scopes:
            return min(role, most, key=ROLES.index)
    return None


def scope_for(endpoint: str, method: str, needed: Needed) -> Scope | None:
    """Return the scope that a request with a key needs, or None.

    Parameters
    ----------
    endpoint, method : str
    needed : Needed
        What the endpoint needs of a person.
    """
    if endpoint in PREDICTING:
        return "predict"
    if endpoint.startswith(_WITHOUT):
        return None
    if endpoint in _OWN_LISTS:
        return "read"
    if needed == "admin":
        return "admin"
    if needed == "editor" or method not in _SAFE:
        return "write"
    return "read" if needed in ("viewer", ACCOUNT) else None


def read_scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    """Return scopes by their names, in the order of `SCOPES`.

    Raises
    ------
    ValidationFailed
        A name is unknown, or there is none.
    """
    chosen = {name.strip() for name in names if name.strip()}
    if not chosen:
        raise _refused("choose at least one")
    if chosen - set(SCOPES):
        raise _refused(f"must be of {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in chosen)


def _refused(problem: str) -> ValidationFailed:
    return ValidationFailed([("/scopes", problem)], f"the scopes: {problem}")
