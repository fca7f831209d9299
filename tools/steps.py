"""Run the steps of a start, and end each with everything that it started.

Each step runs in a process group of its own, so that one signal ends the step together with the processes it started. A
second process watches each step, and ends it when the start is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PROJECT = Path(__file__).resolve().parent.parent
_POLL_S = 0.05
_GRACE_S = 10.0

# Reads the id of a process group, waits until the start ends, and ends that group.
_WATCH = """
import os, signal, sys, time
group = int(sys.stdin.buffer.readline() or 0)
sys.stdin.buffer.read()
try:
    if group:
        os.killpg(group, signal.SIGTERM)
        time.sleep(2)
        os.killpg(group, signal.SIGKILL)
except (ProcessLookupError, PermissionError):
    pass
"""


class StartError(Exception):
    """The start cannot go on; the message is one line."""


class StoppedError(Exception):
    """SIGINT, SIGTERM or SIGHUP was received before the server was started."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopSignals:
    """The signals that end a start.

    The handler only notes the signal. An exception raised by a handler could come between the start of a step and the
    code that ends it, and the step would be left running.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._handled = [signal.SIGINT, signal.SIGTERM]
        # nohup ignores it, and the start then goes on without its terminal
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._handled.append(signal.SIGHUP)
        for number in self._handled:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._received is None:
            self._received = number

    def check(self) -> None:
        """Raise `StoppedError` when a signal was received."""
        if self._received is not None:
            raise StoppedError(self._received)

    def ignore(self) -> None:
        """Ignore further signals, so that the exit status of this process is the one it chose."""
        for number in self._handled:
            signal.signal(number, signal.SIG_IGN)

    def restore(self) -> None:
        """Restore the default actions, for the server that this process becomes."""
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)


@dataclass(frozen=True)
class Step:
    """One command of the preparation."""

    title: str
    command: Sequence[str | Path]


def run_step(step: Step, environ: dict[str, str], stop: StopSignals) -> None:
    """Run one step, and end it with everything that it started when a signal is received."""
    stop.check()
    print(f"== {step.title}", flush=True)
    # stdin stays closed: a process group in the background that reads from the terminal is suspended
    with watched() as watch:
        process = subprocess.Popen(  # noqa: S603
            step.command, cwd=PROJECT, env=environ, stdin=subprocess.DEVNULL, process_group=0
        )
        watch(process.pid)
        try:
            while process.poll() is None:
                stop.check()
                time.sleep(_POLL_S)
        finally:
            end_group(process)
    stop.check()
    if process.returncode:
        raise StartError(f"{step.title}: failed (exit {process.returncode}); the next `make run` tries again")


@contextlib.contextmanager
def watched() -> Iterator[Callable[[int], None]]:
    """Start a process that ends a process group when this process is killed.

    Yields
    ------
    callable
        Takes the id of the group.
    """
    # this process alone has the other end of the pipe, which the system closes when it ends
    watcher = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    assert watcher.stdin is not None  # noqa: S101 (it is a pipe)
    pipe = watcher.stdin

    def watch(group: int) -> None:
        with contextlib.suppress(BrokenPipeError):
            pipe.write(b"%d\n" % group)
            pipe.flush()

    try:
        yield watch
    finally:
        watcher.kill()
        watcher.wait()
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of a step's process group: with SIGTERM, and with SIGKILL after a while."""
    for number, seconds in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, 1.0)):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                os.killpg(process.pid, number)
            except (ProcessLookupError, PermissionError):
                # the group is empty
                process.wait()
                return
            if process.poll() is not None and not _has_live_member(process.pid):
                return
            time.sleep(_POLL_S)


def _has_live_member(group: int) -> bool:
    """Return whether a process of the group still runs; in a container, zombies may never be collected."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, member_of = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(member_of) == group and state not in ("Z", "X"):
                return True
    return False
