"""Programs started for tests: waited for, and ended by process id, also when a test fails."""

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

PROJECT = Path(__file__).resolve().parents[2]
SITE = Path(sysconfig.get_paths()["purelib"])


class UnusableError(RuntimeError):
    """A program from a wheel does not work on this machine; the message says which and why."""


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
        """End it and wait; what does not go in time, or is to be killed, is killed with its group."""
        if self.process.poll() is None and how == signal.SIGKILL:
            os.killpg(self.process.pid, how)
        elif self.process.poll() is None:
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
