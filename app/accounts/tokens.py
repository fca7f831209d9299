"""Tokens of programs (JWT): a short access token, and a refresh token that each use replaces.

The tokens that follow one sign-in are a family. The database knows which refresh token of a family is the present one.
Where an earlier one comes back, somebody has a copy, and the family is revoked with its access tokens. A program that
refreshes twice at the same moment is no thief: the token before the present one is only refused for some seconds.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from flask import Flask
from flask_jwt_extended import JWTManager, create_access_token, create_refresh_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import PyJWTError
from sqlalchemy import Select, delete, select, update

from app.accounts import users
from app.accounts.sealing import key_for
from app.accounts.tables import TokenFamily, User
from app.accounts.visitors import Visitor
from app.database.db import db
from app.database.types import now
from app.errors import CredentialRefused
from app.trail import recorder as trail

log = logging.getLogger(__name__)
ACCESS, FAMILY = timedelta(minutes=15), timedelta(days=30)
#: How long the refresh token before the present one is refused without an alarm.
OVERLAP = timedelta(seconds=10)
LONGEST = 2_000
_REFUSED = "This refresh token is not valid, was used or revoked, or has expired. Sign in again."
_ALGORITHM = "HS256"
_NAME, _AUDIENCE = "ecopredict", "ecopredict api"
_FAMILY = "family"


@dataclass(frozen=True)
class Tokens:
    """A pair of tokens."""

    access: str
    refresh: str


def init_app(app: Flask) -> None:
    """Set the library up: one algorithm, and a key that signs nothing but tokens."""
    app.config.update(
        JWT_SECRET_KEY=key_for(app.config["SETTINGS"].secret_key, "access and refresh tokens").hex(),
        JWT_ALGORITHM=_ALGORITHM,
        JWT_DECODE_ALGORITHMS=[_ALGORITHM],
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ENCODE_ISSUER=_NAME,
        JWT_DECODE_ISSUER=_NAME,
        JWT_ENCODE_AUDIENCE=_AUDIENCE,
        JWT_DECODE_AUDIENCE=_AUDIENCE,
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS,
        JWT_REFRESH_TOKEN_EXPIRES=FAMILY,
    )
    JWTManager(app)


def begin(user_id: str, epoch: int) -> Tokens:
    """Begin a family after a sign-in. The caller knows that the sessions of this epoch have not ended."""
    moment = now()
    ended = delete(TokenFamily).where(TokenFamily.expires_at < moment)
    db.session.execute(ended.execution_options(synchronize_session=False))
    family = TokenFamily(user_id=user_id, epoch=epoch, current=_new_id(), expires_at=moment + FAMILY)
    db.session.add(family)
    users.note_sign_in(user_id)
    db.session.commit()
    log.info("account %s: tokens given, family %s", user_id, family.id)
    return _pair(family.id, user_id, family.current, FAMILY)


def refresh(token: str) -> Tokens:
    """Replace a refresh token: of two requests with the same one, one is answered with tokens.

    Raises
    ------
    CredentialRefused
        The token is not the present one of its family, or the family has ended. An earlier one revokes the family.
    """
    claims = _claims(token, "refresh")
    if claims is None:
        raise CredentialRefused(_REFUSED)
    family_id, presented = claims[_FAMILY], claims["jti"]
    family = db.session.scalars(_present(family_id, claims["sub"])).first()
    if family is None:
        raise CredentialRefused(_REFUSED)
    user_id, left, following = family.user_id, family.expires_at - now(), _new_id()
    changes = {"current": following, "previous": presented, "rotated_at": now()}
    is_open = (TokenFamily.id == family_id, TokenFamily.current == presented, TokenFamily.revoked_at.is_(None))
    rotated = update(TokenFamily).where(*is_open).values(changes)
    if _change(rotated.execution_options(unwatched=True)):
        return _pair(family_id, user_id, following, left)
    _refuse_old(family_id, user_id, presented)
    raise CredentialRefused(_REFUSED)


def _refuse_old(family_id: str, user_id: str, presented: str) -> None:
    """Revoke a family whose earlier token came back, unless it was replaced a moment ago."""
    family = db.session.get(TokenFamily, family_id, populate_existing=True)
    if family is None or family.revoked_at is not None:
        return
    was_replaced = family.previous == presented and family.rotated_at is not None
    if was_replaced and family.rotated_at > now() - OVERLAP:  # type: ignore[operator]  # compared with None above
        log.info("account %s: a refresh token came twice at the same time, family %s", user_id, family_id)
        return
    trail.about("account", user_id, "a used refresh token came again; its family is revoked")
    _change(update(TokenFamily).where(TokenFamily.id == family_id).values(revoked_at=now()))
    log.warning("account %s: a used refresh token came again, family %s revoked", user_id, family_id)


def revoke(token: str) -> None:
    """End the family of a refresh token.

    Raises
    ------
    CredentialRefused
        The token is not valid. One of a family that has ended is accepted.
    """
    claims = _claims(token, "refresh")
    if claims is None:
        raise CredentialRefused(_REFUSED)
    is_open = (TokenFamily.id == claims[_FAMILY], TokenFamily.revoked_at.is_(None))
    trail.about("account", claims["sub"])
    if _change(update(TokenFamily).where(*is_open).values(revoked_at=now())):
        log.info("account %s: family %s revoked", claims["sub"], claims[_FAMILY])


def owner_of(token: str) -> Visitor | None:
    """Return the person of an access token, or None where it is not accepted."""
    claims = _claims(token, "access")
    if claims is None:
        return None
    statement = _present(claims[_FAMILY], claims["sub"])
    row = db.session.execute(
        statement.with_only_columns(User.id, User.email, User.role, User.epoch, User.plan, maintain_column_froms=True)
    ).first()
    return Visitor(*row) if row is not None else None


def _present(family_id: str, user_id: str) -> Select[TokenFamily]:
    """Return the query for a family that has not ended."""
    return (
        select(TokenFamily)
        .join(User, TokenFamily.user_id == User.id)
        .where(
            TokenFamily.id == family_id,
            TokenFamily.revoked_at.is_(None),
            TokenFamily.expires_at > now(),
            TokenFamily.epoch == User.epoch,
            User.id == user_id,
            User.disabled.is_(False),
        )
    )


def _pair(family_id: str, user_id: str, jti: str, left: timedelta) -> Tokens:
    return Tokens(
        create_access_token(user_id, expires_delta=min(ACCESS, left), additional_claims={_FAMILY: family_id}),
        create_refresh_token(user_id, expires_delta=left, additional_claims={_FAMILY: family_id, "jti": jti}),
    )


def _claims(token: str, kind: Literal["access", "refresh"]) -> dict[str, Any] | None:
    """Return what a token says; None where it is forged, has expired or is of another kind."""
    if not token or len(token) > LONGEST or not token.isascii():
        return None
    try:
        claims = decode_token(token)
    except (PyJWTError, JWTExtendedException, ValueError, TypeError):
        return None
    texts = [claims.get(name) for name in ("sub", "jti", _FAMILY)]
    is_whole = all(isinstance(text, str) and 0 < len(text) <= 36 for text in texts) and "exp" in claims
    return claims if is_whole and claims.get("type") == kind else None


def _change(statement: Any) -> bool:
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    db.session.commit()
    return bool(result.rowcount)  # type: ignore[attr-defined]  # of an UPDATE


def _new_id() -> str:
    return str(uuid.uuid4())
