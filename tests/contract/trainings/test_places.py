"""Places of a study of own data: its training stores the layers, and its models are asked at places."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.catalogue.versions import ModelVersion
from app.database.db import db
from tests import own_study
from tests.contract.trainings.conftest import train
from tests.contract.trainings.test_training import FICTA, SLUG, leftovers, models

URL = "/api/v1/predictions"


def folders(app):
    return sorted(path.name for path in (app.config["SETTINGS"].layers_dir / SLUG).iterdir())


def ask(client, latitude, longitude):
    return client.post(URL, json={"species": FICTA, "location": {"latitude": latitude, "longitude": longitude}})


def test_a_trained_model_is_asked_at_a_place(trained):
    client = trained.test_client()
    assert len(folders(trained)) == 1
    client.post(f"/api/v1/models/{models(trained)[FICTA]}/activate")
    # row 10 and column 7 of the made landscape
    answer = ask(client, own_study.NORTH - 10.5 * own_study.CELL, own_study.WEST + 7.5 * own_study.CELL)
    assert answer.status_code == 200, answer.json
    layers = own_study.landscape()
    expected = {name: float(str(layers[name][10, 7])) for name in ("bio1", "bio12", "slope")}
    assert answer.json["environment"] == expected
    given = client.post(URL, json={"species": FICTA, "environment": expected})
    assert given.json["suitability"] == answer.json["suitability"]
    corner = ask(client, own_study.NORTH - 0.1, own_study.WEST + 0.1)
    assert corner.status_code == 422
    assert "none of the layers of this study has a value there" in corner.json["errors"][0]["detail"]


@pytest.mark.thorough
def test_other_layers_get_a_folder_of_their_own_and_the_active_model_keeps_its_layers(trained):
    client = trained.test_client()
    first = folders(trained)
    client.post(f"/api/v1/models/{models(trained)[FICTA]}/activate")
    warmer = own_study.landscape()["bio1"] + 1
    assert client.put(f"/api/v1/studies/{SLUG}/files/bio1.tif", data=own_study.raster(warmer)).status_code in (200, 201)
    assert train(trained, SLUG)["state"] == "succeeded"
    assert len(folders(trained)) == 2 and set(first) < set(folders(trained))
    assert leftovers(trained) == []
    place = own_study.NORTH - 10.5 * own_study.CELL, own_study.WEST + 7.5 * own_study.CELL
    before = ask(client, *place).json
    with trained.app_context():
        newest = db.session.scalars(
            select(ModelVersion).where(ModelVersion.id.startswith(FICTA)).order_by(ModelVersion.version.desc())
        ).first()
        assert newest is not None
    client.post(f"/api/v1/models/{newest.id}/activate")
    after = ask(client, *place).json
    assert after["model"]["version"] == 2 and before["model"]["version"] == 1
    assert after["environment"]["bio1"] > before["environment"]["bio1"] + 0.99
