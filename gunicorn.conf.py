"""gunicorn's settings: threads for the waiting, processes for the cores, metrics shared between workers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

# The workers' counters meet in this directory. prometheus_client decides as it is imported whether processes share
# counters, so the variable has to stand before anything of the application is.
_metrics = Path(os.environ.get("DATA_DIR") or Path(__file__).parent / "instance").absolute() / "metrics"
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(_metrics))

from app.config import SettingsError, load_settings  # noqa: E402

try:
    _settings = load_settings()
except SettingsError as error:
    raise SystemExit(f"EcoPredict cannot start: {error}") from None

wsgi_app = "wsgi:app"
bind = f"127.0.0.1:{_settings.port}"
worker_class = "gthread"
workers = _settings.web_concurrency
threads = 4
timeout = 60
graceful_timeout = 20
keepalive = 5
max_requests = 0
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


def when_ready(server: Any) -> None:
    """Say where to point the browser."""
    address = server.LISTENERS[0] if server.LISTENERS else bind
    print(f"EcoPredict is ready: {_url(str(address))}", flush=True)


def post_worker_init(worker: Any) -> None:
    """Load what the first visitor would otherwise wait for."""
    from app.registry.service import warm

    warm(worker.wsgi)


def child_exit(server: Any, worker: Any) -> None:
    """Take a worker that is gone out of the gauges."""
    from prometheus_flask_exporter.multiprocess import GunicornInternalPrometheusMetrics

    GunicornInternalPrometheusMetrics.mark_process_dead_on_child_exit(worker.pid)


def _url(address: str) -> str:
    return address if address.startswith(("http://", "unix:")) else f"http://{address}"
