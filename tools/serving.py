"""The two programs of `make run`: gunicorn, and the worker for jobs beside it.

This process waits for both. It starts the worker once the server listens, and again when the worker ends. When it is
told to stop, or the server ends, both end; when it is killed, a watcher of each ends it (tools/steps.py).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.steps import PROJECT, StoppedError, StopSignals, end_group, watched

BIN = Path(sys.executable).parent
_POLL_S = 0.1
# Longer than the server and the worker take to end.
_GRACE_S = 10.0
# How long the worker waits for the server, which starts faster alone.
_SERVER_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
# A worker that ran for so long starts again at once.
_STEADY_S = 60.0


class Programs:
    """The server and the worker.

    Parameters
    ----------
    environ : dict
        With PORT.
    """

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self._stack = contextlib.ExitStack()
        self._server: subprocess.Popen[bytes] | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._worker_started = 0.0
        self._pause = _FIRST_PAUSE_S
        self._start_worker_at = float("inf")

    def start_server(self, lock: int) -> None:
        """Start gunicorn, which inherits the lock of the start and closes it when it listens."""
        print("== Starting the server; Ctrl-C stops it", flush=True)
        watch = self._stack.enter_context(watched())
        self._server = subprocess.Popen(  # noqa: S603
            [BIN / "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"],
            cwd=PROJECT,
            env=self._environ | {"START_LOCK_FD": str(lock)},
            stdin=subprocess.DEVNULL,
            pass_fds=(lock,),
            process_group=0,
        )
        watch(self._server.pid)
        self._start_worker_at = time.monotonic() + _SERVER_S

    def wait(self, stop: StopSignals) -> int:
        """Wait until a signal is received or the server ends, end both, and return the exit status of the server."""
        assert self._server is not None  # noqa: S101 (start_server was called)
        number = signal.SIGTERM
        try:
            while self._server.poll() is None:
                stop.check()
                self._look_after_worker()
                time.sleep(_POLL_S)
        except StoppedError as stopped:
            number = signal.Signals(stopped.number)
        finally:
            # the server knows another meaning of SIGHUP
            self._end(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
        status = self._server.returncode
        return status if status >= 0 else 128 - status

    def _look_after_worker(self) -> None:
        now = time.monotonic()
        if self._worker is not None and self._worker.poll() is not None:
            status, self._worker = self._worker.returncode, None
            self._pause = _FIRST_PAUSE_S if now - self._worker_started > _STEADY_S else self._pause
            self._start_worker_at = now + self._pause
            text = f"make run: the worker for jobs ended (exit {status}); it starts again in {self._pause:.0f} s"
            print(text, file=sys.stderr, flush=True)
            self._pause = min(_LONGEST_PAUSE_S, self._pause * 2)
        is_first = self._worker_started == 0.0
        if self._worker is None and (now >= self._start_worker_at or (is_first and self._listens())):
            self._start_worker()

    def _start_worker(self) -> None:
        watch: Callable[[int], None] = self._stack.enter_context(watched())
        self._worker = subprocess.Popen(  # noqa: S603
            [BIN / "flask", "--app", "wsgi", "jobs", "work"],
            cwd=PROJECT,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        watch(self._worker.pid)
        self._worker_started, self._start_worker_at = time.monotonic(), float("inf")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(_POLL_S)
            return probe.connect_ex(("127.0.0.1", int(self._environ["PORT"]))) == 0

    def _end(self, number: signal.Signals) -> None:
        """Order both to end, once, and kill what is left after a while."""
        signals = {self._server: number, self._worker: signal.SIGTERM}
        programs = {program: one for program, one in signals.items() if program is not None}
        for program, one in programs.items():
            with contextlib.suppress(ProcessLookupError):
                if program.poll() is None:
                    os.kill(program.pid, one)
        until = time.monotonic() + _GRACE_S
        for program in programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(max(0.0, until - time.monotonic()))
            end_group(program)
        self._stack.close()
