"""Settings of gunicorn: worker processes pinned to cores, threads in each, metrics shared between workers.

SIGHUP reloads without losing a request. New workers start; old workers stop accepting connections, answer the requests
that they have, and keep idle connections open for two more seconds. nginx closes its idle connections after one second
(nginx/nginx.conf), so it never sends a request on a connection that gunicorn has closed.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import os
import shutil
import socket
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

_shm = Path("/dev/shm") if os.access("/dev/shm", os.W_OK | os.X_OK) else None  # noqa: S108


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# Containers that share /dev/shm have different names, and process numbers of their own.
_METRICS_OF_HOST = f"ecopredict-metrics-{_digest(socket.gethostname())}-"


def _metrics_prefix() -> Path:
    """Return the beginning of the names of the directories of counters of this DATA_DIR, one for each master.

    They are in memory where the system has /dev/shm, else under DATA_DIR: prometheus_client writes into mapped sparse
    files, and on a full disk the kernel ends a process that writes into one.
    """
    data_dir = Path(os.environ.get("DATA_DIR") or Path(__file__).parent / "instance").absolute()
    return (_shm or data_dir) / f"{_METRICS_OF_HOST}{_digest(str(data_dir))}"


# prometheus_client reads the variable when it is imported, so it is set before the application is imported. A master
# that gunicorn starts after SIGUSR2 inherits the variable of the old master, whose directory ends with that master.
_prefix = _metrics_prefix()
_metrics = _prefix.with_name(f"{_prefix.name}-{os.getpid()}")
_has_own_metrics = os.environ.get("PROMETHEUS_MULTIPROC_DIR") == str(_metrics)
if os.environ.get("PROMETHEUS_MULTIPROC_DIR", "").rpartition("-")[0] in ("", str(_prefix)):
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)


def _forget_application() -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in [*sys.modules] if name.partition(".")[0] in ("app", "ml")}


def _import_application() -> str:
    """Import the application anew at a reload; return why it was not, or "".

    Libraries are not, because parts of them are compiled. Code that needs others or is damaged waits for a restart.
    """
    requirements = Path(__file__).parent / "requirements.txt"
    master = f"{os.getpid()} "
    libraries = master + (_digest(requirements.read_text()) if requirements.exists() else "")
    known = os.environ.get("ECOPREDICT_LIBRARIES", "")
    if known.startswith(master) and known != libraries:
        return "requirements.txt has changed, and a reload does not load libraries"
    os.environ["ECOPREDICT_LIBRARIES"] = libraries
    if not (known.startswith(master) or _has_own_metrics):  # earlier versions have no other sign of a reload
        return ""
    running = _forget_application()
    try:
        importlib.import_module("app")
    except Exception as error:
        _forget_application()
        sys.modules.update(running)
        return f"the installed version cannot be imported ({type(error).__name__}: {error})"
    return ""


_reload_problem = _import_application()

from gunicorn.glogging import Logger  # noqa: E402
from gunicorn.workers.gthread import ThreadWorker  # noqa: E402

from app.config.settings import SettingsError, load_settings  # noqa: E402
from app.health import listener  # noqa: E402
from app.telemetry.logs import formatter  # noqa: E402

try:
    _settings = load_settings()
except SettingsError as error:
    raise SystemExit(f"EcoPredict cannot start: {error}") from None


class _Log(Logger):
    """gunicorn's own lines in the form of all others."""

    def setup(self, cfg: Any) -> None:
        """Set the handlers up: at the start, and again at a reload, which makes new ones."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter(_settings.environment))


class _Worker(ThreadWorker):
    """A worker that answers the connections that wait when it stops, and listens no longer.

    gunicorn's own worker keeps its listening socket until its last connection has ended. For two seconds the system
    would accept connections that nobody answers; nginx would not try another server, because it had sent its request.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections, or accept none for the moment; in a worker that stops, take those that wait and close."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listening in self.sockets:
            n_before = -1
            while self.nr_conns != n_before:
                n_before = self.nr_conns
                self.accept(listening)
            listening.close()


logger_class = _Log
wsgi_app = "wsgi:app"
bind = f"127.0.0.1:{_settings.port}"
worker_class = _Worker
workers = _settings.web_concurrency
threads = 4
# A worker whose main loop is stuck is replaced after this time.
timeout = 60
# A worker that must stop has this long to answer its requests: less than the container's stop_grace_period. Without
# nginx, a request whose body never arrives uses all of it, and nobody wants to wait after Ctrl-C.
graceful_timeout = 20 if _settings.environment == "production" else 3
# Longer than nginx keeps an idle connection to its upstream (keepalive_timeout), so that nginx always closes first.
keepalive = 5
# The memory of workers does not grow, and a new worker has to load its models again.
max_requests = 0
# A little more than nginx accepts (large_client_header_buffers). nginx answers longer requests itself, in the format
# that the client accepts.
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 120
# The heartbeat is a file. On a disk that stalls, gunicorn would take its workers for dead.
worker_tmp_dir = str(_shm) if _shm is not None else None
# Nothing uses gunicorn's control socket, which it would create in the home directory.
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = "ecopredict"


def on_starting(server: Any) -> None:
    """Delete what an earlier run left, and listen for liveness."""
    directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    if directory == _metrics:
        _delete_metrics_of_ended_masters()
        directory.parent.mkdir(parents=True, exist_ok=True)
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            # in /dev/shm another user may have created it
            raise SystemExit(f"EcoPredict cannot start: {directory} exists and cannot be removed") from None
    directory.mkdir(parents=True, exist_ok=True)
    _listen_for_liveness(server)
    _remove_drafts()


def _remove_drafts() -> None:
    """Remove the temporary files and folders of processes that were killed."""
    from app.catalogue.snapshot import SnapshotFile
    from ml.serving.drafts import remove_drafts

    with contextlib.suppress(OSError):
        remove_drafts(_settings.models_dir)
        SnapshotFile(_settings.data_dir.resolve() / "registry").remove_drafts()
        for draft in _settings.data_dir.glob(".secret_key.*.*"):
            number = draft.name.split(".")[2]
            if not (number.isdecimal() and _is_running(int(number))):
                draft.unlink(missing_ok=True)


# The socket of HEALTH_PORT, which the workers inherit.
_liveness: list[socket.socket] = []


def _listen_for_liveness(server: Any) -> None:
    """Open HEALTH_PORT at the address that the server listens at."""
    if _settings.health_port is None:
        return
    host = next((address[0] for address in server.cfg.address if isinstance(address, tuple)), "127.0.0.1")
    try:
        _liveness.append(listener.listen(host, _settings.health_port))
    except OSError as error:
        raise SystemExit(f"EcoPredict cannot start: HEALTH_PORT={_settings.health_port}: {error.strerror}") from None


def _delete_metrics_of_ended_masters() -> None:
    """Delete the counters of masters that were killed, of any DATA_DIR, and of one that had this master's number.

    Masters with other ports may run on the same DATA_DIR. Only the owner of a directory can delete it.
    """
    for directory in _prefix.parent.glob(f"{_METRICS_OF_HOST}*-*"):
        number = directory.name.rpartition("-")[2]
        if directory == _metrics or not (number.isdecimal() and _is_running(int(number))):
            shutil.rmtree(directory, ignore_errors=True)


def _is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def on_reload(server: Any) -> None:
    """Say where a reload did not change the version."""
    if _reload_problem:
        server.log.error("The version that runs goes on, restart the server to change it: %s.", _reload_problem)


def when_ready(server: Any) -> None:
    """Print the address of the server and release the lock of `make run`."""
    address = server.LISTENERS[0] if server.LISTENERS else bind
    print(f"EcoPredict is ready: {_url(str(address))}", flush=True)
    _release_start_lock()


def _release_start_lock() -> None:
    """Close the lock file that was inherited from tools/start.py: the server listens now, so the port is taken."""
    descriptor = os.environ.pop("START_LOCK_FD", None)
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        # a master that gunicorn starts after SIGUSR2 has the variable, but not the file
        if os.path.samestat(os.fstat(int(descriptor)), (_settings.data_dir / ".start.lock").stat()):
            os.close(int(descriptor))


def pre_fork(server: Any, worker: Any) -> None:
    """Assign cores to the worker, so that two workers never wait for one core while another core is idle."""
    shares = _shares_of_cores(server.cfg.workers)
    taken = Counter(getattr(other, "share", None) for other in server.WORKERS.values())
    worker.share = min(range(len(shares)), key=lambda share: taken[share])
    worker.cores = shares[worker.share]


def post_fork(server: Any, worker: Any) -> None:
    """Pin the worker to its cores where the system allows it."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, worker.cores)


def _shares_of_cores(n_workers: int) -> list[set[int]]:
    """Split the available cores between the workers; with fewer cores than workers, several workers share one."""
    try:
        cores = sorted(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return [set()]
    count = max(1, min(n_workers, len(cores)))
    return [set(cores[share::count]) for share in range(count)]


def post_worker_init(worker: Any) -> None:
    """Load the models, and start writing answers to the database, before the first request."""
    from app.components import components
    from app.outbox.outbox import Outbox
    from app.registry.examples import preload

    preload(worker.wsgi)
    # the spool may contain answers of an earlier run
    components(worker.wsgi).get(Outbox).start()
    for opened in _liveness:
        listener.serve(opened)
    # These objects live as long as the worker. Frozen, they are not visited by every garbage collection.
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    """Remove the gauges of a worker that has ended."""
    from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

    GunicornInternalPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the counters from memory."""
    if os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(_metrics):
        shutil.rmtree(_metrics, ignore_errors=True)


def _url(address: str) -> str:
    return address if address.startswith(("http://", "unix:")) else f"http://{address}"
