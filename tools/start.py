"""What `make run` does once .venv is there: fetch, migrate, train, register, then become the server.

Everything before serving is passed over when a stamp says that it was completed with the same sources. Each step runs
in a process group of its own, so that one signal ends the step together with the workers it started.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
_GRACE_S = 10.0


class StartError(Exception):
    """The start cannot go on; the message is one line."""


class Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP came while a step was running."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def sources_key(project: Path, environ: dict[str, str]) -> str:
    """Hash of everything the prepared state depends on.

    Parameters
    ----------
    project : Path
    environ : dict
        The database's address is part of the key: another database is not prepared yet.

    Returns
    -------
    str
        SHA-256 as hex.
    """
    paths = [project / "requirements.txt", project / "tools" / "fetched.toml", project / "tools" / "start.py"]
    for folder in ("ml", "migrations"):
        paths += sorted((project / folder).rglob("*.py"))
    checksum = hashlib.sha256()
    for path in paths:
        checksum.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes() + b"\0")
    for name in ("DATABASE_URL", "DATABASE_URL_FILE"):
        checksum.update(f"{name}={environ.get(name, '')}\0".encode())
    return checksum.hexdigest()


def is_ready(stamp: Path, key: str, data_dir: Path, project: Path, environ: dict[str, str]) -> bool:
    """Whether the preparation was completed with these sources and its results are still there."""
    try:
        if stamp.read_text(encoding="ascii").strip() != key:
            return False
    except (OSError, UnicodeDecodeError):
        return False
    results = [project / "app/static/vendor/htmx.min.js", data_dir / "models"]
    if not environ.get("DATABASE_URL") and not environ.get("DATABASE_URL_FILE"):
        results.append(data_dir / "ecopredict.db")
    return all(path.exists() for path in results) and any((data_dir / "models").glob("*/*/*/manifest.json"))


def require_free_port(text: str) -> int:
    """Read the port and make sure that it can be listened on, before minutes are spent on preparing."""
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


def run_step(title: str, command: Sequence[str | Path], environ: dict[str, str]) -> None:
    """Run one step; when this program is told to stop, end the step and all it started first."""
    print(f"== {title}", flush=True)
    # stdin stays closed: a process group in the background that reads from the terminal is suspended
    step = subprocess.Popen(  # noqa: S603
        command, cwd=PROJECT, env=environ, stdin=subprocess.DEVNULL, process_group=0
    )
    try:
        code = step.wait()
    finally:
        end_group(step)
    if code:
        raise StartError(f"{title}: failed (exit {code}); the next `make run` tries again")


def end_group(step: subprocess.Popen[bytes]) -> None:
    """End whatever is left of a step's process group."""
    deadline = time.monotonic() + _GRACE_S
    number = signal.SIGTERM
    try:
        while True:
            os.killpg(step.pid, number)
            step.poll()
            time.sleep(0.05)
            if time.monotonic() > deadline:
                number = signal.SIGKILL
    except (ProcessLookupError, PermissionError):
        # the group is empty
        pass
    step.wait()


def prepare(data_dir: Path, environ: dict[str, str]) -> None:
    """Bring data, database and models into place."""
    python, flask = BIN / "python", [BIN / "flask", "--app", "wsgi"]
    models = data_dir / "models"
    run_step("Fetching demo data", [python, "tools/fetch.py", "--data-dir", data_dir], environ)
    run_step("Migrating the database", [*flask, "db", "upgrade"], environ)
    train = [python, "-m", "ml", "train", "--all", "--raw", data_dir / "raw", "--models", models]
    run_step("Training the demo models", train, environ)
    run_step("Registering the models", [*flask, "models", "register", models, "--activate"], environ)


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(number)


def main() -> int:
    """Prepare what is not prepared and become the server."""
    environ = dict(os.environ)
    data_dir = Path(environ.get("DATA_DIR") or "instance").expanduser()
    data_dir = data_dir if data_dir.is_absolute() else PROJECT / data_dir
    environ["DATA_DIR"] = str(data_dir)
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    try:
        port = require_free_port(environ.get("PORT") or "8000")
        environ["PORT"] = str(port)
        data_dir.mkdir(parents=True, exist_ok=True)
        stamp, key = data_dir / ".ready", sources_key(PROJECT, environ)
        if not is_ready(stamp, key, data_dir, PROJECT, environ):
            stamp.unlink(missing_ok=True)
            for number in handled:
                signal.signal(number, _stop)
            prepare(data_dir, environ)
            draft = stamp.with_name(f".ready-{os.getpid()}")
            draft.write_text(key + "\n", encoding="ascii")
            draft.replace(stamp)
            for number in handled:
                signal.signal(number, signal.SIG_DFL)
    except StartError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"make run: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print("\nStopped. The next `make run` goes on from here.", file=sys.stderr)
        return 128 + stopped.number
    # gunicorn.conf.py says where to point the browser once the server listens
    print("== Starting the server; Ctrl-C stops it", flush=True)
    os.chdir(PROJECT)
    os.execve(BIN / "gunicorn", ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"], environ)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
