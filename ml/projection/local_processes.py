"""Local processes that compute blocks: Ctrl-C reaches the main process alone, and none outlives it."""

from __future__ import annotations

import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import threading
import time

from joblib import Parallel, delayed
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.parallel import get_active_backend

_LOOK_S = 1.0
_watching = threading.Event()


def start_processes() -> None:
    """Start the processes of the joblib backend in force, where they are local.

    A process inherits the signals that are blocked in the thread that starts it. With SIGINT blocked, Ctrl-C, which a
    terminal sends to all of them, does not end them with a traceback each.
    """
    backend, n_jobs = get_active_backend()
    if n_jobs in (None, 1) or type(backend).__name__ != "LokyBackend":
        return
    # Both unblock SIGINT when they are started.
    multiprocessing.resource_tracker.ensure_running()
    loky_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        Parallel()(delayed(watch_parent)() for _ in range(n_jobs))
    finally:
        # Ctrl-C of the meantime is raised here.
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def watch_parent() -> None:
    """Let a local process end when its parent has ended, as by SIGKILL, instead of waiting for work for minutes."""
    if _watching.is_set() or not multiprocessing.current_process().name.startswith("Loky"):
        return
    _watching.set()
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)
