"""Programs that are started for tests, waited for, and ended by process id also when a test fails."""

from __future__ import annotations

import contextlib
import os
import platform
import pwd
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

PROJECT = Path(__file__).resolve().parents[2]
SITE = Path(sysconfig.get_paths()["purelib"])


class UnusableError(RuntimeError):
    """A program does not work on this machine; the message names the program and the reason."""


def wait_until(check: Callable[[], bool], seconds: float = 15.0, what: str = "the condition") -> None:
    """Call ``check`` until it returns true; raise `TimeoutError` with the text ``what`` after some seconds."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.02)


def listens(port: int) -> bool:
    """Return whether a program accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process(Protocol):
    """What programs are used for of `subprocess.Popen`."""

    args: Any

    @property
    def pid(self) -> int:
        """The number of the process, whose group has the same number."""

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status."""


@dataclass
class Program:
    """A running program that listens on a port."""

    process: Process
    log: Path
    port: int

    def output(self) -> str:
        """Return what the program has written to standard output and standard error."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self, number: int = signal.SIGTERM, seconds: float = 15.0) -> int:
        """Send a signal, wait, and return the exit code.

        SIGKILL goes to the process group. A program that has not ended after ``seconds`` is killed with its group.
        """
        if self.process.poll() is None and number == signal.SIGKILL:
            os.killpg(self.process.pid, number)
        elif self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
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
    """Run a program from the moment it listens until the end of the block.

    Parameters
    ----------
    command : sequence of str or Path
    log : Path
        File for standard output and standard error.
    port : int
        The port that the program listens on.
    environ : dict, optional
        The environment of this process by default.
    cwd : Path
    as_nobody : bool
        Whether root starts the program as the user nobody.
    stop_signal : int
        The signal that ends it.

    Raises
    ------
    UnusableError
        The program ended, or did not listen within 30 s.
    """
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
    with until_end(Program(process, log, port), Path(command[0]).name, stop_signal) as program:
        yield program


@contextlib.contextmanager
def until_end(program: Program, name: str, stop_signal: int = signal.SIGTERM) -> Iterator[Program]:
    """Wait until a program that was started listens, and stop it at the end of the block.

    Raises
    ------
    UnusableError
        The program ended, or did not listen within 30 s.
    """
    try:
        deadline = time.monotonic() + 30
        while not listens(program.port):
            if program.process.poll() is not None or time.monotonic() > deadline:
                raise UnusableError(f"{name} did not start:\n{program.output()[-2000:]}")
            time.sleep(0.03)
        yield program
    finally:
        program.stop(stop_signal)


def nobody() -> dict[str, object]:
    """Return arguments of `Popen` that run a program of root as the user nobody: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def machine() -> str:
    """Return the name of the processor architecture as wheels use it."""
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
