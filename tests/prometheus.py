"""A real Prometheus and a real Alertmanager with the shipped rules and routes, on loopback."""

from __future__ import annotations

import contextlib
import json
import re
import urllib.error
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools import live
from tools.live import PROJECT

MONITORING = PROJECT / "monitoring"
# a slow machine needs longer than the usual second for the page of the metrics
_EVERY = "2s"


@dataclass
class Prometheus:
    """A running Prometheus."""

    program: live.Program

    def is_ready(self) -> bool:
        """Return whether it answers queries."""
        try:
            return bool(live.NO_PROXY.open(f"http://127.0.0.1:{self.program.port}/-/ready", timeout=20).status == 200)
        except urllib.error.HTTPError:
            return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the samples of a query now: ``metric`` has the labels, ``value`` time and value."""
        address = f"http://127.0.0.1:{self.program.port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with live.NO_PROXY.open(address, timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        return list(found)

    def wait_for_scrapes(self, number: int, seconds: float = 120.0) -> None:
        """Wait until some more scrapes have begun and succeeded."""

        def scrapes() -> float:
            found = self.ask('sum(sum_over_time(up{job="ecopredict"}[1h]))')
            return float(found[0]["value"][1]) if found else 0.0

        # one may have begun before
        until = scrapes() + number + 1
        live.wait_until(lambda: scrapes() >= until, seconds, "Prometheus reads the metrics")


@contextlib.contextmanager
def prometheus(path: str, folder: Path, target: int, alertmanager: int | None = None) -> Iterator[Prometheus]:
    """Run Prometheus with the shipped configuration, but with the given targets, and with short delays.

    Parameters
    ----------
    path : str
        The program.
    folder : Path
        An empty folder for configuration and data.
    target : int
        The port of the application.
    alertmanager : int, optional
        The port of the Alertmanager.
    """
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": "1s"}
    (scrape,) = config["scrape_configs"]
    scrape["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    if alertmanager is None:
        del config["alerting"]
    else:
        (managers,) = config["alerting"]["alertmanagers"]
        managers["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
    for name in config["rule_files"]:
        text = re.sub(r"^ +interval: \w+\n", "", (MONITORING / name).read_text(), flags=re.MULTILINE)
        # what is known after a minute stays before what is known later
        text = re.sub(r"\bfor: (\w+)$", lambda found: f"for: {0 if found[1] == '1m' else 5}s", text, flags=re.MULTILINE)
        (folder / name).write_text(text)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = live.free_port()
    command = [
        path,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        # what is sent before it has found the Alertmanager is lost
        "--rules.alert.resend-delay=1s",
    ]
    with live.running(command, folder / "prometheus.log", port) as program:
        server = Prometheus(program)
        live.wait_until(server.is_ready, 60, "Prometheus is ready")
        yield server


@contextlib.contextmanager
def alertmanager(path: str, folder: Path, webhook: str, secrets: dict[str, str]) -> Iterator[live.Program]:
    """Run Alertmanager with the shipped routes, which sends to a receiver of the test at once.

    Parameters
    ----------
    path : str
        The program.
    folder : Path
        An empty folder for configuration, secrets and data.
    webhook : str
        The address of the receiver.
    secrets : dict
        The content of each file of secrets.
    """
    for name, value in secrets.items():
        (folder / name).write_text(value)
    text = (MONITORING / "alertmanager.yml").read_text()
    text = text.replace("https://oncall.example.org/alerts", webhook).replace("/run/secrets", str(folder))
    text = re.sub(r"group_wait: \w+", "group_wait: 1s", text)
    (folder / "alertmanager.yml").write_text(text)
    port = live.free_port()
    command = [
        path,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        # one instance, without a cluster
        "--cluster.listen-address=",
    ]
    with live.running(command, folder / "alertmanager.log", port) as program:
        yield program
