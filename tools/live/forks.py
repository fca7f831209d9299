"""Modules run as ``python -m`` runs them, in processes forked from one that has imported the application already.

A new Python spends two seconds of a core on the import of the application, and the tests start some hundred workers and
commands. The process that is forked imports and waits. It has no threads, no connections and no settings of its own.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tools.live.programs import PROJECT

_context: ForkServerContext = multiprocessing.get_context("forkserver")
#: What a process has imported when it is forked: the application, and what commands and the workbench import late.
PRELOADED = (
    "app",
    "flask.cli",
    "ml.commands.workbench",
    "ml.own_data.cleaned",
    "ml.own_data.files",
    "ml.own_data.landscape",
    "ml.own_data.preflight",
    "ml.own_data.samples",
    "ml.layers.picture",
    "ml.layers.review",
    __name__,
)
_context.set_forkserver_preload(list(PRELOADED))
#: Packages that a server imports again: prometheus_client reads PROMETHEUS_MULTIPROC_DIR when it is imported, and the
#: application makes its metrics then.
_IMPORTED_AGAIN = {"app", "prometheus_client", "prometheus_flask_exporter"}


def can_fork(cwd: Path, environ: Mapping[str, str]) -> bool:
    """Return whether a program of this folder and environment would import the modules that are imported already."""
    return cwd == PROJECT and "PYTHONPATH" not in environ


def start(module: str, *arguments: str, cwd: Path, environ: Mapping[str, str]) -> Process:
    """Start a module in a forked process, or in a new one where the environment says what to import.

    Parameters
    ----------
    module : str
        As after ``python -m``.
    *arguments : str
        Of the command line.
    cwd : Path
        Another checkout also has its own modules, which are imported.
    environ : mapping
        The whole environment. In a forked process, variables that a library reads when it is imported have no effect.
    """
    if can_fork(cwd, environ):
        return Forked(module, *arguments, cwd=cwd, environ=environ)
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=dict(environ),
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


class _Child:
    """A forked process that runs a function."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._process: ForkServerProcess = _context.Process(target=target, args=arguments)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, and None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode


class Forked(_Child):
    """A module that runs in a forked process; the parameters are those of `start`."""

    def __init__(self, module: str, *arguments: str, cwd: Path, environ: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ecopredict-forked-"))
        super().__init__(_run, module, arguments, str(cwd), dict(environ), self._folder)

    def communicate(self, timeout: float) -> tuple[str, str]:
        """Wait for the end and return what was written to standard output and to standard error.

        Raises
        ------
        subprocess.TimeoutExpired
            It has not ended after ``timeout`` seconds; it is killed.
        """
        self._process.join(timeout)
        late = self._process.exitcode is None
        if late:
            self._process.kill()
            self._process.join()
        # a process that is killed at once has written nothing
        files = [self._folder / name for name in ("1", "2")]
        output, errors = (file.read_text(errors="replace") if file.exists() else "" for file in files)
        shutil.rmtree(self._folder)
        if late:
            raise subprocess.TimeoutExpired(self._process.name, timeout, output, errors)
        return output, errors


class Server(_Child):
    """A module that serves until it is ended, in a forked process; it is used as the `subprocess.Popen` of one is.

    Parameters
    ----------
    module : str
        As after ``python -m``.
    *arguments : str
        Of the command line.
    cwd : Path
    environ : mapping
        The whole environment.
    log : Path
        File for standard output and standard error.
    """

    def __init__(self, module: str, *arguments: str, cwd: Path, environ: Mapping[str, str], log: Path) -> None:
        self.args = (module, *arguments)
        super().__init__(_run_server, module, arguments, str(cwd), dict(environ), str(log))

    @property
    def pid(self) -> int:
        """The number of the process, whose group has the same number."""
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status.

        Raises
        ------
        subprocess.TimeoutExpired
            It has not ended after ``timeout`` seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode


class Workbench:
    """One ``python -m ml workbench`` that runs in a forked process; it is used as the `subprocess.Popen` of one is.

    Parameters
    ----------
    watched : int
        The reading end of a pipe. The process ends when the other end is closed.
    environ : mapping
        The whole environment.
    """

    #: Its streams are files, which `communicate` reads.
    stdin = stdout = stderr = None

    def __init__(self, watched: int, environ: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ecopredict-forked-"))
        # the descriptor is closed before there is a process
        self._watched, self._environ = Connection(os.dup(watched), writable=False), dict(environ)
        self._process: ForkServerProcess | None = None

    @property
    def pid(self) -> int:
        """The number of the process, whose group has the same number."""
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, and None while it runs."""
        return None if self._process is None else self._process.exitcode

    def communicate(self, request: bytes, timeout: float) -> tuple[bytes, bytes]:
        """Start it with a request, wait for its end, and return what was written to standard output and error.

        Raises
        ------
        subprocess.TimeoutExpired
            It has not ended after ``timeout`` seconds.
        """
        (self._folder / "0").write_bytes(request)
        with self._watched as watched:
            self._process = _context.Process(
                target=_run_workbench, args=(watched, str(PROJECT), self._environ, self._folder)
            )
            self._process.start()
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("workbench", timeout)
        output, errors = ((self._folder / number).read_bytes() for number in ("1", "2"))
        return output, errors

    def wait(self) -> None:
        """Wait for its end, and delete its files."""
        self._watched.close()
        if self._process is not None:
            self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def _run_workbench(watched: Connection, cwd: str, environ: dict[str, str], folder: Path) -> None:
    os.setpgid(0, 0)
    with (folder / "0").open("rb") as request:
        os.dup2(request.fileno(), 0)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (it stays open)
    _run("ml", ("workbench", "--watch", str(watched.fileno())), cwd, environ, folder)


def _run_server(module: str, arguments: tuple[str, ...], cwd: str, environ: dict[str, str], log: str) -> None:
    os.setsid()
    _open_as(os.devnull, os.O_RDONLY, 0)
    _open_as(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC, 1, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] in _IMPORTED_AGAIN]:
        del sys.modules[name]
    _become(module, arguments, cwd, environ)


def _run(module: str, arguments: tuple[str, ...], cwd: str, environ: dict[str, str], folder: Path) -> None:
    for number in (1, 2):
        _open_as(folder / str(number), os.O_WRONLY | os.O_APPEND | os.O_CREAT, number)
    _become(module, arguments, cwd, environ)


def _open_as(path: str | Path, flags: int, *numbers: int) -> None:
    """Open a file as the descriptors of these numbers."""
    file = os.open(path, flags, 0o600)
    for number in numbers:
        os.dup2(file, number)
    os.close(file)


def _become(module: str, arguments: tuple[str, ...], cwd: str, environ: dict[str, str]) -> None:
    """Become what ``python -m`` would be."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        # multiprocessing leaves them out, and the application sends with them what waits; no public name calls them
        atexit._run_exitfuncs()


Process = Forked | subprocess.Popen[str]
