"""Records fetched from GBIF by API: what the study gets, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from app import create_app
from app.config.settings import Settings, load_settings
from ml.records.gbif_http import SERVER
from tests import own_study
from tests.contract.conftest import make_settings, upgrade
from tests.contract.gbif.conftest import (
    API,
    files_of,
    leftovers,
    names_of_files,
    run,
    simple_download,
    wait_for,
    work,
)
from tests.contract.gbif.conftest import start_worker as start
from tests.contract.trainings.conftest import train
from tests.gbif_server import DOI, KEY
from tests.variants import thorough

NAME = "Lacerta schreiberi GBIF.zip"


def test_a_species_is_fetched_stored_and_recognised(site, web, gbif):
    gbif.mishaps = [None, None, (429, {"Retry-After": "1"}), "break"]
    response = web.post(f"{API}/gbif", json={"species": " Lacerta schreiberi "})
    assert response.status_code == 202
    job = response.json
    assert (job["kind"], job["study"], job["state"]) == ("gbif", "lizards", "queued")
    assert [step["name"] for step in job["steps"]] == ["fetch", "store"]
    assert response.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert work(site) == 0
    job = web.get(response.headers["Location"]).json
    assert (job["state"], job["error"], job["result"]) == ("succeeded", None, "/studies/lizards")
    file = files_of(web)[NAME]
    assert (file["role"], file["used"], file["records"]["n"]) == ("records", True, 650)
    assert file["records"]["citation"].startswith("GBIF.org (")
    assert "650 records of 3 datasets), https://www.gbif.org/occurrence/search?" in file["records"]["citation"]
    assert names_of_files(site) == [NAME]
    assert leftovers(site) == []
    log = web.get(f"{response.headers['Location']}/log").get_data(as_text=True)
    assert "650 records written" in log
    assert str(site.config["SETTINGS"].data_dir) not in log


@pytest.mark.thorough
def test_a_name_that_exists_gets_a_number_and_the_same_content_is_stored_once(site, web, gbif):
    web.put(f"{API}/files/lacerta SCHREIBERI gbif.zip", data=b"of the user")
    assert run(site, species="Lacerta schreiberi")["state"] == "succeeded"
    assert names_of_files(site) == ["Lacerta schreiberi GBIF 2.zip", "lacerta SCHREIBERI gbif.zip"]
    path = Path(site.config["SETTINGS"].data_dir) / "studies/lizards/files"
    assert (path / "lacerta SCHREIBERI gbif.zip").read_bytes() == b"of the user"
    before = names_of_files(site)
    assert run(site, species="Lacerta schreiberi")["state"] == "succeeded"
    assert names_of_files(site) == before


@pytest.mark.parametrize("key", [KEY, thorough(DOI), thorough(f"https://www.gbif.org/occurrence/download/{KEY}")])
def test_a_download(site, web, gbif, key):
    gbif.content = simple_download()
    assert run(site, download=key)["state"] == "succeeded"
    file = files_of(web)[f"{KEY}.zip"]
    assert (file["records"]["format"], file["records"]["n"]) == ("gbif-simple-csv", 60)
    assert file["records"]["citation"] == f"https://doi.org/{DOI}"


@pytest.mark.thorough
def test_the_card_and_its_report_print_the_citation(site, web, gbif):
    gbif.content = simple_download()
    assert run(site, download=KEY)["state"] == "succeeded"
    for name, values in own_study.landscape().items():
        assert web.put(f"{API}/files/{name}.tif", data=own_study.raster(values)).status_code == 201
    assert train(site, "lizards")["state"] == "succeeded"
    model = web.get(f"{API}/versions").json["items"][0]["candidate"]["id"]
    sources = web.get(f"/api/v1/models/{model}").json["card"]["study"]["sources"]
    source = next(one for one in sources if one["title"] == f"Records: {KEY}.zip")
    assert source["citation"] == f"https://doi.org/{DOI}"
    assert f"https://doi.org/{DOI}" in json.dumps(web.get(f"/api/v1/models/{model}/odmap").json)
    assert f"https://doi.org/{DOI}" in web.get(f"/models/{model}").get_data(as_text=True)


@pytest.mark.parametrize(
    ("match", "sentence"),
    [
        ({"matchType": "NONE"}, "GBIF does not know the species 'Lacerta x'; check the spelling."),
        (
            {"matchType": "HIGHERRANK", "usageKey": 1, "rank": "GENUS", "scientificName": "Lacerta"},
            "GBIF knows 'Lacerta x' only as Lacerta (genus), not as a species.",
        ),
    ],
)
def test_a_name_that_is_no_species(site, gbif, match, sentence):
    gbif.match = match
    job = run(site, species="Lacerta x")
    assert (job["state"], job["error"], job["result"]) == ("failed", sentence, None)
    assert (names_of_files(site), leftovers(site)) == ([], [])


def test_more_records_than_a_search_returns(site, gbif):
    gbif.n_records = 2_000_000
    assert run(site, species="Lacerta schreiberi")["error"] == (
        "GBIF has 2,000,000 records of Lacerta schreiberi; a search returns at most 100,000. Make a download at "
        "https://www.gbif.org/occurrence/search (free account), and fetch it by its key or DOI."
    )
    assert (names_of_files(site), leftovers(site)) == ([], [])


def test_downloads_that_cannot_be_fetched(site, gbif):
    other = "0009999-240101000000000"
    gbif.mishaps = [(404, {})]
    assert run(site, download=other)["error"] == f"GBIF has no download {other}; check the key or DOI."
    gbif.status = "RUNNING"
    assert run(site, download=KEY)["error"].endswith("is running; try again when GBIF has finished it.")
    gbif.status, gbif.content = "SUCCEEDED", b"<html>not a zip</html>"
    assert run(site, download=KEY)["error"].endswith("is not a zip file; try again.")
    assert (names_of_files(site), leftovers(site)) == ([], [])


@pytest.mark.thorough
def test_a_download_larger_than_an_upload_may_be(site, web, gbif):
    gbif.content = simple_download()
    site.config["SETTINGS"] = site.config["SETTINGS"].model_copy(update={"max_upload": 1024})
    job = run(site, download=KEY)
    assert job["state"] == "failed"
    assert "at most 1,024 are fetched" in job["error"]
    assert leftovers(site) == []


def test_gbif_out_of_reach(site, gbif):
    gbif.close()
    error = run(site, species="Lacerta schreiberi")["error"]
    assert error == (
        f"This server cannot reach GBIF at {gbif.address} (ConnectionError). Try again later, or download the file on "
        "gbif.org and upload it."
    )
    assert (names_of_files(site), leftovers(site)) == ([], [])


def test_cancelled_in_the_middle_of_the_fetch(site, web, gbif):
    gbif.hold_from = 600
    gbif.hold.clear()
    job = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}).headers["Location"]
    worker = start(site)
    wait_for(lambda: any(query.get("offset") == "600" for _, query, _ in gbif.requests))
    assert web.delete(API).status_code == 409
    assert web.post(f"{job}/cancel").status_code in (200, 202)
    worker.communicate(timeout=60)
    assert web.get(job).json["state"] == "cancelled"
    assert (names_of_files(site), leftovers(site)) == ([], [])


def test_one_fetch_of_a_study_at_a_time(site, web):
    first = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}, headers={"Idempotency-Key": "a"})
    assert first.status_code == 202
    again = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}, headers={"Idempotency-Key": "a"})
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    other = web.post(f"{API}/gbif", json={"species": "Lacerta agilis"}, headers={"Idempotency-Key": "a"})
    assert other.status_code == 409
    assert "Idempotency-Key" in other.json["detail"]
    for headers in ({}, {"Idempotency-Key": "b"}):
        refused = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}, headers=headers)
        assert refused.status_code == 409
        assert f"The job {first.json['id']} is fetching records" in refused.json["detail"]
    assert web.post(f"{first.headers['Location']}/cancel").status_code == 200
    assert web.post(f"{API}/gbif", json={"species": "Lacerta agilis"}).status_code == 202
    assert web.post(f"{API}/gbif", json={"species": "A b"}, headers={"Idempotency-Key": "ü"}).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"species": None, "download": None}, ""),
        ({"species": "Lacerta schreiberi", "download": KEY}, ""),
        ({"species": ""}, "/species"),
        ({"species": "x" * 201}, "/species"),
        ({"species": "a\nb"}, "/species"),
        ({"species": KEY}, "/species"),
        ({"species": "--output=/tmp/x"}, "/species"),
        ({"species": 5}, "/species"),
        ({"download": "12"}, "/download"),
        ({"download": "10.15468/../../species"}, "/download"),
        ({"download": "https://example.org/a.zip"}, "/download"),
        ({"name": "Lacerta"}, "/name"),
    ],
)
def test_bodies_that_are_refused(web, body, pointer):
    response = web.post(f"{API}/gbif", json=body)
    assert response.status_code == 422
    assert pointer in [error["pointer"] for error in response.json["errors"]]
    assert web.get("/api/v1/jobs").json["items"] == []


def test_studies_that_are_not_own_data(web, client):
    assert web.post("/api/v1/studies/unknown/gbif", json={"species": "A b"}).status_code == 404
    assert web.post("/studies/unknown/gbif", data={"records": "A b"}).status_code == 404
    # a study that the operator installed
    assert client.post("/api/v1/studies/test-hills/gbif", json={"species": "A b"}).status_code == 404


def test_where_it_is_switched_off_nothing_is_there(tmp_path):
    app = create_app(make_settings(tmp_path, gbif_api=""))
    upgrade(app)
    visitor = app.test_client()
    assert visitor.post("/api/v1/studies", json={"title": "Lizards"}).status_code == 201
    assert "GBIF_API" not in visitor.get("/studies/lizards").get_data(as_text=True)
    assert "/studies/lizards/gbif" not in visitor.get("/studies/lizards").get_data(as_text=True)
    assert visitor.post(f"{API}/gbif", json={"species": "A b"}).status_code == 404
    assert visitor.post("/studies/lizards/gbif", data={"records": "A b"}).status_code in (404, 405)
    assert not [path for path in visitor.get("/openapi.json").json["paths"] if path.endswith("/gbif")]


def test_a_job_that_waits_when_it_is_switched_off_fails_with_the_reason(site, web):
    job = web.post(f"{API}/gbif", json={"species": "Lacerta schreiberi"}).headers["Location"]
    site.config["SETTINGS"] = site.config["SETTINGS"].model_copy(update={"gbif_api": ""})
    assert work(site) == 0
    assert "is switched off on this server (GBIF_API)" in web.get(job).json["error"]


def test_the_operation_in_the_document(web):
    operation = web.get("/openapi.json").json["paths"]["/api/v1/studies/{slug}/gbif"]["post"]
    assert operation["operationId"] == "fetchFromGbif"
    assert {"202", "404", "409", "422"} <= set(operation["responses"])


def test_the_setting():
    environ = {"SECRET_KEY": "x", "ENVIRONMENT": "testing"}
    assert Settings.model_fields["gbif_api"].default == SERVER
    assert load_settings(environ).gbif_api == SERVER
    assert load_settings({**environ, "GBIF_API": "http://127.0.0.1:1/v1/"}).gbif_api == "http://127.0.0.1:1/v1"
    off = load_settings({**environ, "GBIF_API": ""})
    assert off.gbif_api == ""
    for value in ("ftp://gbif.org", "gbif.org", "https://u:p@gbif.org/v1", "https://gbif.org/v1?x=1"):
        with pytest.raises(ValueError, match="GBIF_API: expected the http:// or https:// URL"):
            load_settings({**environ, "GBIF_API": value})


def test_the_stored_file_is_the_one_that_the_command_writes(site, web, gbif, tmp_path):
    from ml.__main__ import main

    gbif.content = simple_download()
    assert run(site, download=KEY)["state"] == "succeeded"
    folder = tmp_path / "by-command"
    folder.mkdir()
    assert main(["gbif", "--download", KEY, "--output", str(folder), "--server", gbif.address]) == 0
    stored = Path(site.config["SETTINGS"].data_dir) / f"studies/lizards/files/{KEY}.zip"
    assert stored.read_bytes() == (folder / f"{KEY}.zip").read_bytes()
    assert zipfile.is_zipfile(stored)
