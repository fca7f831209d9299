"""Clients that send predictions until they are stopped, and record every answer."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.services.conftest import ENVIRONMENT, WHEATEAR
from tools import live


@dataclass
class Load:
    """Threads that request predictions until they are stopped.

    Attributes
    ----------
    pause : float
        Seconds after each answer.
    given : list of str
        Ids of answers with status 200.
    refused : dict of int to int
        Other statuses, counted.
    broken : int
        Connections that ended without a complete answer.
    """

    url: str
    threads: int = 4
    pause: float = 0.0
    given: list[str] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._running = [threading.Thread(target=self._ask, args=(n,)) for n in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._running:
            thread.join(30)

    def until(self, answers: int, seconds: float = 30) -> None:
        """Wait for a number of further answers."""
        target = len(self.given) + answers
        live.wait_until(lambda: len(self.given) >= target, seconds, f"{answers} further answers")

    def _ask(self, number: int) -> None:
        draw = random.Random(number)
        address = urlsplit(self.url)
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            environment = {**ENVIRONMENT, "trees": round(draw.uniform(0, 100), 3)}
            body = json.dumps({"species": WHEATEAR, "environment": environment})
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=15)
                connection.request("POST", "/api/v1/predictions", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException):
                with self._lock:
                    self.broken += 1
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.05)
                continue
            with self._lock:
                if response.status == 200:
                    self.given.append(json.loads(text)["id"])
                else:
                    self.refused[response.status] = self.refused.get(response.status, 0) + 1
            if self.pause:
                # a long load shares the cores with other tests
                time.sleep(self.pause)
