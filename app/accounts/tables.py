"""The tables of accounts: people, recovery codes, links that work once, ended sessions, keys and tokens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Literal

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, Integer, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from app.accounts.roles import Role
from app.database.db import Base
from app.database.types import UtcDateTime, now

Purpose = Literal["password"]
#: Who asked for a link: an operator, or somebody who typed the address.
Origin = Literal["operator", "visitor"]
LONGEST_EMAIL = 254


def _new_id() -> str:
    return str(uuid.uuid4())


class User(Base):
    """One person."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email_key"),
        CheckConstraint("role IN ('viewer', 'editor', 'admin')", name="role"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    #: The address as it was written.
    email: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    #: The address in lower case: no two people have the same one.
    email_key: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    #: Argon2id; none until a password is set.
    password_hash: Mapped[str | None] = mapped_column(String(255))
    role: Mapped[Role] = mapped_column(String(10))
    #: When a link that was sent to the address was used.
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    disabled: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    #: Sessions of an earlier epoch have ended.
    epoch: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    #: The secret of the second factor, encrypted; none where there is no second factor.
    totp_secret: Mapped[str | None] = mapped_column(Text)
    #: The time step of the last code that was accepted. A code of this step or an earlier one is not accepted again.
    totp_step: Mapped[int | None] = mapped_column(Integer)
    #: Name of the plan, which limits how much the person asks.
    plan: Mapped[str] = mapped_column(String(20), default="free", server_default="free")
    #: When a password was accepted, with a code where one is needed.
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class RecoveryCode(Base):
    """A code that replaces the second factor once; stored as a hash."""

    __tablename__ = "recovery_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class OneTimeLink(Base):
    """A link that lets its holder do one thing once; its token is stored as a hash."""

    __tablename__ = "one_time_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    purpose: Mapped[Purpose] = mapped_column(String(20))
    origin: Mapped[Origin] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime())
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class EndedSession(Base):
    """A session that its user ended; a copy of its cookie is not accepted any more."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: After this time the cookie has expired by itself.
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)


class ApiKey(Base):
    """A key by which a program is known as a person; stored as a hash."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("key_hash"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    #: The beginning of the key, by which its owner recognises it.
    prefix: Mapped[str] = mapped_column(String(20))
    key_hash: Mapped[str] = mapped_column(String(64))
    #: Names of scopes, separated by spaces.
    scopes: Mapped[str] = mapped_column(String(50))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    #: Written at most once an hour.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class TokenFamily(Base):
    """The tokens that follow one sign-in of a program: each refresh token replaces the one before."""

    __tablename__ = "token_families"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=_new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    #: The tokens end with the epoch of the person.
    epoch: Mapped[int] = mapped_column(Integer)
    #: The refresh token that is accepted, and the one before it.
    current: Mapped[str] = mapped_column(String(36))
    previous: Mapped[str | None] = mapped_column(String(36))
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime(), default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
