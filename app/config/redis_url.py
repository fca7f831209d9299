"""The URL of Redis: one server, the sentinels of a service, or a cluster.

A URL can contain a password, so no message contains any part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Kind = Literal["single", "sentinel", "cluster"]
FORMS = (
    "redis://host:6379/0, rediss://host:6379/0, unix:///path/to.sock, "
    "redis+sentinel://host:26379,host:26379/service/0 or redis+cluster://host:7000,host:7001"
)
_SCHEMES: dict[str, Kind] = {
    "redis": "single",
    "rediss": "single",
    "unix": "single",
    "redis+sentinel": "sentinel",
    "redis+cluster": "cluster",
}
_PORTS: dict[Kind, int] = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
_OPTIONS: dict[str, tuple[str, ...]] = {
    "redis": ("db",),
    "rediss": ("db", *_TLS),
    "unix": ("db",),
    "redis+sentinel": ("sentinel_username", "sentinel_password"),
    "redis+cluster": (),
}
_HOST = re.compile(r"[A-Za-z0-9_.:-]+")
_SERVICE = re.compile(r"[A-Za-z0-9_.-]+")
_DATABASE = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True)
class RedisUrl:
    """The parts of a URL."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    #: Options of redis-py for the servers: user, password, database, socket path, TLS.
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    #: Options of redis-py for the sentinels.
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)


def parse(text: str) -> RedisUrl:
    """Parse a URL.

    Parameters
    ----------
    text : str
        In one of ``FORMS``. User and password are before an ``@``; characters other than letters and digits are
        percent-encoded.

    Returns
    -------
    RedisUrl

    Raises
    ------
    ValueError
        The message is one line and contains no part of the URL.
    """
    scheme, url = _split(text)
    kind = _SCHEMES[scheme]
    query = _options(url, scheme)
    options: dict[str, Any] = {}
    if url.username:
        options["username"] = unquote(url.username)
    if url.password:
        options["password"] = unquote(url.password)
    if scheme == "unix":
        if not url.path.startswith("/") or url.hostname:
            raise ValueError("a unix:// URL needs the absolute path of a socket, as in unix:///path/to.sock")
        options["unix_socket_path"] = unquote(url.path)
        options["db"] = _database(query.get("db", ""))
        return RedisUrl("single", options=options)
    hosts = _hosts(url, _PORTS[kind])
    parts = [unquote(part) for part in url.path.removeprefix("/").rstrip("/").split("/")]
    if kind == "sentinel":
        if len(parts) > 2 or not _SERVICE.fullmatch(parts[0]):
            raise ValueError("a redis+sentinel:// URL needs the name of the service: redis+sentinel://host:26379/name")
        options["db"] = _database(parts[1] if len(parts) == 2 else "")
        own = {name.removeprefix("sentinel_"): value for name, value in query.items()}
        return RedisUrl(kind, hosts, parts[0], options, own)
    if len(parts) > 1:
        raise ValueError("only the number of a database may follow the host, as in redis://host:6379/0")
    number = _database(parts[0] or query.get("db", ""))
    if kind == "cluster":
        if number:
            raise ValueError("a cluster has only database 0")
        return RedisUrl(kind, hosts, options=options)
    if len(hosts) > 1:
        raise ValueError("several hosts need a redis+sentinel:// or redis+cluster:// URL")
    tls: dict[str, Any] = {name: value for name, value in query.items() if name in _TLS}
    if tls.get("ssl_cert_reqs", "required") not in ("required", "optional", "none"):
        raise ValueError("ssl_cert_reqs: expected required, optional or none")
    if "ssl_check_hostname" in tls:
        tls["ssl_check_hostname"] = _boolean(query["ssl_check_hostname"])
    if scheme == "rediss":
        options["ssl"] = True
    return RedisUrl(kind, hosts, options={**options, **tls, "db": number})


def _split(text: str) -> tuple[str, SplitResult]:
    scheme = text.partition("://")[0].lower()
    if scheme in ("rediss+sentinel", "rediss+cluster"):
        raise ValueError(
            "TLS is supported for one server only, as in rediss://host:6379/0; not for sentinels or a cluster"
        )
    if scheme not in _SCHEMES or "://" not in text:
        raise ValueError(f"expected {FORMS}")
    try:
        url = urlsplit(text)
        _ = url.username, url.password
    except ValueError:
        raise ValueError(f"malformed; expected {FORMS}") from None
    if url.fragment or "#" in text:
        raise ValueError("a # in a password must be written as %23")
    return scheme, url


def _options(url: SplitResult, scheme: str) -> dict[str, str]:
    pairs = parse_qsl(url.query, keep_blank_values=True)
    known = _OPTIONS[scheme]
    # An unknown name may be the rest of a password with a question mark.
    if any(name not in known or not value for name, value in pairs) or len(dict(pairs)) != len(pairs):
        raise ValueError(
            "unknown, empty or repeated option after the ?; "
            + (f"known for {scheme}:// are {', '.join(known)}" if known else f"{scheme}:// has none")
        )
    return dict(pairs)


def _hosts(url: SplitResult, default_port: int) -> tuple[tuple[str, int], ...]:
    hosts = []
    for part in url.netloc.rpartition("@")[2].split(","):
        try:
            server = urlsplit(f"//{part.strip()}")
            host, port = server.hostname, server.port
        except ValueError:
            host, port = None, None
        if host is None or not _HOST.fullmatch(host) or port == 0:
            raise ValueError(f"a host or port is missing or malformed; expected {FORMS}")
        hosts.append((host, port or default_port))
    return tuple(hosts)


def _database(text: str) -> int:
    if text and not _DATABASE.fullmatch(text):
        raise ValueError("the database must be a number, as in redis://host:6379/0")
    return int(text or 0)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("ssl_check_hostname: expected true or false")
    return text.lower() in ("true", "1", "yes")
