"""The people who have an account: found, listed, created and changed."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import delete, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from app.accounts import passwords, second_factor
from app.accounts.roles import Role
from app.accounts.tables import LONGEST_EMAIL, OneTimeLink, User
from app.database.db import db
from app.database.types import now
from app.errors import AppError, Conflict, NotFound, ValidationFailed
from app.trail import recorder as trail

log = logging.getLogger(__name__)

#: An address, as a regular expression of Python and of JSON Schema. Letters of other scripts are left out: with them
#: two addresses could look alike, and few servers for mail accept them.
EMAIL_PATTERN = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"
_EMAIL = re.compile(EMAIL_PATTERN, re.ASCII)

_NO_EMAIL = "must be an address such as name@example.org"


def read_email(text: str) -> str:
    """Return an address as it was typed, without spaces around it.

    Raises
    ------
    ValidationFailed
        It is no address.
    """
    email = text.strip()
    if len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise ValidationFailed([("/email", _NO_EMAIL)], f"the address {_NO_EMAIL}")
    return email


def find(email: str) -> User | None:
    """Return the person with an address in any case, or None."""
    key = _key(email)
    if len(key) > LONGEST_EMAIL or not key.isascii() or "\0" in key:
        return None
    return db.session.scalars(select(User).where(User.email_key == key)).first()


def get(email: str) -> User:
    """Return the person with an address.

    Raises
    ------
    NotFound
        Nobody has this address.
    """
    user = find(email)
    if user is None:
        raise NotFound(f"nobody has the address {email[:LONGEST_EMAIL].encode('ascii', 'replace').decode()}")
    return user


def addresses_of(ids: Collection[str]) -> dict[str, str]:
    """Return the addresses of accounts by their ids; those that do not exist any more are left out."""
    if not ids:
        return {}
    rows = db.session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    return {row.id: row.email for row in rows}


def browse() -> Sequence[User]:
    """Return all people by their addresses."""
    return db.session.scalars(select(User).order_by(User.email_key)).all()


def create(email: str, role: Role, password: str | None = None, plan: str = "free") -> User:
    """Create a person.

    Raises
    ------
    ValidationFailed
        The address or the password is refused.
    Conflict
        Somebody has this address.
    """
    email = read_email(email)
    if password is not None:
        check_password(password, email)
    user = User(email=email, email_key=_key(email), role=role, plan=plan)
    user.password_hash = passwords.hash_of(password) if password is not None else None
    db.session.add(user)
    try:
        db.session.flush()
        trail.about("account", user.id, f"role {role}")
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict(f"somebody has the address {email} already") from None
    log.info("account %s created with the role %s", user.id, role)
    return user


def check_password(password: str, email: str, field: str = "password") -> None:
    """Refuse a password that is too short, too long or common.

    Raises
    ------
    ValidationFailed
    """
    problem = passwords.problem_of(password, email)
    if problem is not None:
        raise ValidationFailed([(f"/{field}", problem)], f"the password {problem}")


def set_role(email: str, role: Role) -> User:
    """Give a person another role. Their sessions have it at the next request.

    Raises
    ------
    NotFound, Conflict
        Nobody has this address, or they are the last admin.
    """
    return change(get(email), role=role)


def set_disabled(email: str, disabled: bool) -> User:
    """Disable a person, which ends their sessions, or enable them again.

    Raises
    ------
    NotFound, Conflict
        Nobody has this address, or they are the last admin.
    """
    return change(get(email), disabled=disabled)


def set_plan(email: str, plan: str) -> User:
    """Give a person another plan. It holds from the next request on.

    Raises
    ------
    NotFound
        Nobody has this address.
    """
    return change(get(email), plan=plan)


def change(
    user: User,
    role: Role | None = None,
    disabled: bool | None = None,
    plan: str | None = None,
    *,
    check: Callable[[User], None] | None = None,
) -> User:
    """Give a person another role or plan, disable them, which ends their sessions, or enable them again.

    Another role ends the links of the account, as disabling does.

    Parameters
    ----------
    user : User
    role, disabled, plan : optional
        None where it stays.
    check : callable, optional
        Raises what speaks against the change; it sees the person as nobody else can change them any more.

    Raises
    ------
    NotFound, Conflict
        They do not exist any more, or are the last admin.
    """
    take_turns(user.id)
    if db.session.get(User, user.id, populate_existing=True) is None:
        db.session.rollback()
        raise NotFound("This account does not exist any more.")
    if check is not None:
        try:
            check(user)
        except AppError:
            db.session.rollback()
            raise
    if role not in (None, "admin") or disabled:
        keep_last_admin(user)
    said = []
    if role is not None:
        said.append(f"role {role}, before {user.role}")
        if role != user.role:
            # A link that somebody had for the role before must not lead to this one.
            _revoke_links(user.id)
        user.role = role
    if plan is not None:
        said.append(f"plan {plan}, before {user.plan}")
        user.plan = plan
    if disabled is not None:
        said.append("disabled" if disabled else "enabled")
        if disabled:
            user.epoch += 1
            _revoke_links(user.id)
        user.disabled = disabled
    trail.about("account", user.id, "; ".join(said))
    db.session.commit()
    log.info("account %s changed: %s", user.id, "; ".join(said))
    return user


def note_sign_in(user_id: str) -> None:
    """Store that a person signs in. The caller commits, and writes a line of the audit trail."""
    statement = update(User).where(User.id == user_id).values(last_sign_in_at=now())
    db.session.execute(statement.execution_options(synchronize_session=False, unwatched=True))


def remove_second_factor(user: User) -> None:
    """Turn the second factor of a person off, who has lost it, and end their sessions."""
    trail.about("account", user.id, "second factor turned off")
    second_factor.turn_off(user.id)
    end_sessions(user.id)


def end_sessions(user_id: str) -> int:
    """End all sessions and links of a person, and return the epoch of the next sessions."""
    statement = update(User).where(User.id == user_id).values(epoch=User.epoch + 1)
    db.session.execute(statement.execution_options(synchronize_session=False))
    _revoke_links(user_id)
    epoch = db.session.scalar(select(User.epoch).where(User.id == user_id)) or 0
    db.session.commit()
    log.info("account %s: all sessions ended", user_id)
    return epoch


def store_password(user_id: str, password_hash: str, verified: str | None = None) -> int:
    """Store the hash of a password that was accepted, and end all sessions and links. The caller commits.

    Parameters
    ----------
    user_id : str
    password_hash : str
    verified : str, optional
        Hash of the present password, where that has confirmed the change.

    Returns
    -------
    int
        Epoch of the next sessions.

    Raises
    ------
    Conflict
        The present password is another one by now.
    """
    is_unchanged = User.password_hash == verified if verified is not None else true()
    changes = {User.password_hash: password_hash, User.epoch: User.epoch + 1}
    statement = update(User).where(User.id == user_id, is_unchanged).values(changes)
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    if not result.rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        db.session.rollback()
        raise Conflict("The password was changed at the same time. Sign in again.")
    _revoke_links(user_id)
    log.info("account %s: password changed, all sessions ended", user_id)
    return db.session.scalar(select(User.epoch).where(User.id == user_id)) or 0


def _revoke_links(user_id: str) -> None:
    statement = delete(OneTimeLink).where(OneTimeLink.user_id == user_id)
    db.session.execute(statement.execution_options(synchronize_session=False))


def take_turns(user_id: str = "") -> None:
    """Make two changes of admins follow each other, on SQLite and on PostgreSQL, by a statement that writes to all.

    Two changes of the same person follow each other too.
    """
    concerned = or_(User.role == "admin", User.id == user_id)
    db.session.execute(
        update(User).where(concerned).values(epoch=User.epoch).execution_options(synchronize_session=False)
    )


def keep_last_admin(user: User) -> None:
    """Raise Conflict where a person is the last admin who can sign in; ends the transaction then."""
    active = select(func.count()).select_from(User).where(User.role == "admin", User.disabled.is_(False))
    if user.role == "admin" and not user.disabled and (db.session.scalar(active) or 0) < 2:
        email = user.email
        db.session.rollback()
        raise Conflict(f"{email} is the last admin, and one is needed; make somebody else an admin first")


def _key(email: str) -> str:
    return email.strip().lower()
