"""Gauges and log lines of several workers, one of which is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.registry.examples import MOST_SPECIES
from tests.services.conftest import call, predict
from tools import live


@pytest.fixture(scope="module")
def site(workroom: Path, prepared: Path) -> Iterator[live.Site]:
    environ = live.copy_site(prepared, workroom / "workers", ENVIRONMENT="production")
    with live.serving(environ) as running:
        yield running


def read(site: live.Site) -> dict[str, float]:
    lines = call(f"{site.url}/metrics").body.decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_gauges_are_of_all_workers_that_live(site: live.Site) -> None:
    for i in range(20):
        assert predict(site.url, temperature=10 + i).status == 200
    # each worker opened the models of the best species as it started, looking for the example of the first page
    before = read(site)
    assert 2 <= before["ecopredict_models_open"] <= 2 * MOST_SPECIES
    assert before["ecopredict_inference_seconds_count"] == 20
    size = before["ecopredict_database_pool_size"]
    assert [value for name, value in before.items() if name.startswith("ecopredict_build_info{")] == [1]
    master = psutil.Process(site.program.process.pid)
    victim = master.children()[0]
    os.kill(victim.pid, signal.SIGKILL)
    live.wait_until(lambda: victim.pid not in [one.pid for one in master.children()] and len(master.children()) == 2)
    live.wait_until(lambda: read(site)["ecopredict_database_pool_size"] == size, what="the new worker's pool")
    after = read(site)
    assert after["ecopredict_models_open"] <= before["ecopredict_models_open"]
    # what was counted stays counted
    assert after["ecopredict_inference_seconds_count"] == 20


@pytest.mark.parametrize("kind", ["counter", "histogram", "gauge_livesum"])
def test_a_file_that_a_worker_makes_just_now_does_not_fail_a_scrape(site: live.Site, kind: str) -> None:
    assert predict(site.url).status == 200
    before = read(site)
    assert before["ecopredict_inference_seconds_count"] > 0
    empty = site.metrics / f"{kind}_4194304.db"
    empty.touch()
    try:
        answer = call(f"{site.url}/metrics")
        assert answer.status == 200
        assert read(site)["ecopredict_inference_seconds_count"] == before["ecopredict_inference_seconds_count"]
    finally:
        empty.unlink()


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
def test_a_scrape_can_ask_for_one_metric(site: live.Site, accept: str) -> None:
    assert predict(site.url).status == 200
    name = "ecopredict_inference_seconds_count"
    answer = call(f"{site.url}/metrics?name[]={name}", headers={"Accept": accept})
    assert answer.status == 200
    lines = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    assert len(lines) == 1
    assert lines[0].startswith(f"{name} ")


def test_every_line_in_production_is_json_and_names_nobody(site: live.Site) -> None:
    with socket.create_connection(("127.0.0.1", site.program.port)) as odd:
        odd.sendall(b"GET /?env.trees=91.5 NONSENSE\r\n\r\n")
        odd.recv(100)
    assert predict(site.url).status == 200
    lines = [line for line in site.program.output().splitlines() if not line.startswith("EcoPredict is ready")]
    told = [json.loads(line) for line in lines]
    assert {"app.access", "gunicorn.error"} <= {line["logger"] for line in told}
    text = "\n".join(lines)
    assert "127.0.0.1" not in text
    assert "91.5" not in text
