"""Samples with data from the upload to a prediction: records that bring their conditions, and no layers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.conftest import upgrade
from tests.contract.trainings.conftest import open_app, train

API = "/api/v1"
SLUG = "made-samples"


def table() -> bytes:
    """Maxent's layout: 60 places of a lizard in the warm, and 200 rows of background."""
    draw = np.random.default_rng(5)
    lines = ["species,longitude,latitude,bio1,bio12"]
    for name, n, warm in (("Lacerta ficta", 60, 16), ("background", 200, 10)):
        for x, y, t, p in zip(*(draw.normal(0, 1, n) for _ in range(4)), strict=True):
            lines.append(f"{name},{x - 4:.4f},{y + 41:.4f},{warm + 2 * t:.2f},{700 + 100 * p:.1f}")
    return "\n".join(lines).encode()


@pytest.fixture
def app(tmp_path) -> Flask:
    app = open_app(tmp_path / "data")
    upgrade(app)
    client = app.test_client()
    assert client.post(f"{API}/studies", json={"title": "Made samples"}).json["slug"] == SLUG
    assert client.put(f"{API}/studies/{SLUG}/files/samples.csv", data=table()).status_code == 201
    return app


def look_at_records(client: FlaskClient) -> None:
    records = client.get(f"{API}/studies/{SLUG}/records")
    assert records.status_code == 200, records.json
    assert (records.json["n"], records.json["kept"], records.json["cells"]) == (260, 260, None)
    assert [(one["name"], one["n"], one["trained"]) for one in records.json["species"]] == [("Lacerta ficta", 60, True)]
    assert not [one for one in records.json["problems"] if one["blocking"]]
    for path in ("records.csv", "records/places"):
        refused = client.get(f"{API}/studies/{SLUG}/{path}")
        assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")
        assert "samples with data" in refused.json["detail"]
    page = client.get(f"/studies/{SLUG}/records")
    assert page.status_code == 200
    assert "260 of 260 records kept" in page.text
    assert "records.csv" not in page.text
    assert client.get(f"/studies/{SLUG}/records/places").status_code == 409
    layers = client.get(f"/studies/{SLUG}/layers")
    assert "so the study needs no layers" in " ".join(layers.text.split())
    assert client.get(f"{API}/studies/{SLUG}/layers").json["problems"] == []
    for name in ("", "/records", "/layers", "/start"):
        page = client.get(f"/studies/{SLUG}{name}")
        assert page.status_code == 200
        # layers are done, the training is next
        states = re.findall(r"study-step study-step-(\w+)", page.text)
        assert states == ["done", "done", "done", "next", "later"], name
        assert "/records/places" not in page.text


def test_samples_are_trained_and_predict(app: Flask) -> None:
    client = app.test_client()
    look_at_records(client)
    job = train(app, SLUG)
    assert job["state"] == "succeeded", job
    [version] = client.get(f"{API}/studies/{SLUG}/versions").json["items"]
    assert client.post(f"{API}/models/{version['candidate']['id']}/activate").status_code == 200
    body = {"species": version["species"]["slug"], "environment": {"bio1": 16.0, "bio12": 700.0}}
    warm = client.post(f"{API}/predictions", json=body)
    assert warm.status_code == 200, warm.json
    cold = client.post(f"{API}/predictions", json=body | {"environment": {"bio1": 9.0, "bio12": 700.0}})
    assert warm.json["suitability"] > cold.json["suitability"]


def test_a_change_of_the_species_is_counted(app: Flask) -> None:
    client = app.test_client()
    first = client.get(f"{API}/studies/{SLUG}/records")
    change = {"merge": {"Lacerta ficta": "Lacerta vera"}}
    changed = client.patch(f"{API}/studies/{SLUG}/records", json=change, headers={"If-Match": first.headers["ETag"]})
    assert changed.status_code == 200, changed.json
    assert [one["name"] for one in changed.json["species"]] == ["Lacerta vera"]


def test_the_command_that_stores_places_passes_samples_by(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["studies", "index"])
    assert done.exit_code == 0
    assert done.output.startswith(f"{SLUG}  The records of this study bring their conditions")
