"""The accounts of a site, for admins: listed, invited and changed.

The command ``users`` uses the same functions below this module (`app.accounts.users`, `app.accounts.links`).
"""

from __future__ import annotations

from uuid import UUID

from flask import has_request_context
from sqlalchemy import select

from app.accounts import identity, links, users
from app.accounts.delivery import Messenger
from app.accounts.people_schemas import Account, AccountChange, AccountPage, Invitation, Invited, PeopleQuery
from app.accounts.roles import Role
from app.accounts.tables import User
from app.components import component
from app.database.db import db
from app.database.types import now
from app.errors import Conflict, NotFound, NotPermitted
from app.web.credentials import by_program
from app.web.paging import cut_page, read_cursor


def browse(query: PeopleQuery) -> AccountPage:
    """Return a page of accounts, by address.

    Raises
    ------
    ValidationFailed
        The cursor is not one of this list.
    """
    statement = select(User).order_by(User.email_key).limit(query.limit + 1)
    if query.q is not None:
        statement = statement.where(User.email_key.contains(query.q.strip().lower(), autoescape=True))
    if query.role is not None:
        statement = statement.where(User.role == query.role)
    place = read_cursor(query.cursor, str)
    if place is not None:
        statement = statement.where(User.email_key > place[0].replace("\0", ""))
    rows = db.session.scalars(statement.execution_options(populate_existing=True)).all()
    page, cursor = cut_page(list(rows), query.limit, lambda user: (user.email_key,))
    return AccountPage(items=[as_account(user) for user in page], next=cursor)


def find(user_id: UUID) -> User:
    """Return an account.

    Raises
    ------
    NotFound
        There is none with this id.
    """
    user = db.session.get(User, str(user_id), populate_existing=True)
    if user is None:
        raise NotFound("There is no such account.")
    return user


def invite(invitation: Invitation, site: str) -> Invited:
    """Create an account, with a link for its person to choose a password.

    Raises
    ------
    ValidationFailed
        The address is none.
    Conflict
        Somebody has this address.
    NotPermitted
        A program creates no admin.
    """
    _refuse_programs(invitation.role)
    return _linked(users.create(invitation.email, invitation.role, plan=invitation.plan), site)


def invite_again(user_id: UUID, site: str) -> Invited:
    """Make a new link for a person who has no password yet. Earlier ones stop working.

    Raises
    ------
    NotFound
        There is no such account.
    Conflict
        The person has a password, or is disabled.
    NotPermitted
        A program invites no admin.
    """
    user = find(user_id)
    _refuse_programs(user.role)
    if user.password_hash is not None:
        raise Conflict(f"{user.email} has a password. Whoever has forgotten it asks for a link on the sign-in page.")
    if user.disabled:
        raise Conflict(f"{user.email} is disabled. Enable the account first.")
    return _linked(user, site)


def _linked(user: User, site: str) -> Invited:
    """Return an account with a new link, which is mailed where that is set up. Otherwise the admin passes it on."""
    expires_at, token = now() + links.INVITATION, links.create(user, links.INVITATION)
    address = links.address_of(token, site)
    is_mailed = component(Messenger).sends_mail
    if is_mailed:
        links.send_invitation(user.email, address)
    return Invited(
        account=as_account(user), mailed=is_mailed, link=None if is_mailed else address, expires_at=expires_at
    )


def change(user_id: UUID, wanted: AccountChange, shown: str | None = None) -> Account:
    """Change role and plan of an account, disable it or enable it again.

    Parameters
    ----------
    user_id : UUID
    wanted : AccountChange
    shown : str, optional
        What the page showed when somebody decided, as `state_of` returns it.

    Raises
    ------
    NotFound
        There is no such account.
    Conflict
        It is one's own or that of the last admin, or somebody else has changed it meanwhile.
    NotPermitted
        A program changes no admin, and makes nobody one.
    """
    user = find(user_id)
    _refuse_programs(user.role, wanted.role)
    person = identity.visitor()
    is_own = person is not None and person.id == user.id
    if is_own and (wanted.role not in (None, user.role) or wanted.disabled):
        raise Conflict("Another admin changes your role or disables your account.")

    def check(present: User) -> None:
        if shown is not None and shown != state_of(as_account(present)):
            raise Conflict(f"Somebody else has changed {present.email} in the meantime. This is how it is now.")
        _refuse_programs(present.role)

    return as_account(users.change(user, wanted.role, wanted.disabled, wanted.plan, check=check))


def state_of(account: Account) -> str:
    """Return what of an account can be changed, as a text that a form keeps."""
    return f"{account.role} {account.plan} {'disabled' if account.disabled else 'enabled'}"


def as_account(user: User) -> Account:
    """Return an account as pages and the API show it."""
    return Account(
        id=user.id,
        email=user.email,
        role=user.role,
        plan=user.plan,
        disabled=user.disabled,
        has_password=user.password_hash is not None,
        has_second_factor=user.totp_secret is not None,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
    )


def _refuse_programs(*roles: Role | None) -> None:
    """Refuse keys and tokens where admins are concerned: a key that leaked must not outlive its end as an admin."""
    if "admin" in roles and has_request_context() and by_program():
        raise NotPermitted("Admins are invited and changed with a browser or by command, without a key or a token.")
