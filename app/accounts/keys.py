"""API keys: made, listed, revoked, and looked up for each request that has one."""

from __future__ import annotations

import logging
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.accounts.roles import Role, includes
from app.accounts.scopes import Scope, read_scopes, role_within
from app.accounts.sealing import hash_of_token, new_token
from app.accounts.tables import ApiKey, User
from app.accounts.visitors import Visitor
from app.database.db import db
from app.database.types import now
from app.errors import Conflict, NotFound, ValidationFailed
from app.trail import recorder as trail

log = logging.getLogger(__name__)
MOST = 50
LONGEST_DAYS, USUAL_DAYS = 366, 90
LONGEST_NAME = 100
_BEGINNING = "eco_"
_N_LETTERS = 8
# 43 characters are 256 bits.
_KEY = re.compile(rf"{_BEGINNING}[A-Za-z0-9]{{{_N_LETTERS}}}_[A-Za-z0-9_-]{{43}}", re.ASCII)
_LETTERS = string.ascii_letters + string.digits
_USED_EVERY = timedelta(hours=1)
#: How long keys that were revoked or have expired are listed for operators.
_KEPT = timedelta(days=90)


@dataclass(frozen=True)
class KeyDetail:
    """A key as lists show it."""

    id: str
    owner: str
    name: str
    prefix: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    state: str


def create(user: User, epoch: int, name: str, scopes: Sequence[str], days: int) -> tuple[KeyDetail, str]:
    """Create a key.

    Parameters
    ----------
    user : User
    epoch : int
        That of the session which asks, or the present one.
    name : str
    scopes : sequence of str
    days : int
        Until the key expires.

    Returns
    -------
    detail : KeyDetail
    key : str
        Shown to its owner once; the database has its hash.

    Raises
    ------
    ValidationFailed
        The name, the scopes or the number of days is refused.
    Conflict
        The person has too many keys, or the epoch is over.
    """
    name, chosen = check(user.role, name, scopes, days)
    email = user.email
    _take_turns(user.id, epoch)
    moment = now()
    over = or_(ApiKey.revoked_at < moment - _KEPT, ApiKey.expires_at < moment - _KEPT)
    db.session.execute(
        delete(ApiKey).where(ApiKey.user_id == user.id, over).execution_options(synchronize_session=False)
    )
    count = select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user.id, ApiKey.revoked_at.is_(None))
    if (db.session.scalar(count) or 0) >= MOST:
        db.session.rollback()
        raise Conflict(f"An account has at most {MOST} keys. Revoke one that nobody uses.")
    prefix = _BEGINNING + "".join(secrets.choice(_LETTERS) for _ in range(_N_LETTERS))
    key = f"{prefix}_{new_token()}"
    row = ApiKey(user_id=user.id, name=name, prefix=prefix, key_hash=hash_of_token(key), scopes=" ".join(chosen))
    row.created_at, row.expires_at = moment, moment + timedelta(days=days)
    db.session.add(row)
    db.session.flush()
    life = "1 day" if days == 1 else f"{days} days"
    trail.about("key", row.id, f"scopes {', '.join(chosen)}; {life}; of account {user.id}")
    db.session.commit()
    log.info("account %s: key %s made (%s)", user.id, row.id, row.scopes)
    return _detail(row, email), key


def check(role: Role, name: str, scopes: Sequence[str], days: int) -> tuple[str, tuple[Scope, ...]]:
    """Return the name and the scopes of a key that is to be made for a person with a role.

    Raises
    ------
    ValidationFailed
    """
    problems = []
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        problems.append(("/name", f"must have 1 to {LONGEST_NAME} characters"))
    chosen: tuple[Scope, ...] = ()
    try:
        chosen = read_scopes(scopes)
    except ValidationFailed as error:
        problems += error.errors
    if "admin" in chosen and not includes(role, "admin"):
        problems.append(("/scopes", f"admin belongs to admins, and the role is {role}"))
    if not 1 <= days <= LONGEST_DAYS:
        problems.append(("/days", f"must be a whole number from 1 to {LONGEST_DAYS}"))
    if problems:
        raise ValidationFailed(problems, f"{problems[0][0][1:]}: {problems[0][1]}")
    return name, chosen


def _take_turns(user_id: str, epoch: int) -> None:
    """Let two changes of the keys of a person take turns, on SQLite and on PostgreSQL."""
    statement = update(User).where(User.id == user_id, User.epoch == epoch).values(epoch=User.epoch)
    result = db.session.execute(statement.execution_options(synchronize_session=False, unwatched=True))
    if not result.rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        db.session.rollback()
        raise Conflict("Your sessions have ended meanwhile. Sign in again.")


def browse(user_id: str | None = None) -> list[KeyDetail]:
    """Return the keys of a person that were not revoked; without a person all keys. Latest first."""
    statement = select(ApiKey, User.email).join(User, ApiKey.user_id == User.id)
    if user_id is not None:
        statement = statement.where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
    rows = db.session.execute(statement.order_by(ApiKey.created_at.desc(), ApiKey.id))
    return [_detail(row, email) for row, email in rows]


def revoke(key_id: str, user_id: str | None = None) -> None:
    """Revoke a key; it is refused from the next request on.

    Parameters
    ----------
    key_id : str
    user_id : str, optional
        The person who asks. Keys of other people do not exist for them.

    Raises
    ------
    NotFound
        There is no such key, or it was revoked.
    """
    statement = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
    if user_id is not None:
        statement = statement.where(ApiKey.user_id == user_id)
    if not _revoke(statement):
        raise NotFound("There is no such key, or it was revoked.")
    log.info("key %s revoked", key_id)


def revoke_all(user_id: str) -> int:
    """Revoke all keys of a person, and return how many there were."""
    number = _revoke(update(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)))
    log.info("account %s: all keys revoked (%d)", user_id, number)
    return number


def _revoke(statement: Update) -> int:
    result = db.session.execute(statement.values(revoked_at=now()).execution_options(synchronize_session=False))
    db.session.commit()
    return int(result.rowcount)  # type: ignore[attr-defined]  # of an UPDATE


def owner_of(key: str) -> Visitor | None:
    """Return the person of a key, with the role as far as its scopes go; None where the key is not accepted."""
    if not _KEY.fullmatch(key):
        return None
    moment = now()
    row = db.session.execute(
        select(ApiKey.id, ApiKey.scopes, ApiKey.last_used_at, User.email, User.role, User.epoch, User.plan)
        .add_columns(User.id.label("user_id"))
        .join(User, ApiKey.user_id == User.id)
        .where(
            ApiKey.key_hash == hash_of_token(key),
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at > moment,
            User.disabled.is_(False),
        )
    ).first()
    if row is None:
        return None
    if row.last_used_at is None or row.last_used_at < moment - _USED_EVERY:
        _note_use(row.id, moment)
    scopes = frozenset(read_scopes(row.scopes.split()))
    return Visitor(row.user_id, row.email, role_within(row.role, scopes), row.epoch, row.plan, scopes)


def _note_use(key_id: str, moment: datetime) -> None:
    is_due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < moment - _USED_EVERY)
    statement = update(ApiKey).where(ApiKey.id == key_id, is_due).values(last_used_at=moment)
    try:
        db.session.execute(statement.execution_options(synchronize_session=False, unwatched=True))
        db.session.commit()
    except SQLAlchemyError:
        # a database that only reads, for a moment or longer: the request goes on
        db.session.rollback()


def _detail(row: ApiKey, owner: str) -> KeyDetail:
    state = "revoked" if row.revoked_at is not None else "expired" if row.expires_at <= now() else "active"
    scopes = read_scopes(row.scopes.split())
    return KeyDetail(
        row.id, owner, row.name, row.prefix, scopes, row.created_at, row.expires_at, row.last_used_at, state
    )
