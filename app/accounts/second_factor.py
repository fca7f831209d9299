"""The second factor: codes that change with time (TOTP, RFC 6238), and recovery codes that work once."""

from __future__ import annotations

import hmac
import re
import secrets
import time

import pyotp
import segno
from flask import current_app
from sqlalchemy import delete, func, or_, select, update

from app.accounts.sealing import Sealer, hash_of_token
from app.accounts.tables import RecoveryCode, User
from app.database.db import db
from app.database.types import now
from app.errors import ValidationFailed

ISSUER = "EcoPredict"
N_CODES = 10
#: Seconds in which a setup must be finished.
SETUP_S = 900
# Letters and digits that nobody confuses. 24 of them are 120 bits, so that a fast hash is enough.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 24
_DIGITS = re.compile(r"[0-9]{6}")
_SPACES = re.compile(r"[\s-]+")
_LONGEST_TYPED = 100
# Steps of 30 seconds by which the clock of a telephone may differ.
_TOLERANCE = 1
_OLD_SETUP = "The setup has expired. Begin again."


def new_setup(user_id: str, epoch: int) -> tuple[str, str]:
    """Return a new secret, and the sealed text that stands for it in the form that confirms it.

    It ends with the epoch, which a new password raises, and so does the setup itself.
    """
    secret = pyotp.random_base32()
    return secret, _sealer("setup of a second factor").seal(f"{user_id}:{epoch} {secret}")


def secret_of_setup(user_id: str, epoch: int, sealed: str) -> str | None:
    """Return the secret of a setup; None where it is another person's or epoch's, forged or too old."""
    text = _sealer("setup of a second factor").open(sealed, SETUP_S) or ""
    owner, _, secret = text.partition(" ")
    return secret if secret and hmac.compare_digest(owner, f"{user_id}:{epoch}") else None


def picture_of(secret: str, email: str) -> str:
    """Return the QR code of a secret as the address of a picture."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)
    return segno.make(address, micro=False).svg_data_uri(scale=4, dark="#000", light="#fff")


def turn_on(user_id: str, epoch: int, secret: str, code: str) -> list[str] | None:
    """Store a secret after a code has proved that its owner has it, and end all sessions of its owner.

    Returns
    -------
    list of str or None
        New recovery codes; None where the code is wrong. The next sessions have the epoch after the given one.

    Raises
    ------
    ValidationFailed
        There is a second factor, or the epoch is over.
    """
    step = _step_of(secret, _compact(code))
    if step is None:
        return None
    sealed = _sealer("second factor").seal(secret)
    is_open = (User.id == user_id, User.epoch == epoch, User.totp_secret.is_(None))
    changes = {User.totp_secret: sealed, User.totp_step: step, User.epoch: User.epoch + 1}
    statement = update(User).where(*is_open).values(changes)
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    if not result.rowcount:  # type: ignore[attr-defined]  # of an UPDATE
        db.session.rollback()
        raise expired()
    codes = _replace_codes(user_id)
    db.session.commit()
    return codes


def expired() -> ValidationFailed:
    """Return the error of a setup that goes on no more."""
    return ValidationFailed([("/password", _OLD_SETUP)], _OLD_SETUP)


def turn_off(user_id: str) -> None:
    """Remove the second factor and its recovery codes."""
    db.session.execute(update(User).where(User.id == user_id).values(totp_secret=None, totp_step=None))
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.commit()


def renew_codes(user_id: str) -> list[str]:
    """Replace the recovery codes by new ones, and return them."""
    codes = _replace_codes(user_id)
    db.session.commit()
    return codes


def n_codes_left(user_id: str) -> int:
    """Return how many recovery codes were not used."""
    statement = select(func.count()).select_from(RecoveryCode)
    return db.session.scalar(statement.where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))) or 0


def accept(user: User, code: str) -> bool:
    """Return whether a code is right, and use it up: of two requests with one code, one is accepted."""
    text = _compact(code)
    if _DIGITS.fullmatch(text):
        secret = _sealer("second factor").open(user.totp_secret or "")
        step = _step_of(secret, text) if secret else None
        if step is None:
            return False
        is_later = or_(User.totp_step.is_(None), User.totp_step < step)
        used = update(User).where(User.id == user.id, is_later).values(totp_step=step)
    else:
        used = (
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user.id,
                RecoveryCode.code_hash == hash_of_token(text),
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=now())
        )
    # the sign-in that the code belongs to has a line of its own
    result = db.session.execute(used.execution_options(synchronize_session=False, unwatched=True))
    db.session.commit()
    return bool(result.rowcount)  # type: ignore[attr-defined]  # of an UPDATE


def _step_of(secret: str, code: str) -> int | None:
    """Return the time step whose code it is, within the tolerance."""
    totp = pyotp.TOTP(secret)
    present = int(time.time()) // totp.interval
    found = None
    for step in range(present - _TOLERANCE, present + _TOLERANCE + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            found = step
    return found


def _compact(code: str) -> str:
    text = _SPACES.sub("", code[:_LONGEST_TYPED]).upper()
    return text if text.isascii() else ""


def _replace_codes(user_id: str) -> list[str]:
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    plain = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(N_CODES)]
    db.session.add_all(RecoveryCode(code_hash=hash_of_token(code), user_id=user_id) for code in plain)
    return ["-".join(code[at : at + 4] for at in range(0, _LENGTH, 4)) for code in plain]


def _sealer(purpose: str) -> Sealer:
    return Sealer(current_app.config["SETTINGS"].secret_key, purpose)
