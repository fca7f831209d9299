"""A real MLflow server on a free port, with its database and files in a folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REQUIRE_ALL
from tools import live
from tools.live import PROJECT
from tools.live.ports import free_port

PACKAGES = PROJECT / ".venv" / "mlflow"
# MLflow makes the tables of its database at the first request.
_PATIENCE = 120


@dataclass
class Mlflow:
    """The server."""

    url: str
    files: Path

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask MLflow's REST API; without a body by GET."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}
        )
        with live.NO_PROXY.open(request, timeout=_PATIENCE) as response:
            return json.load(response)

    def runs(self, experiment: str) -> list[dict[str, Any]]:
        """The runs of an experiment, with parameters, metrics and tags by name."""
        found = self.ask(f"experiments/get-by-name?experiment_name={experiment}")["experiment"]["experiment_id"]
        runs = self.ask("runs/search", {"experiment_ids": [found]}).get("runs", [])
        return [
            {
                "info": run["info"],
                **{
                    part: {one["key"]: one["value"] for one in run["data"][part]}
                    for part in ("params", "metrics", "tags")
                },
                "files": self.files / found / run["info"]["run_id"] / "artifacts",
            }
            for run in runs
        ]


def install() -> None:
    """Install the server where every test must run; else skip the test without it."""
    if (PACKAGES / ".complete").exists():
        return
    if not REQUIRE_ALL:
        pytest.skip("MLflow is not installed; get it with `sh tools/mlflow.sh`")
    subprocess.run(["sh", "tools/mlflow.sh"], cwd=PROJECT, check=True, timeout=600)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Mlflow]:
    """Run the server."""
    install()
    port, files = free_port(), folder / "files"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4", "--timeout", "300"]
    # what the command `mlflow server` sets before it starts its application
    environ = {
        **os.environ,
        "PYTHONPATH": str(PACKAGES),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(files),
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    }
    with live.running(
        [*command, "--config", "/dev/null", "mlflow.server:app"],
        folder / "mlflow.log",
        port,
        environ=environ,
        cwd=folder,
    ):
        server = Mlflow(f"http://127.0.0.1:{port}", files)
        server.ask("experiments/search", {"max_results": 1})
        yield server
