"""A command of a step: started under a supervisor, its output read line by line."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.config.settings import PROJECT, SECRETS
from app.jobs import supervisor
from app.jobs.folder import LONGEST_LINE

_POLL_S = 0.1
# How long the output is read after the command has ended: something outside its group may hold the pipe open.
_AFTER_S = 1.0
_KILLED, _BAD_INPUT = 137, 2


class CommandError(Exception):
    """A command failed; the message is one line."""


class CommandLost(Exception):
    """The supervisor of a command was killed, and the command with it; the step can start again."""


def run(
    args: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    log: Callable[[str], None],
    progress: Callable[[float, str], None],
    check: Callable[[], None],
    watch_fds: Sequence[int] = (),
) -> None:
    """Run a command to its end.

    Parameters
    ----------
    args : sequence of str or Path
    env : mapping
        Environment variables besides those of this process, without its secrets.
    log : callable
        Receives the lines of the output that are not progress.
    progress : callable
        Receives the share and the message of each line of progress.
    check : callable
        Called several times a second. When it raises, the command is ended and the exception is passed on.
    watch_fds : sequence of int
        Descriptors that stay open until the command and its processes have ended, also after the death of this process.

    Raises
    ------
    CommandError
        The exit status is not 0.
    CommandLost
        The supervisor was killed.
    """
    secrets = {*SECRETS, *(f"{name}_FILE" for name in SECRETS)}
    environ = {name: value for name, value in os.environ.items() if name not in secrets} | dict(env)
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-S", supervisor.__file__, *map(str, args)],
        cwd=PROJECT,
        env=environ | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=watch_fds,
        process_group=0,
    )
    lines = _Lines(log, progress)
    try:
        _read(process, lines, check)
    finally:
        _stop(process)
    status = process.returncode
    if status < 0:
        raise CommandLost(f"the supervisor was ended by signal {-status}")
    if status == _BAD_INPUT and lines.last:
        raise CommandError(lines.last)
    if status == _KILLED:
        raise CommandError("The command was killed by the system; the memory may not suffice. The log has its output.")
    if status:
        raise CommandError(lines.last or f"The command failed without a message (exit {status}).")


def _read(process: subprocess.Popen[bytes], lines: _Lines, check: Callable[[], None]) -> None:
    """Read the output until the command has ended."""
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    descriptor = process.stdout.fileno()
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    until = None
    while True:
        check()
        if poller.poll(_POLL_S * 1000):
            data = os.read(descriptor, 65536)
            if not data:
                break
            lines.feed(data)
        elif until is None and process.poll() is not None:
            until = time.monotonic() + _AFTER_S
        if until is not None and time.monotonic() > until:
            break
    lines.end()
    while process.poll() is None:
        # the command closed its output and goes on
        check()
        time.sleep(_POLL_S / 10)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Order the supervisor to end the command, and wait for it."""
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 (they are pipes)
    with contextlib.suppress(BrokenPipeError):
        if process.poll() is None:
            process.stdin.write(b"s")
            process.stdin.flush()
    # its output is not read any more; the command must not wait for a reader
    process.stdout.close()
    process.wait()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


class _Lines:
    """Splits output into lines of limited length, and tells progress from text.

    Attributes
    ----------
    last : str
        The last line of text.
    """

    def __init__(self, log: Callable[[str], None], progress: Callable[[float, str], None]) -> None:
        self.last = ""
        self._log = log
        self._progress = progress
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the output."""
        *complete, rest = (self._rest + data).split(b"\n")
        for line in complete:
            self._take(line)
        while len(rest) > LONGEST_LINE:
            self._take(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._rest = rest

    def end(self) -> None:
        """Take the last line, which may lack its end."""
        self._take(self._rest)
        self._rest = b""

    def _take(self, line: bytes) -> None:
        # a progress bar returns to the beginning of its line
        text = line.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2].strip()
        if not text:
            return
        report = _progress_of(text)
        if report is None:
            self.last = text[:LONGEST_LINE]
            self._log(text)
        else:
            self._progress(*report)


def _progress_of(text: str) -> tuple[float, str] | None:
    """Return the share and the message of a line of progress, or None for other text."""
    if not text.startswith("{"):
        return None
    try:
        report: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    share, message = report.get("progress"), report.get("message", "")
    # a whole number may be too large for a float
    if isinstance(share, float) or (type(share) is int and 0 <= share <= 1):
        return float(share), str(message)
    return None
