"""From an uploaded study to an activated model, with real worker processes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sqlalchemy import func, select

from app.catalogue.versions import ModelVersion
from app.database.db import db
from tests import own_study
from tests.contract.trainings.conftest import train, work
from tools.live import PROJECT

SLUG = "made-lizards"
API = f"/api/v1/studies/{SLUG}"
FICTA, ALTERA = f"lacerta-ficta-{SLUG}", f"lacerta-altera-{SLUG}"


def models(app):
    with app.app_context():
        return {row.species.slug: row.id for row in db.session.scalars(select(ModelVersion))}


def data_dir(app):
    return app.config["SETTINGS"].data_dir


def leftovers(app):
    """Working files that no step should leave."""
    folder = data_dir(app)
    parts = [path for path in folder.rglob("*") if path.name.endswith(".part") or path.name.startswith(".writing-")]
    jobs = [path for path in folder.glob("jobs/*-*-*/*") if path.name != "log.txt"]
    frozen = list(folder.glob("studies/*/trainings/*/files"))
    return [str(path.relative_to(folder)) for path in parts + jobs + frozen]


def test_the_preflight_names_records_cells_time_and_what_is_too_rare(uploaded):
    report = uploaded.test_client().get(f"{API}/preflight").json
    assert (report["presences"], report["species"]) == (105, 2)
    # 40 × 60 cells without the corner of 3 × 4
    assert report["cells"] == 2_388
    assert report["minutes"] >= 0 and report["memory_mb"] > 0
    assert "2,388" in report["sentence"]
    assert any("Lacerta rara" in problem["text"] and not problem["blocking"] for problem in report["problems"])
    page = uploaded.test_client().get(f"/studies/{SLUG}/start").get_data(as_text=True)
    assert report["sentence"] in page
    assert "Lacerta rara" in page
    assert 'id="start-training" type="submit">Start' in page


def test_a_training_registers_candidates_and_names_the_species_that_failed(trained):
    client = trained.test_client()
    job = client.get(f"/api/v1/jobs?study={SLUG}").json["items"][0]
    assert (job["state"], job["result"]) == ("succeeded", f"/studies/{SLUG}/versions")
    assert [step["state"] for step in job["steps"]] == ["succeeded"] * 4
    listing = client.get(f"{API}/versions")
    first, second = listing.json["items"]
    assert (first["species"]["slug"], second["species"]["slug"]) == (ALTERA, FICTA)
    for item, count in ((first, 45), (second, 60)):
        assert item["active"] is None
        assert (item["candidate"]["version"], item["candidate"]["n_presences"]) == (1, count)
        assert item["gate"]["verdict"] == "first"
    ((failed),) = listing.json["failed"]
    assert failed["species"] == "Lacerta rara"
    assert "3 cells" in failed["problem"]
    for model in models(trained).values():
        scores = np.load(data_dir(trained) / "studies" / SLUG / "held_out" / f"{model}.npz")
        assert {"cell", "y", "score", "fold"} <= set(scores.files)
    assert leftovers(trained) == []
    assert client.get(f"/api/v1/species?study={SLUG}").json["items"] == [] or all(
        item["model"] is None for item in client.get(f"/api/v1/species?study={SLUG}").json["items"]
    )


def test_an_activated_candidate_answers_and_a_second_training_is_compared_with_it(trained):
    client = trained.test_client()
    first = models(trained)[FICTA]
    page = client.get(f"/studies/{SLUG}/versions").get_data(as_text=True)
    assert f'action="/models/{first}/activate"' in page
    assert "Lacerta rara" in page and "One species not trained" in page
    assert "First version" in page
    response = client.post(f"/models/{first}/activate", data={"to": "versions"})
    assert (response.status_code, response.location) == (303, f"/studies/{SLUG}/versions?activated={first}")
    page = client.get(response.location).get_data(as_text=True)
    assert "Version 1 of Lacerta ficta answers now." in page
    environment = {"bio1": 10.0, "bio12": 700.0, "slope": 5.0}
    answer = client.post("/api/v1/predictions", json={"species": FICTA, "environment": environment})
    assert (answer.status_code, answer.json["model"]["id"]) == (200, first)
    about = client.get(f"/models/{first}").get_data(as_text=True)
    assert "How it was made" in about and "records.csv" in about
    recipe = client.get(f"/models/{first}/recipe.json").json
    assert (recipe["slug"], recipe["settings"]["trees"]) == (SLUG, 20)

    assert train(trained, SLUG, trees=30)["state"] == "succeeded"
    item = client.get(f"{API}/versions").json["items"][1]
    assert (item["active"]["id"], item["active"]["version"]) == (first, 1)
    assert item["candidate"]["version"] == 2
    gate = item["gate"]
    assert (gate["method"], gate["n_presences"]) == ("paired", 60)
    assert gate["low"] <= gate["difference"] <= gate["high"]
    second = item["candidate"]["id"]
    page = client.get(f"/studies/{SLUG}/versions").get_data(as_text=True)
    assert gate["sentence"] in page and "Candidate" in page and "Answers now" in page
    assert "Differs from version 1: 30 trees instead of 20" in page
    client.post(f"/api/v1/models/{second}/activate")
    item = client.get(f"{API}/versions").json["items"][1]
    assert (item["candidate"], item["active"]["id"], item["earlier"]["id"]) == (None, second, first)
    page = client.get(f"/studies/{SLUG}/versions").get_data(as_text=True)
    # the other version can be activated again
    assert f'action="/models/{first}/activate"' in page
    assert "Roll the study back" in page
    state = page.split('name="state" value="')[1].split('"')[0]
    back = client.post(f"/studies/{SLUG}/rollback", data={"state": state})
    assert back.status_code == 303
    page = client.get(back.location).get_data(as_text=True)
    assert "Version 1 of Lacerta ficta answers again instead of version 2." in page
    assert "Answered before" in page
    assert client.get(f"{API}/versions").json["items"][1]["active"]["id"] == first
    # the same form again
    assert client.post(f"/studies/{SLUG}/rollback", data={"state": state}).status_code == 409


def test_an_editor_reads_that_an_admin_activates(trained, monkeypatch):
    path, words = f"/studies/{SLUG}/versions", "An admin chooses which version answers"
    assert words not in trained.test_client().get(path).get_data(as_text=True)
    monkeypatch.setitem(trained.jinja_env.globals, "may", lambda role: role != "admin")
    page = trained.test_client().get(path).get_data(as_text=True)
    assert words in page and "/activate" not in page


@pytest.mark.thorough
def test_the_same_recipe_again_gives_the_same_models_and_no_new_version(trained):
    before = models(trained)
    assert train(trained, SLUG)["state"] == "succeeded"
    assert models(trained) == before
    assert all(item["trained_again"] for item in trained.test_client().get(f"{API}/versions").json["items"])
    page = trained.test_client().get(f"/studies/{SLUG}/versions").get_data(as_text=True)
    assert "gave the same model again" in page
    with trained.app_context():
        assert db.session.scalar(select(func.count()).select_from(ModelVersion)) == 2
    assert leftovers(trained) == []


@pytest.mark.thorough
def test_the_command_gives_the_same_models(trained, tmp_path):
    client = trained.test_client()
    recipe = tmp_path / "recipe.json"
    recipe.write_bytes(client.get(f"/studies/{SLUG}/recipe.json").data)
    files = own_study.write(tmp_path / "files", {"Lacerta ficta": 60, "Lacerta altera": 45, "Lacerta rara": 3})
    command = [sys.executable, "-m", "ml", "train", "--recipe", recipe, "--files", files, "--output", tmp_path / "m"]
    done = subprocess.run([*command, "--progress", "json"], cwd=PROJECT, capture_output=True, text=True, check=True)
    trained_models = json.loads(done.stdout.splitlines()[-1])["trained"]
    assert {one["slug"]: one["model_id"] for one in trained_models} == models(trained)


@pytest.mark.thorough
def test_a_file_that_is_replaced_or_deleted_does_not_change_a_training(uploaded, trained):
    client = uploaded.test_client()
    response = client.post(f"{API}/trainings", json=own_study.quick())
    assert response.status_code == 202
    other = own_study.records({"Lacerta ficta": 20}, seed=9)
    assert client.put(f"{API}/files/records.csv", data=other).status_code in (200, 201)
    assert client.delete(f"{API}/files/slope.tif").status_code in (200, 204)
    assert work(uploaded) == 0
    assert client.get(response.headers["Location"]).json["state"] == "succeeded"
    assert models(uploaded) == models(trained)


def test_a_repeated_start_is_the_same_job(uploaded):
    client = uploaded.test_client()
    start = f"{API}/trainings"
    one = client.post(start, json=own_study.quick(), headers={"Idempotency-Key": "a"}).json["id"]
    assert client.post(start, json=own_study.quick(), headers={"Idempotency-Key": "a"}).json["id"] == one
    # the settings of the first start are the stored ones now
    assert client.post(start, headers={"Idempotency-Key": "b"}).json["id"] == one
    assert client.post(start).json["id"] == one
    refused = client.post(start, headers={"Idempotency-Key": "a"}, json=own_study.quick(seed=3))
    assert refused.status_code == 409
    assert one in refused.json["detail"]
    form = client.post(f"/studies/{SLUG}/start", data={"trees": "20", "background": "300"})
    assert (form.status_code, form.location) == (303, f"/jobs/{one}")
    client.post(f"/api/v1/jobs/{one}/cancel")
    assert client.post(start, headers={"Idempotency-Key": "a"}).json["id"] == one
    assert client.post(start).json["id"] != one


def test_a_start_of_another_revision_is_refused(uploaded):
    client = uploaded.test_client()
    stale = client.post(f"{API}/trainings", headers={"If-Match": '"1"'})
    assert stale.status_code == 409
    assert client.post(f"{API}/trainings", json={"revision": 1}).status_code == 409
    page = client.post(f"/studies/{SLUG}/start", data={"revision": "1"})
    assert page.status_code == 409
    assert "Someone else changed this study" in page.get_data(as_text=True)
    assert client.get(f"/api/v1/jobs?study={SLUG}").json["items"] == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"trees": "many"}, "Must be a whole number."),
        ({"trees": "5"}, "10"),
        ({"folds": "1e3"}, "Must be a whole number."),
        ({"seed": "-1"}, "Must be a whole number."),
        ({"fewest": "9" * 30}, "Must be a whole number."),
    ],
)
def test_a_wrong_setting_is_the_form_again(uploaded, fields, text):
    response = uploaded.test_client().post(f"/studies/{SLUG}/start", data=fields)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    ((name, value),) = fields.items()
    assert f'id="setting-{name}-error"' in page
    assert text in page.split(f'id="setting-{name}-error"')[1][:300]
    assert value in page


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"json": {"settings": {"trees": 5}}}, 422),
        ({"json": {"tress": 5}}, 422),
        ({"json": []}, 422),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"trees=5", "content_type": "text/plain"}, 415),
        ({"headers": {"Idempotency-Key": "x" * 200}}, 422),
        ({"headers": {"If-Match": "three"}}, 422),
    ],
)
def test_bad_requests_start_nothing(uploaded, options, status):
    client = uploaded.test_client()
    assert client.post(f"{API}/trainings", **options).status_code == status
    assert client.get(f"/api/v1/jobs?study={SLUG}").json["items"] == []


def test_what_stands_in_the_way_is_listed(uploaded):
    client = uploaded.test_client()
    for name in ("bio1.tif", "bio12.tif", "slope.tif"):
        client.delete(f"{API}/files/{name}")
    refused = client.post(f"{API}/trainings")
    assert refused.status_code == 422
    assert "layer" in refused.json["errors"][0]["detail"]
    page = client.get(f"/studies/{SLUG}/start").get_data(as_text=True)
    assert "One problem stands in the way" in page
    assert 'type="submit" disabled>Start' in page
    assert client.post(f"/studies/{SLUG}/start").status_code == 422


@pytest.mark.parametrize("path", ["preflight", "versions"])
def test_other_studies_have_neither_preflight_nor_versions(client, path):
    for slug in ("test-hills", "no-such-study"):
        assert client.get(f"/api/v1/studies/{slug}/{path}").status_code == 404
    assert client.get("/studies/test-hills/start").status_code == 404
