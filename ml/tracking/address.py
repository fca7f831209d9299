"""The address of an MLflow server: MLFLOW_TRACKING_URI.

The address can contain a password, so no message contains any part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

SETTING = "MLFLOW_TRACKING_URI"
_EXPECTED = "expected the address of an MLflow server such as https://user:password@mlflow.example.org"
_LARGEST_FILE = 10_000


@dataclass(frozen=True)
class TrackingServer:
    """A server.

    Attributes
    ----------
    url : str
        Without user and password, and without a slash at the end.
    user, password : str
        Empty where the server needs none.
    """

    url: str
    user: str = ""
    password: str = field(default="", repr=False)


def parse(uri: str) -> TrackingServer:
    """Read an address.

    Raises
    ------
    ValueError
        The message does not repeat the address.
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_EXPECTED) from None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or port == 0
        or re.search(r"\s", uri)
        or "?" in uri
        or "#" in uri
        or bool(user) != bool(password)
    ):
        raise ValueError(_EXPECTED)
    place = f"[{host}]" if ":" in host else host
    return TrackingServer(
        f"{parts.scheme}://{place}{f':{port}' if port else ''}{parts.path.rstrip('/')}", user, password
    )


def from_environment(environ: Mapping[str, str]) -> TrackingServer | None:
    """Return the server that the environment names, or None.

    Parameters
    ----------
    environ : mapping
        With ``MLFLOW_TRACKING_URI``, or ``MLFLOW_TRACKING_URI_FILE`` with the path of a file that has it.

    Raises
    ------
    ValueError
        The address is malformed, or the file cannot be read.
    """
    uri, file = environ.get(SETTING, "").strip(), environ.get(f"{SETTING}_FILE", "").strip()
    if uri and file:
        raise ValueError(f"set {SETTING} or {SETTING}_FILE, not both")
    if file:
        try:
            with Path(file).open(encoding="utf-8") as stream:
                uri = stream.read(_LARGEST_FILE).strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{SETTING}_FILE: the file cannot be read") from None
    if not uri:
        return None
    try:
        return parse(uri)
    except ValueError as error:
        raise ValueError(f"{SETTING}: {error}") from None
