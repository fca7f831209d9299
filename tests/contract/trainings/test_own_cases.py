"""The cases of ../shared from files to an activated model by API and by command: the same model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Once
from tests.contract.conftest import upgrade
from tests.contract.trainings.conftest import open_app, work
from tests.own_cases import CASES, FOLDS, TREES, Case, train_by_command
from tests.variants import thorough


@pytest.mark.parametrize("case", [CASES[0], *map(thorough, CASES[1:])], ids=lambda case: case.folder)
def test_api_and_command_give_the_same_model(case: Case, tmp_path: Path, once: Once) -> None:
    folder = case.path
    app = open_app(tmp_path / "data")
    upgrade(app)
    client = app.test_client()
    api = "/api/v1"
    slug = client.post(f"{api}/studies", json={"title": case.title}).json["slug"]
    for name in case.files:
        answer = client.put(f"{api}/studies/{slug}/files/{name}", data=(folder / name).read_bytes())
        assert answer.status_code == 201, answer.json
    records = client.get(f"{api}/studies/{slug}/records")
    if case.species:
        change = {"files": [{"name": case.records[0].name, "species": case.species}]}
        records = client.patch(
            f"{api}/studies/{slug}/records", json=change, headers={"If-Match": records.headers["ETag"]}
        )
        assert records.status_code == 200, records.json
    assert (records.json["n"], records.json["kept"], records.json["cells"]) == (case.n, case.kept, case.kept)
    reasons = {one["code"]: one["n"] for one in records.json["reasons"] if one["drops"] and one["n"]}
    assert reasons == case.dropped
    preflight = client.get(f"{api}/studies/{slug}/preflight").json
    assert (preflight["presences"], preflight["cells"]) == (case.kept, case.valid)
    assert not [one for one in preflight["problems"] if one["blocking"]]
    job = client.post(f"{api}/studies/{slug}/trainings", json={"settings": {"trees": TREES, "folds": FOLDS}})
    assert job.status_code == 202, job.json
    assert work(app) == 0
    assert client.get(job.headers["Location"]).json["state"] == "succeeded"
    [version] = client.get(f"{api}/studies/{slug}/versions").json["items"]
    model_id = version["candidate"]["id"]
    assert model_id == train_by_command(case, once)
    assert client.post(f"{api}/models/{model_id}/activate").status_code == 200
    species = version["species"]["slug"]
    about = client.get(f"{api}/species/{species}").json
    conditions = {
        one["name"]: one["median"] if one["type"] == "continuous" else one["levels"][0] for one in about["predictors"]
    }
    answer = client.post(f"{api}/predictions", json={"species": species, "environment": conditions})
    assert answer.status_code == 200, answer.json
    assert answer.json["model"]["id"] == model_id
    assert 0 <= answer.json["suitability"] <= 1
    for page in ("records", "layers", "start", "versions"):
        assert client.get(f"/studies/{slug}/{page}").status_code == 200
    assert client.get(f"/models/{model_id}").status_code == 200
    assert case.records[0].name in client.get(f"/models/{model_id}/odmap.md").text.replace("\\", "")
