"""The key that signs sessions and cache entries, and encrypts the secrets of second factors."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

SHORTEST = 32
_TOO_SHORT = (
    f'SECRET_KEY: must have at least {SHORTEST} characters (python -c "import secrets; print(secrets.token_hex(32))")'
)


def checked(key: str, environment: str, data_dir: Path) -> str:
    """Return the key as it is set, or in development the one that is kept in the data.

    Raises
    ------
    ValueError
        It is missing or too short; whoever guesses it makes sessions of admins. The message begins with the setting.
    """
    if key:
        if environment == "production" and len(key) < SHORTEST:
            raise ValueError(_TOO_SHORT)
        return key
    if environment != "development":
        raise ValueError("SECRET_KEY: required outside development (or SECRET_KEY_FILE)")
    try:
        return _generated(data_dir)
    except OSError as error:
        raise ValueError(f"DATA_DIR: cannot store a secret key in {data_dir} ({error.strerror})") from None


def _generated(data_dir: Path) -> str:
    """Return the key of a development server. It is created once, even if two workers start together."""
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".secret_key.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(48))
        # A hard link is atomic and never replaces the key of another worker.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()
