"""Error reports of a job about a sensitive species: decoded envelopes of a real worker, without any place."""

from __future__ import annotations

import os
from pathlib import Path

from tests import own_study
from tests.collectors import collecting
from tests.contract.conftest import upgrade
from tests.contract.trainings.conftest import open_app, start_worker
from tools.live import PROJECT

PLACE = ("-8.7612", "43.1234")
MESSAGE = f"no cell for ({PLACE[0]}, {PLACE[1]}) at lat {PLACE[1]} lon {PLACE[0]} in 'records.csv'"
MESSAGE += " of ann@example.org at postgresql://eco:hush@db/x and https://eco:hush@h/?key=hush"
# A step that fails, with a message that says too much; Python runs this file as it starts. The message is not in its
# source, which a report quotes.
FAULT = """
import os
from app.trainings import steps
def fail(source, target):
    message = os.environ["FAULT_MESSAGE"]
    raise RuntimeError(message)
steps.place_folder = fail
"""


def test_a_failed_job_is_reported_without_places_and_secrets(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    app = open_app(tmp_path / "data")
    upgrade(app)
    client = app.test_client()
    own_study.upload(client, counts={"Lacerta ficta": 60})
    api = "/api/v1/studies/made-lizards"
    marked = client.put(f"{api}/sensitive-species", json={"species": "Lacerta ficta", "grid_km": 10})
    assert marked.status_code in (200, 201), marked.json
    started = client.post(f"{api}/trainings", json=own_study.quick())
    assert started.status_code == 202, started.json
    with collecting() as collector:
        worker = start_worker(
            app,
            SENTRY_DSN=collector.dsn,
            FAULT_MESSAGE=MESSAGE,
            MLFLOW_TRACKING_URI="http://eco:hush-hush@127.0.0.1:1",
            PYTHONPATH=f"{tmp_path}{os.pathsep}{PROJECT}",
        )
        output = "".join(worker.communicate(timeout=300))
    assert client.get(started.headers["Location"]).json["state"] == "failed", output
    # the worker ends at once, and what waits is sent before
    (event,) = collector.events
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert event["logger"] == "app.jobs.execution"
    sent = b"".join(body for _, body in collector.posted)
    table = own_study.records({"Lacerta ficta": 60}).decode().splitlines()[1:]
    places = {number for line in table for number in line.split(",")[1:3]}
    for private in (*PLACE, "hush", "ann@", "example.org", "'records.csv'", *places):
        assert private.encode() not in sent, private
