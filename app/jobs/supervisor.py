"""Runs one command in a process group of its own, and ends the group when the worker orders it or dies.

The worker starts this file as a script. Its standard input is a pipe from the worker: a byte is the order to stop, and
the end of the pipe means that the worker is dead. The command starts only after that pipe exists, so no moment is left
in which a dead worker leaves a command behind. Linux ends the command when this process is killed alone. The lock of
the worker is inherited by this process and not by the command: the lock is free when every command of a dead worker
has ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_GRACE_S = 1.0
# From <sys/prctl.h>.
_PR_SET_PDEATHSIG = 1
#: Exit status where the command cannot be started, as of a shell.
NOT_STARTED = 127


def main(command: list[str]) -> int:
    """Run the command; return its exit status, or 128 plus the number of the signal that ended it."""
    # A signal to the group of the worker must not end this process before the command.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # The arrival of SIGCHLD is written to the pipe, so that one call waits for the worker and for the command.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # Loaded before the fork; the new process only calls it.
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    parent = os.getpid()

    def prepare() -> None:
        _restore_signals()
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(NOT_STARTED)

    try:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, process_group=0, preexec_fn=prepare
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return NOT_STARTED
    while process.poll() is None:
        ready, _, _ = select.select([0, reader], [], [])
        if reader in ready:
            os.read(reader, 4096)
        if 0 in ready:
            if os.read(0, 1):
                _signal(process.pid, signal.SIGTERM)
                _wait(process, _GRACE_S)
            break
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    # what the command left in its group
    until = time.monotonic() + _GRACE_S
    while _has_live_member(process.pid) and time.monotonic() < until:
        _signal(process.pid, signal.SIGKILL)
        time.sleep(0.01)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _restore_signals() -> None:
    # an ignored signal stays ignored in the new program; this process has one thread
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until the group is empty, within a time limit or the life of the worker."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None and not _has_live_member(process.pid):
            return
        ready, _, _ = select.select([0], [], [], 0.02)
        if ready and not os.read(0, 1):
            return


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _has_live_member(group: int) -> bool:
    """Return whether a process of the group runs; zombies do not count, because a container may never collect them."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, member_of = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
            if int(member_of) == group and state not in ("Z", "X"):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
