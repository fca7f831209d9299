"""The application as it is served: prepared by its own commands, run by gunicorn with the shipped settings."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.live.ports import free_port
from tools.live.programs import PROJECT, Program, running, wait_until

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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


def copied(prepared: Path, data_dir: Path, **changes: str) -> dict[str, str]:
    """What ``prepare`` made once, for another site, in a second less for each of its commands.

    The folder's name begins like ``data_dir``: a fixture of a module is made twice in one process when one of the
    module's tests runs alone.
    """
    own = Path(tempfile.mkdtemp(prefix=f"{data_dir.name}-", dir=data_dir.parent))
    shutil.copytree(prepared, own, dirs_exist_ok=True)
    return app_environ(own, **changes)


@contextlib.contextmanager
def serving(environ: dict[str, str], **changes: str) -> Iterator[Site]:
    """Gunicorn with the shipped gunicorn.conf.py and two workers.

    In the end it is killed: three interpreters that clear up take as long as a start. Tests of the end stop it first.
    """
    port = free_port()
    data_dir = Path(environ["DATA_DIR"])
    # a port may come again, a folder never: an earlier run's counters would be counted once more
    metrics = Path(tempfile.mkdtemp(prefix="metrics-", dir=data_dir))
    full = environ | {"PORT": str(port), "WEB_CONCURRENCY": "2", "PROMETHEUS_MULTIPROC_DIR": str(metrics)} | changes
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    with running(command, data_dir / f"gunicorn-{port}.log", port, environ=full, stop_signal=signal.SIGKILL) as program:
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
