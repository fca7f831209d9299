"""Run one operation of ``python -m ml workbench`` and return its result.

The process gets no secrets, has a limit of memory and of time, and ends with this one. Few of them run at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.config.settings import PROJECT
from app.errors import Unavailable
from app.web.faces import settings

log = logging.getLogger(__name__)

#: Operations that run at the same time, over all processes of this DATA_DIR.
SLOTS = 2
#: Seconds that an operation waits for others to end.
_WAIT_S = 60.0
_POLL_S = 0.05
#: Environment variables that the process inherits. None contains a secret.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "NUMBA_CACHE_DIR", "PROJ_DATA", "GDAL_DATA", "TZ")
#: Largest result, bytes.
_MOST_OUTPUT = 64 * 1024 * 1024


class WorkbenchError(ValueError):
    """The operation refused its input; the message is one line for the user."""


def environment() -> dict[str, str]:
    """Return the environment of a subprocess that works on files of users."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def run(operation: str, payload: Mapping[str, Any], timeout_s: float = 300.0) -> dict[str, Any]:
    """Run one operation.

    Parameters
    ----------
    operation : str
        As ``ml.commands.workbench`` lists them.
    payload : mapping
        JSON values.
    timeout_s : float
        Seconds after which the process is ended.

    Returns
    -------
    dict

    Raises
    ------
    WorkbenchError
        The input is refused, or the operation takes too long or too much memory.
    Unavailable
        Too many operations run.
    """
    with _slot(settings().data_dir):
        return _run(operation, payload, timeout_s)


def _run(operation: str, payload: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    request = json.dumps({"operation": operation, "payload": dict(payload)}).encode()
    # The process ends when the other end of this pipe is closed, that is, when this process ends.
    reading, writing = os.pipe()
    try:
        process = start(reading)
        os.close(reading)
        reading = -1
        try:
            output, errors = process.communicate(request, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise WorkbenchError(f"Reading took longer than {timeout_s:.0f} seconds and was stopped.") from None
        finally:
            _end(process)
    finally:
        os.close(writing)
        if reading >= 0:
            os.close(reading)
    return _result(operation, process.returncode, output, errors)


def start(watched: int) -> subprocess.Popen[bytes]:
    """Start the program in a process group of its own; it ends when the other end of the pipe ``watched`` is closed."""
    return subprocess.Popen(  # noqa: S603 (no input of the user is in the command)
        [sys.executable, "-m", "ml", "workbench", "--watch", str(watched)],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(watched,),
        process_group=0,
    )


def _result(operation: str, code: int, output: bytes, errors: bytes) -> dict[str, Any]:
    text = errors.decode(errors="replace").strip()
    last = text.splitlines()[-1] if text else ""
    if code == 2:
        raise WorkbenchError(last.partition("workbench: ")[2] or last or "The file cannot be read.")
    if code == 0 and len(output) <= _MOST_OUTPUT:
        result = json.loads(output)
        assert isinstance(result, dict)  # noqa: S101 (the command prints an object)
        return result
    log.error("workbench %s ended with %s: %s", operation, code, text[-2000:])
    if code in (-signal.SIGKILL, -signal.SIGSEGV, 3) or "MemoryError" in text:
        raise WorkbenchError("Reading needs more memory than this server gives it.")
    raise WorkbenchError("The file cannot be read: the program that reads it stopped with an error.")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


@contextlib.contextmanager
def _slot(data_dir: Path) -> Iterator[None]:
    """Hold one of the locks that bound how many operations run."""
    folder = data_dir / "workbench"
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _WAIT_S
    files = [
        os.open(folder / f"slot-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for number in range(SLOTS)
    ]
    try:
        while not any(_try_lock(file) for file in files):
            if time.monotonic() > deadline:
                raise Unavailable("Other files are being read. Try again in a minute.")
            time.sleep(_POLL_S)
        yield
    finally:
        for file in files:
            os.close(file)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
