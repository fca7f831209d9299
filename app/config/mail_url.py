"""The server for mail: MAIL_URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[!-;=?-~]+@[A-Za-z0-9.-]+", re.ASCII)
_EXPECTED = "expected smtp://user:password@host:587/?from=eco@example.org, or smtps:// for TLS from the first byte"


@dataclass(frozen=True)
class MailServer:
    """A server that accepts mail.

    Attributes
    ----------
    host, port : str, int
    is_tls : bool
        Whether the connection begins with TLS; otherwise STARTTLS is used, and required where there is a password.
    user, password : str
        Empty where the server needs none.
    sender : str
        Address that mail comes from.
    """

    host: str
    port: int
    is_tls: bool
    user: str
    password: str = field(repr=False)
    sender: str


def parse(url: str) -> MailServer:
    """Read the URL of a server for mail.

    Raises
    ------
    ValueError
        The message does not repeat the URL, which may contain a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise ValueError(_EXPECTED)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = query.pop("from", user)
    if query or not _ADDRESS.fullmatch(sender) or bool(user) != bool(password):
        raise ValueError(_EXPECTED)
    return MailServer(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password, sender)
