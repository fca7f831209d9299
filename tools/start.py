"""Prepare and start the application: what `make run` does after ``.venv`` is installed.

The steps are: fetch the data, draw the coasts, migrate the database, train the demo models, register them. They are
skipped when a stamp says that they were completed with the same sources. Then gunicorn and the worker for jobs are
started (tools/serving.py), and this process waits for them. Each step and each of the two programs runs in a process
group of its own (tools/steps.py). This process ends them when `make` is killed (Makefile).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.serving import Programs
from tools.steps import PROJECT, StartError, Step, StoppedError, StopSignals, run_step

BIN = Path(sys.executable).parent
_POLL_S = 0.05
_ABANDONED_S = 600.0


def preparation(data_dir: Path) -> list[Step]:
    """Return the steps that bring data, database and models into place."""
    python, flask = BIN / "python", [BIN / "flask", "--app", "wsgi"]
    models = data_dir / "models"
    return [
        Step("Fetching demo data", [python, "tools/fetch.py", "--data-dir", data_dir]),
        Step("Drawing the coasts", [python, "-m", "tools.coast", "--data-dir", data_dir]),
        Step("Migrating the database", [*flask, "db", "upgrade"]),
        Step(
            "Training the demo models",
            [
                *(python, "-m", "ml", "train", "--all", "--raw", data_dir / "raw", "--models", models),
                *("--layer-store", data_dir / "layers"),
            ],
        ),
        Step("Registering the models", [*flask, "models", "register", models, "--activate"]),
    ]


def sources_key(project: Path, environ: dict[str, str]) -> str:
    """Return a hash of everything that the prepared data depend on.

    Parameters
    ----------
    project : Path
    environ : dict
        The address of the database is part of the key: another database is not prepared yet.

    Returns
    -------
    str
        SHA-256 as hex.
    """
    paths = [
        project / "requirements.txt",
        project / "tools" / "fetched.toml",
        project / "tools" / "coast.py",
        project / "tools" / "start.py",
        project / "tools" / "steps.py",
    ]
    for folder in ("ml", "migrations"):
        paths += sorted((project / folder).rglob("*.py"))
    checksum = hashlib.sha256()
    for path in paths:
        checksum.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes() + b"\0")
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        checksum.update(f"{name}={environ.get(name, '')}\0".encode())
    return checksum.hexdigest()


def is_ready(stamp: Path, key: str, data_dir: Path, project: Path, environ: dict[str, str]) -> bool:
    """Return whether the preparation was completed with these sources and its results still exist."""
    try:
        if stamp.read_text(encoding="ascii").strip() != key:
            return False
    except (OSError, UnicodeDecodeError):
        return False
    results = [project / "app/static/vendor/htmx.min.js", data_dir / "models"]
    if not environ.get("DATABASE_URL") and not environ.get("DATABASE_URL_FILE"):
        results.append(data_dir / "ecopredict.db")
    trained = any((data_dir / "models").glob("*/*/*/manifest.json")) and any(data_dir.glob("layers/*/*/layers.json"))
    return all(path.exists() for path in results) and trained


def require_free_port(text: str) -> int:
    """Return the port as a number after checking that the server will be able to listen on it."""
    try:
        port = int(text)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise StartError(f"PORT={text} is not a port; choose a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise StartError(f"port {port} needs root; choose another with PORT=8123") from None
        except OSError:
            raise StartError(f"port {port} is taken; choose another with PORT=8123") from None
    return port


@contextlib.contextmanager
def only_start(data_dir: Path, stop: StopSignals) -> Iterator[int]:
    """Hold the lock that admits one start at a time to a data directory.

    Yields
    ------
    int
        The descriptor that holds the lock. The server inherits it, and closes it when it listens (gunicorn.conf.py).
        This process closes its own.
    """
    lock = os.open(data_dir / ".start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        waiting = False
        while True:
            stop.check()
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    print(f"== Another `make run` is preparing {data_dir}; waiting for it", flush=True)
                waiting = True
                time.sleep(_POLL_S)
        yield lock
    finally:
        os.close(lock)


def remove_drafts(data_dir: Path) -> None:
    """Remove what killed starts have left: drafts of the stamp, and downloads that were written ten minutes ago."""
    for draft in data_dir.glob(".ready-*"):
        draft.unlink(missing_ok=True)
    abandoned = time.time() - _ABANDONED_S
    for folder in (data_dir / "raw", PROJECT / "app/static/vendor"):
        for draft in folder.rglob(".fetching-*"):
            # `make fetch` may run at the same time
            with contextlib.suppress(FileNotFoundError):
                if draft.stat().st_mtime < abandoned:
                    draft.unlink()


def prepare(steps: Sequence[Step], stamp: Path, key: str, environ: dict[str, str], stop: StopSignals) -> None:
    """Run the steps, and write the stamp after the last one."""
    stamp.unlink(missing_ok=True)
    for step in steps:
        run_step(step, environ, stop)
    draft = stamp.with_name(f"{stamp.name}-{os.getpid()}")
    draft.write_text(key + "\n", encoding="ascii")
    draft.replace(stamp)


def main() -> int:
    """Prepare what is not prepared yet, and run the server and the worker."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if sys.argv[1:]:
        print("start: it takes no arguments; settings are environment variables", file=sys.stderr)
        return 2
    environ = dict(os.environ)
    data_dir = Path(environ.get("DATA_DIR") or "instance").expanduser()
    data_dir = data_dir if data_dir.is_absolute() else PROJECT / data_dir
    environ["DATA_DIR"] = str(data_dir)
    stop = StopSignals()
    try:
        port = require_free_port(environ.get("PORT") or "8000")
        environ["PORT"] = str(port)
        data_dir.mkdir(parents=True, exist_ok=True)
        with only_start(data_dir, stop) as lock:
            remove_drafts(data_dir)
            stamp, key = data_dir / ".ready", sources_key(PROJECT, environ)
            if not is_ready(stamp, key, data_dir, PROJECT, environ):
                prepare(preparation(data_dir), stamp, key, environ, stop)
            # another start or another program may have taken the port in the meantime
            require_free_port(str(port))
            stop.check()
            programs = Programs(environ)
            programs.start_server(lock)
        return programs.wait(stop)
    except StartError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"make run: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return 1
    except StoppedError as stopped:
        stop.ignore()
        print("\nStopped. The next `make run` goes on from here.", file=sys.stderr)
        return 128 + stopped.number


if __name__ == "__main__":
    sys.exit(main())
