"""Requests through nginx: single ones, and threads that send predictions until they are stopped."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from typing import Any

from tools.containers.engine import WalkError

ENVIRONMENT = {
    "bare_rock": 15,
    "cover_0_25cm": 75,
    "cover_25_50cm": 10,
    "cover_50_100cm": 5,
    "cover_1_2m": 0,
    "cover_2_4m": 0,
    "cover_4_8m": 0,
    "cover_8_16m": 0,
}
SPECIES = "oenanthe-hispanica"


class UnsentError(OSError):
    """There was no connection, so nothing of the request was sent: it can be repeated."""


class Client:
    """Requests to the pages' port, with a key or without.

    Parameters
    ----------
    port : int
    key : str, optional
        API key.
    """

    def __init__(self, port: int, key: str | None = None) -> None:
        self.port = port
        self.key = key

    def ask(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None) -> tuple[int, Any]:
        """Send one request on a connection of its own; return the status and the JSON.

        Raises
        ------
        UnsentError
            There was no connection.
        """
        data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        headers = {"Content-Type": "application/octet-stream" if raw is not None else "application/json"}
        if self.key:
            headers["X-API-Key"] = self.key
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            try:
                connection.connect()
            except OSError as error:
                raise UnsentError(*error.args) from error
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else None

    def read(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None) -> Any:
        """Return the JSON of an answer that succeeded.

        Raises
        ------
        WalkError
            The status is not 2xx.
        """
        status, answer = self.ask(method, path, body, raw=raw)
        if not 200 <= status < 300:
            raise WalkError(f"{method} {path}: {status} {answer}")
        return answer

    def predict(self, **changes: float) -> Any:
        """Request a prediction of a demo species."""
        query = {"species": SPECIES, "environment": {**ENVIRONMENT, **changes}}
        return self.read("POST", "/api/v1/predictions", query)

    def answers(self) -> bool:
        """Return whether a prediction is answered."""
        try:
            self.predict()
        except (OSError, http.client.HTTPException, WalkError):
            return False
        return True


class Load:
    """Threads that send predictions; each request has other conditions and a connection of its own.

    Parameters
    ----------
    port : int
    threads : int
    repeats : bool
        Requests that got no answer are sent again, for at most 30 s.

    Attributes
    ----------
    ids : list of str
        Ids of the answers with status 200.
    failures, repeated : Counter
        Requests by what became of them: "not sent" (there was no connection), "no answer" (the connection ended), or
        the status.
    longest : float
        Seconds of the slowest request, with its repetitions.
    """

    def __init__(self, port: int, threads: int = 4, *, repeats: bool = False) -> None:
        self.ids: list[str] = []
        self.failures: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.longest = 0.0
        self._repeats = repeats
        self._client = Client(port)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)

    def _send(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            environment = {**ENVIRONMENT, "bare_rock": round((number * 25 + count * 0.001) % 100, 3)}
            query = {"species": SPECIES, "environment": environment}
            start = time.monotonic()
            failure, answer = self._ask(query)
            while failure in _REPEATABLE and self._repeats and time.monotonic() - start < 30:
                with self._lock:
                    self.repeated[failure] += 1
                time.sleep(0.1)
                failure, answer = self._ask(query)
            with self._lock:
                self.longest = max(self.longest, time.monotonic() - start)
                if failure is None:
                    self.ids.append(answer["id"])
                else:
                    self.failures[failure] += 1
            # fewer than the 50 requests a second of nginx/limits.conf, and most of the cores are left to the rest
            time.sleep(0.2)

    def _ask(self, query: dict[str, Any]) -> tuple[str | None, Any]:
        """Return what failed, or None, and the answer."""
        try:
            status, answer = self._client.ask("POST", "/api/v1/predictions", query)
        except UnsentError:
            return _NOT_SENT, None
        except (OSError, http.client.HTTPException):
            return _NO_ANSWER, None
        return (None if status == 200 else str(status)), answer

    def line(self) -> str:
        """Return the counts in words."""
        n_failed, n_repeated = sum(self.failures.values()), sum(self.repeated.values())
        kinds = f" {dict(self.failures)}" if n_failed else ""
        again = f", {n_repeated} repetitions {dict(self.repeated)}" if n_repeated else ""
        return f"{len(self.ids) + n_failed} requests, {n_failed} failed{kinds}{again}, slowest {self.longest:.2f} s"


_NOT_SENT, _NO_ANSWER = "not sent", "no answer"
_REPEATABLE = {_NOT_SENT, _NO_ANSWER}
