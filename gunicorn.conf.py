"""gunicorn's settings: threads for the waiting, processes for the cores, metrics shared between workers.

SIGHUP reloads without losing a request: new workers start, old ones stop accepting, answer what they hold, and keep an
idle connection for two more seconds. nginx closes its idle ones after one (nginx/nginx.conf), so none of its requests
meets a closed connection.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

# The workers' counters meet in this directory. prometheus_client decides as it is imported whether processes share
# counters, so the variable has to stand before anything of the application is.
_metrics = Path(os.environ.get("DATA_DIR") or Path(__file__).parent / "instance").absolute() / "metrics"
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_metrics))

from app.config.settings import SettingsError, load_settings  # noqa: E402
from app.telemetry.logs import formatter  # noqa: E402

try:
    _settings = load_settings()
except SettingsError as error:
    raise SystemExit(f"EcoPredict cannot start: {error}") from None

wsgi_app = "wsgi:app"
bind = f"127.0.0.1:{_settings.port}"
worker_class = "gthread"
workers = _settings.web_concurrency
threads = 4
# A worker whose main loop is stuck is replaced; one that is told to stop has this long for what it holds, less than a
# container is given (stop_grace_period).
timeout = 60
graceful_timeout = 20
# longer than nginx keeps an idle connection (keepalive_timeout of its upstream): the one that sends closes first
keepalive = 5
# workers do not grow, and a restart costs a warm-up
max_requests = 0
# a little more than nginx passes on (large_client_header_buffers), which answers what is longer in the caller's format
limit_request_line = 8190
limit_request_field_size = 8190
limit_request_fields = 120
# the heartbeat is a file: on a disk that stalls, workers would be taken for dead
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None  # noqa: S108
# a socket for commands in the home directory that nothing here uses
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = "ecopredict"


def on_starting(server: Any) -> None:
    """Clear the counters of an earlier run, which would be counted again."""
    directory = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    if directory == str(_metrics):
        shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, exist_ok=True)  # noqa: PTH103
    # gunicorn's own lines in the form of all others, and like them without addresses
    for handler in server.log.error_log.handlers:
        handler.setFormatter(formatter(_settings.environment))


def when_ready(server: Any) -> None:
    """Say where to point the browser."""
    address = server.LISTENERS[0] if server.LISTENERS else bind
    print(f"EcoPredict is ready: {_url(str(address))}", flush=True)


def pre_fork(server: Any, worker: Any) -> None:
    """Choose the worker's cores: each has its share, so that two never queue for one core while another is idle."""
    shares = _shares_of_cores(server.cfg.workers)
    taken = Counter(getattr(other, "share", None) for other in server.WORKERS.values())
    worker.share = min(range(len(shares)), key=lambda share: taken[share])
    worker.cores = shares[worker.share]


def post_fork(server: Any, worker: Any) -> None:
    """Stay on these cores; where that is not possible, the kernel places the worker as it likes."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, worker.cores)


def _shares_of_cores(workers_wanted: int) -> list[set[int]]:
    """The cores this process may use, split between workers; with fewer cores than workers, several share one."""
    try:
        cores = sorted(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return [set()]
    count = max(1, min(workers_wanted, len(cores)))
    return [set(cores[share::count]) for share in range(count)]


def post_worker_init(worker: Any) -> None:
    """Load what the first visitor would otherwise wait for."""
    from app.components import components
    from app.outbox.outbox import Outbox
    from app.registry.service import preload

    preload(worker.wsgi)
    # what an earlier run could not bring to the database is on its way before the first request
    components(worker.wsgi).get(Outbox).start()
    # What is there by now stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    """Take a worker that is gone out of the gauges."""
    from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

    GunicornInternalPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)


def _url(address: str) -> str:
    return address if address.startswith(("http://", "unix:")) else f"http://{address}"
