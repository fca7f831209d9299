"""Modules run as ``python -m`` runs them, in processes forked from one that has imported the application already.

A new Python spends two seconds of a core on the import of the application, and the tests start some hundred workers and
commands. The one that is forked has no threads, no connections and no settings of its own: it imports, and waits.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

_context: ForkServerContext = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["app", "flask.cli", __name__])


class Forked:
    """A running module.

    Parameters
    ----------
    module : str
        As after ``python -m``.
    *arguments : str
        Of the command line.
    cwd : Path
    environ : mapping
        The whole environment. Variables that Python or a library reads when it is imported have no effect.
    """

    def __init__(self, module: str, *arguments: str, cwd: Path, environ: Mapping[str, str]) -> None:
        handle, name = tempfile.mkstemp(prefix="ecopredict-forked-")
        os.close(handle)
        self._output = Path(name)
        self._process: ForkServerProcess = _context.Process(
            target=_run, args=(module, arguments, str(cwd), dict(environ), name)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, and None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[str, None]:
        """Wait for the end and return what was written to both outputs, in order.

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
        output = self._output.read_text(errors="replace")
        self._output.unlink()
        if late:
            raise subprocess.TimeoutExpired(self._process.name, timeout, output)
        return output, None


def _run(module: str, arguments: tuple[str, ...], cwd: str, environ: dict[str, str], output: str) -> None:
    """Become what ``python -m`` would be."""
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
