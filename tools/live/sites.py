"""The application, prepared by its own commands and served by gunicorn with the shipped settings."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tools.live.forks import Server, can_fork, start
from tools.live.ports import free_port
from tools.live.programs import PROJECT, Program, running, until_end, wait_until

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Site:
    """An application served by gunicorn with the shipped settings."""

    program: Program
    url: str
    environ: dict[str, str]
    data_dir: Path
    metrics: Path


def app_environ(data_dir: Path, **changes: str) -> dict[str, str]:
    """Return an environment for the application: settings for tests, and ``changes`` to them."""
    environ = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "NUMBA_CACHE_DIR")}
    environ |= {
        "DATA_DIR": str(data_dir),
        "ENVIRONMENT": "testing",
        "SECRET_KEY": "for-tests-only-with-32-characters",
        "RATE_LIMIT": "100000/second",
        "PUBLIC_PREDICTIONS": "1",
        "PUBLIC_ANALYTICS": "1",
    }
    return environ | changes


def flask(environ: dict[str, str], *arguments: str | Path, fails: bool = False, project: Path = PROJECT) -> str:
    """Run a ``flask`` command of the application, or of another checkout of it, and return its output.

    Raises
    ------
    AssertionError
        It failed, or with ``fails`` did not fail.
    """
    command = ["flask", "--app", "wsgi", *map(str, arguments)]
    process = start(*command, cwd=project, environ=environ)
    output, errors = process.communicate(timeout=600)
    assert (process.returncode != 0) == fails, f"{command}: {errors}\n{output}"
    return output + errors


def prepare(data_dir: Path, models: Path, *, project: Path = PROJECT, **changes: str) -> dict[str, str]:
    """Copy models into a data directory, migrate the database and register the models; returns the environment."""
    shutil.copytree(models, data_dir / "models")
    environ = app_environ(data_dir, **changes)
    flask(environ, "db", "upgrade", project=project)
    flask(environ, "models", "register", data_dir / "models", "--activate", project=project)
    return environ


def copy_site(prepared: Path, data_dir: Path, **changes: str) -> dict[str, str]:
    """Copy a prepared data directory for another site and return its environment.

    This saves the seconds that the commands of `prepare` take. The new folder's name begins with that of ``data_dir``,
    because a module's fixture is made twice in one process when one of the module's tests runs alone.
    """
    copy = Path(tempfile.mkdtemp(prefix=f"{data_dir.name}-", dir=data_dir.parent))
    shutil.copytree(prepared, copy, dirs_exist_ok=True)
    return app_environ(copy, **changes)


@contextlib.contextmanager
def serving(
    environ: dict[str, str],
    *,
    project: Path = PROJECT,
    patience: float = 30.0,
    forked: bool = True,
    **changes: str,
) -> Iterator[Site]:
    """Run gunicorn with the gunicorn.conf.py of the project, or of another checkout of it.

    There are two workers where ``environ`` and ``changes`` do not say another number.

    It must answer within ``patience`` seconds, and then have all its workers. The first start of a new checkout takes
    longer, because it compiles.
    It is forked from a process that has imported its libraries, where that is possible (`forks`). What measures a
    server, or how it starts, says ``forked=False``.
    At the end it is killed, because an orderly end takes as long as a start. Tests of the orderly end stop it before.
    """
    port = free_port()
    data_dir = Path(environ["DATA_DIR"])
    # a new folder: the counters of an earlier run would be counted again
    metrics = Path(tempfile.mkdtemp(prefix="metrics-", dir=data_dir))
    own = {"PORT": str(port), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    settings = {"WEB_CONCURRENCY": "2"} | environ | own | changes
    command = ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
    log = data_dir / f"gunicorn-{port}.log"
    with contextlib.ExitStack() as stack:
        if forked and can_fork(project, settings):
            server = Server(*command, cwd=project, environ=settings, log=log)
            started = until_end(Program(server, log, port), "gunicorn", signal.SIGKILL)
        else:
            new = [sys.executable, "-m", *command]
            started = running(new, log, port, environ=settings, cwd=project, stop_signal=signal.SIGKILL)
        program = stack.enter_context(started)
        url = f"http://127.0.0.1:{port}"

        def is_live() -> bool:
            try:
                return NO_PROXY.open(f"{url}/health/live", timeout=10).status == 200
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return False

        workers = int(settings["WEB_CONCURRENCY"])
        try:
            wait_until(is_live, patience, "gunicorn answers")
            # the first worker may answer before the last one is started
            master = psutil.Process(program.process.pid)
            wait_until(lambda: len(master.children()) >= workers, patience, f"gunicorn has {workers} workers")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{program.output()[-3000:]}") from None
        yield Site(program, url, settings, data_dir, metrics)
