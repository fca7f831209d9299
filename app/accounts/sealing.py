"""Encryption of what the database keeps and only the application may read, and hashes of random tokens."""

from __future__ import annotations

import base64
import hashlib
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def key_for(secret_key: str, purpose: str) -> bytes:
    """Return the key of a purpose: 32 bytes that are derived from SECRET_KEY."""
    return HKDF(SHA256(), 32, salt=None, info=f"ecopredict {purpose}".encode()).derive(secret_key.encode())


class Sealer:
    """Encrypts texts with a key that is derived from SECRET_KEY.

    Parameters
    ----------
    secret_key : str
    purpose : str
        Texts that were sealed for one purpose cannot be opened for another.
    """

    def __init__(self, secret_key: str, purpose: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(key_for(secret_key, purpose)))

    def seal(self, text: str) -> str:
        """Return a text encrypted and signed."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str, seconds: int | None = None) -> str | None:
        """Return a text that was sealed, or None where it is forged, or older than a number of seconds."""
        try:
            return self._fernet.decrypt(sealed.encode(), ttl=seconds).decode()
        except (InvalidToken, UnicodeError):
            return None


def new_token() -> str:
    """Return a random token of 256 bits that can be a part of an address."""
    return secrets.token_urlsafe(32)


def hash_of_token(token: str) -> str:
    """Return the hash under which a random token is stored. A token that nobody can guess needs no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
