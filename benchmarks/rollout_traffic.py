"""Rollouts of real models on a served application, with simulated clients.

Run it with ``.venv/bin/python -m benchmarks.rollout_traffic``; it takes two to three minutes. It trains small models of
one made-up species, serves the application with gunicorn (two workers, SQLite), and sends predictions of some hundred
clients, of which the candidate answers a share. Four candidates are rolled out after each other:

- one that raises an error for temperatures of -1 °C and less, because it takes their logarithm: first only one hostile
  client asks for them, again and again, then 5 % of the requests of everybody do;
- one whose files are deleted before one of the workers has opened it;
- one with many times as many trees, which an operator stops when the interval of the ratio of times lies above 1.25;
- a good one with more records: first in the shadow, then for 10 % and 50 %, then promoted.

The line of each says what happened to the candidate, and what the clients saw.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.rollout_models import SOILS, SPECIES, STUDY, train
from tools import live

_ROLLOUT = f"/api/v1/studies/{STUDY}/rollout"
_THREADS = 4
_TOO_SLOW = 1.25


def main() -> None:
    """Train, serve, roll out and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=25.0, help="Longest time of traffic for each candidate.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-rollout-"))
    try:
        began = time.monotonic()
        models = train(folder)
        environ = live.app_environ(folder / "data", TRUSTED_PROXIES="1")
        live.flask(environ, "db", "upgrade")
        live.flask(environ, "models", "register", models["active"], "--activate")
        live.flask(environ, "models", "register", folder / "data" / "models")
        print(f"five models trained and registered in {time.monotonic() - began:.0f} s")
        with live.serving(environ, forked=False) as site:
            traffic = Traffic(site.url, options.clients, options.seed)
            _stands_one_client(traffic, models["raises"], options.seconds / 2)
            _raises(traffic, models["raises"], options.seconds)
            _loses_its_files(traffic, models["gone"], options.seconds)
            _is_slow(traffic, models["slow"], options.seconds)
            _is_good(traffic, models["good"], options.seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Traffic:
    """Clients that ask, in threads, and what they saw.

    Parameters
    ----------
    url : str
    clients : int
    seed : int
    """

    def __init__(self, url: str, clients: int, seed: int) -> None:
        self._address = url.removeprefix("http://")
        self._clients = [f"203.0.{n // 250}.{n % 250 + 1}" for n in range(clients)]
        self._seed = seed
        self._lock = threading.Lock()
        #: Share of the requests with a temperature below -1 °C, and the client who sends nothing else.
        self.cold, self.hostile = 0.0, ""
        self.forget()

    def forget(self) -> None:
        """Forget what the clients saw."""
        self.statuses: Counter[int] = Counter()
        self.models: Counter[str] = Counter()
        self.of_client: dict[str, set[str]] = {}

    def run(self, seconds: float, until: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], float]:
        """Send requests until a rollout is as it should be, or time is up; return it and the seconds."""
        stop, began = threading.Event(), time.monotonic()
        self._seed += 1
        threads = [threading.Thread(target=self._ask, args=(stop, 100 * self._seed + n)) for n in range(_THREADS)]
        if self.hostile:
            threads.append(threading.Thread(target=self._ask, args=(stop, 100 * self._seed + _THREADS, self.hostile)))
        for thread in threads:
            thread.start()
        rollout = self.call("GET")
        while not until(rollout) and time.monotonic() - began < seconds:
            time.sleep(0.25)
            rollout = self.call("GET")
        seconds = time.monotonic() - began
        stop.set()
        for thread in threads:
            thread.join()
        return rollout, seconds

    def call(self, method: str, path: str = "", body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read or change the rollout, as an operator does."""
        connection = http.client.HTTPConnection(self._address, timeout=30)
        text = json.dumps(body) if body is not None else None
        connection.request(method, _ROLLOUT + path, text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
        connection.close()
        if response.status not in (200, 201):
            raise SystemExit(f"{method} {path}: {response.status} {answer}")
        return answer

    def client_of(self, model: str) -> str:
        """Return a client whom a model answers."""
        connection, draw = http.client.HTTPConnection(self._address, timeout=30), random.Random(self._seed)
        found = (client for client in self._clients if _predict(connection, client, draw, 0.0)[1] == model)
        client = next(found)
        connection.close()
        return client

    def _ask(self, stop: threading.Event, seed: int, hostile: str = "") -> None:
        draw = random.Random(seed)
        connection = http.client.HTTPConnection(self._address, timeout=30)
        while not stop.is_set():
            if draw.random() < 0.1:
                # a connection stays with its worker, and the traffic is to reach both
                connection.close()
            client = hostile or draw.choice(self._clients)
            status, model = _predict(connection, client, draw, 1.0 if hostile else self.cold)
            with self._lock:
                self.statuses[status] += 1
                if status == 200:
                    self.models[model] += 1
                    self.of_client.setdefault(client, set()).add(model)
        connection.close()


def _predict(connection: http.client.HTTPConnection, client: str, draw: random.Random, cold: float) -> tuple[int, str]:
    """Ask for a prediction; return the status and the model."""
    body = json.dumps({"species": SPECIES, "environment": _conditions(draw, cold)})
    headers = {"Content-Type": "application/json", "X-Forwarded-For": client}
    connection.request("POST", "/api/v1/predictions", body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    return response.status, answer["model"]["id"] if response.status == 200 else ""


def _conditions(draw: random.Random, cold: float) -> dict[str, float | str]:
    soil = draw.choices(SOILS, (40, 30, 22, 8))[0]
    return {
        "rock": round(draw.uniform(0, 90), 2),
        "trees": round(draw.uniform(0, 100), 2),
        "temperature": round(draw.uniform(-9, -1) if draw.random() < cold else max(0.0, draw.gauss(14, 4)), 3),
        "soil": soil,
    }


def _start(traffic: Traffic, path: Path, percent: int, mode: str = "share") -> dict[str, Any]:
    traffic.forget()
    return traffic.call("POST", "", {"model": path.name, "percent": percent, "mode": mode})


def _stands_one_client(traffic: Traffic, path: Path, seconds: float) -> None:
    _start(traffic, path, 10)
    traffic.hostile = traffic.client_of(path.name)
    rollout, taken = traffic.run(seconds, _has_ended)
    _print("one hostile client, 10 %", traffic, rollout, taken)
    traffic.hostile = ""
    if not _has_ended(rollout):
        traffic.call("POST", "/stop")


def _raises(traffic: Traffic, path: Path, seconds: float) -> None:
    _start(traffic, path, 10)
    traffic.cold = 0.05
    rollout, taken = traffic.run(seconds, _has_ended)
    _print("raises an error for 5 % of the requests, 10 %", traffic, rollout, taken)
    _print_afterwards(traffic, path)
    traffic.cold = 0.0


def _loses_its_files(traffic: Traffic, path: Path, seconds: float) -> None:
    _start(traffic, path, 10)
    # the worker that began the rollout has the model open and goes on; the other one has to read the files
    shutil.rmtree(path)
    rollout, taken = traffic.run(seconds, _has_ended)
    _print("loses its files, 10 %", traffic, rollout, taken)
    _print_afterwards(traffic, path)


def _is_slow(traffic: Traffic, path: Path, seconds: float) -> None:
    _start(traffic, path, 20)
    rollout, taken = traffic.run(seconds, _is_too_slow)
    ratio = _ratio(rollout)
    word = "too slow" if _is_too_slow(rollout) else "not shown to be too slow"
    rollout = traffic.call("POST", "/stop")
    _print("is slow, 20 %", traffic, rollout, taken)
    times = [f"{_arm(rollout, arm)['median_ms']:.1f} ms" for arm in ("active", "candidate")]
    print(f"    {word}: {' and '.join(times)} (ratio {ratio['value']:.2f}, {ratio['low']:.2f} to {ratio['high']:.2f})")
    _print_afterwards(traffic, path)


def _is_good(traffic: Traffic, path: Path, seconds: float) -> None:
    _start(traffic, path, 50, "shadow")
    rollout, taken = traffic.run(seconds, lambda now: now["shadow"]["pairs"] >= 500)
    _print("good, in the shadow, 50 %", traffic, rollout, taken)
    shadow = rollout["shadow"]
    differs = shadow["other_verdict"]["value"]
    print(f"    {shadow['pairs']} pairs, {shadow['dropped']} dropped, the verdict differs for {differs:.1%}")
    traffic.call("POST", "/stop")
    rollout = _start(traffic, path, 10)
    rollout, taken = traffic.run(seconds, lambda now: _arm(now, "candidate")["requests"] >= 100)
    _print("good, 10 %", traffic, rollout, taken)
    several = sum(len(models) > 1 for models in traffic.of_client.values())
    print(f"    {several} of {len(traffic.of_client)} clients saw two versions")
    traffic.forget()
    traffic.call("PATCH", "", {"percent": 50, "revision": rollout["revision"]})
    rollout, taken = traffic.run(seconds, lambda now: _arm(now, "candidate")["requests"] >= 1_000)
    _print("good, 50 %", traffic, rollout, taken)
    if rollout["state"] == "running" and rollout["differences"]["error_rate"]["low"] <= 0:
        rollout = traffic.call("POST", "/promote")
        print(f"    {rollout['state']}: {rollout['reason']}")
    _print_afterwards(traffic, path)


def _is_too_slow(rollout: dict[str, Any]) -> bool:
    return _ratio(rollout)["low"] > _TOO_SLOW and _arm(rollout, "candidate")["computed"] >= 50


def _has_ended(rollout: dict[str, Any]) -> bool:
    return rollout["state"] != "running"


def _arm(rollout: dict[str, Any], name: str) -> dict[str, Any]:
    return next(arm for arm in rollout["arms"] if arm["arm"] == name)


def _ratio(rollout: dict[str, Any]) -> dict[str, float]:
    return rollout["differences"]["latency_ratio"] or {"value": 1.0, "low": 0.0, "high": 0.0}


def _print(name: str, traffic: Traffic, rollout: dict[str, Any], seconds: float) -> None:
    both = (_arm(rollout, "active"), _arm(rollout, "candidate"))
    arms = [f"{arm['arm']} {arm['failed']} of {arm['requests']} failed" for arm in both]
    wrong = sum(traffic.statuses.values()) - traffic.statuses[200]
    print(f"{name}: {rollout['state']} after {seconds:.1f} s; {', '.join(arms)}; clients saw {wrong} errors")
    if rollout["reason"]:
        print(f"    {rollout['reason']}")


def _print_afterwards(traffic: Traffic, path: Path) -> None:
    """Print who answers after the end."""
    traffic.forget()
    traffic.run(2.0, lambda _: False)
    total = sum(traffic.models.values())
    print(f"    afterwards this version answered {traffic.models[path.name]} of {total} requests")


if __name__ == "__main__":
    main()
