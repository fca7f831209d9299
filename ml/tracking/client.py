"""The part of MLflow's REST API that logs a run.

The API is described at https://mlflow.org/docs/latest/rest-api.html. The server is chosen by the operator, and no
answer of it sends the client to another one: redirects are not followed, and files are only uploaded through the server
itself.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests

from ml.tracking.address import TrackingServer

# Seconds to connect, and between two parts of an answer.
_TIMEOUT_S = (3.0, 5.0)
_LARGEST_ANSWER = 1_000_000
# Limits of log-batch.
_MOST_PARAMETERS, _MOST_METRICS = 100, 900
_LONGEST_PARAMETER, _LONGEST_TAG = 6_000, 5_000
#: Where a server that passes files on keeps them.
_PASSED_ON = "mlflow-artifacts:/"


class TrackingError(Exception):
    """The server did not do what was asked; the message is a few words without an address or a text of the server."""


class MlflowClient:
    """A client of one server.

    Parameters
    ----------
    server : TrackingServer
    """

    def __init__(self, server: TrackingServer) -> None:
        self._url = server.url
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "EcoPredict (species distribution models)"
        if server.user:
            self._session.auth = (server.user, server.password)
        self._experiments: dict[str, str] = {}

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is made where there is none.

        Raises
        ------
        TrackingError
        """
        if name not in self._experiments:
            # Two trainings of a study may begin at once, and one of them finds the experiment of the other.
            found = self._find(name) or self._create(name) or self._find(name)
            if found is None:
                raise TrackingError("the experiment can be neither found nor made")
            self._experiments[name] = found
        return self._experiments[name]

    def _find(self, name: str) -> str | None:
        status, answer = self._call("GET", "experiments/get-by-name", {"experiment_name": name})
        return None if status == 404 else _text(answer, "experiment", "experiment_id")

    def _create(self, name: str) -> str | None:
        status, answer = self._call("POST", "experiments/create", {"name": name})
        return None if status == 400 else _text(answer, "experiment_id")

    def begin(self, experiment: str, name: str, started: float, tags: Mapping[str, str]) -> tuple[str, str]:
        """Begin a run, and return its id and the address of its files.

        Raises
        ------
        TrackingError
        """
        body = {
            "experiment_id": experiment,
            "run_name": name,
            "start_time": int(1000 * started),
            "tags": [{"key": key, "value": value[:_LONGEST_TAG]} for key, value in tags.items()],
        }
        answer = self._done("POST", "runs/create", body)
        return _text(answer, "run", "info", "run_id"), _text(answer, "run", "info", "artifact_uri")

    def log(self, run: str, parameters: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        """Log the parameters and metrics of a run.

        Raises
        ------
        TrackingError
        """
        moment = int(1000 * time.time())
        params = [{"key": key, "value": value[:_LONGEST_PARAMETER]} for key, value in parameters.items()]
        values = [{"key": key, "value": value, "timestamp": moment, "step": 0} for key, value in metrics.items()]
        for part in _parts(params, _MOST_PARAMETERS):
            self._done("POST", "runs/log-batch", {"run_id": run, "params": part})
        for part in _parts(values, _MOST_METRICS):
            self._done("POST", "runs/log-batch", {"run_id": run, "metrics": part})

    def upload(self, folder: str, name: str, content: bytes) -> None:
        """Upload a file of a run.

        Parameters
        ----------
        folder : str
            The address of the files, as `begin` returned it.
        name : str
        content : bytes

        Raises
        ------
        TrackingError
            Among others where the server keeps files in a place that only its own client reaches.
        """
        path = folder.removeprefix(_PASSED_ON)
        if path == folder or path.startswith("/") or ".." in path.split("/"):
            raise TrackingError("the server does not take files; start it with --serve-artifacts")
        address = f"{self._url}/api/2.0/mlflow-artifacts/artifacts/{quote(f'{path}/{name}')}"
        status, _ = self._request("PUT", address, content)
        if status != 200:
            raise TrackingError(f"it answered {status}")

    def end(self, run: str, status: str = "FINISHED") -> None:
        """End a run.

        Raises
        ------
        TrackingError
        """
        self._done("POST", "runs/update", {"run_id": run, "status": status, "end_time": int(1000 * time.time())})

    def give_up(self, run: str) -> None:
        """Mark a run as failed, if the server answers."""
        with contextlib.suppress(TrackingError):
            self.end(run, "FAILED")

    def _done(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        status, answer = self._call(method, path, body)
        if status != 200:
            raise TrackingError(f"it answered {status}")
        return answer

    def _call(self, method: str, path: str, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask for something that may be there already or not yet: 200, 400 and 404 are answers."""
        address = f"{self._url}/api/2.0/mlflow/{path}"
        if method == "GET":
            address += "?" + "&".join(f"{name}={quote(str(value), safe='')}" for name, value in body.items())
            status, content = self._request(method, address, None)
        else:
            status, content = self._request(method, address, json.dumps(body).encode(), "application/json")
        if status not in (200, 400, 404):
            raise TrackingError(f"it answered {status}")
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise TrackingError("its answer is not that of an MLflow server")
        return status, answer

    def _request(
        self, method: str, address: str, content: bytes | None, kind: str = "application/octet-stream"
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": kind} if content is not None else {}
        try:
            with self._session.request(
                method,
                address,
                data=content,
                headers=headers,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = response.raw.read(_LARGEST_ANSWER + 1, decode_content=True)
        except Exception as error:
            # Messages of the library contain the address.
            raise TrackingError(type(error).__name__) from None
        if len(answer) > _LARGEST_ANSWER:
            raise TrackingError("its answer is too long")
        return response.status_code, answer


def _text(answer: object, *path: str) -> str:
    for name in path:
        answer = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(answer, str) or not answer:
        raise TrackingError("its answer is not that of an MLflow server")
    return answer


def _parts(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]
