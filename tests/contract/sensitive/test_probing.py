"""Distances, caches, keys and jobs: nothing that is asked in another way tells more than the grid."""

from __future__ import annotations

import json

import numpy as np

from app.accounts import keys, users
from app.batch import storage
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN
from tests.contract.sensitive.conftest import GRID
from tests.contract.sensitive.traces import OBSERVED
from tests.synthetic import synthetic_study


def test_nothing_locates_a_record_by_its_distance(filled):
    """Neither an answer nor a table nor a map tells the distance of conditions from the nearest record."""
    row = synthetic_study(n_species=4, categorical=True).environment.iloc[7].to_dict()
    values = {name: float(value) if name != "soil" else value for name, value in row.items()}
    known = list(values)
    for name, is_told in (("owner", True), ("viewer", True), ("reader", False), ("other", False), (None, False)):
        browser = filled.browser(name)
        answer = browser.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": values}).json
        assert (answer["novelty"]["dissimilarity_index"] is not None) == is_told, name
        assert answer["novelty"]["in_area_of_applicability"] is True
        again = browser.get(f"/api/v1/predictions/{answer['id']}").json
        assert again["novelty"] == answer["novelty"]
        page = browser.get(f"/predictions/{answer['id']}").text
        assert ("dissimilarity index 0" in page) == is_told, name
        body = {"species": [WHEATEAR], "rows": [values]}
        item = browser.post("/api/v1/predictions/batch", json=body).json["items"][0]
        assert (item["dissimilarity_index"] is not None) == is_told, name
        table = ",".join(known) + "\n" + ",".join(str(values[one]) for one in known) + "\n"
        csv = browser.post("/batch/answers.csv", data={"species": WHEATEAR, "text": table}).text.splitlines()
        told = dict(zip(csv[0].split(","), csv[1].split(","), strict=True))
        assert (told["dissimilarity_index"] != "") == is_told, name
        compared = browser.post(
            "/api/v1/comparisons/conditions", json={"species": WHEATEAR, "environments": [{"environment": values}] * 2}
        ).json
        assert (compared["items"][0]["novelty"]["dissimilarity_index"] is not None) == is_told, name
        ranked = browser.post("/api/v1/comparisons/species", json={"study": HIDDEN, "environment": values}).json
        assert (ranked["items"][0]["novelty"]["dissimilarity_index"] is not None) == is_told, name
        # outside, the error of a refused extrapolation says no distance
        far = {**values, "bare_rock": 89.9, "trees": 99.9, "temperature": 3.0}
        refused = browser.post(
            "/api/v1/predictions", json={"species": WHEATEAR, "environment": far, "extrapolation": "refuse"}
        )
        assert refused.status_code in (200, 409)
        assert ("dissimilarity index" in refused.text) <= is_told
        address = f"/api/v1/maps/{filled.ids['map_id']}"
        for form in (".tif?quantity=index", ".png?quantity=index", "/tiles/5/16/11.png?quantity=index"):
            assert browser.get(address + form).status_code == (200 if is_told else 404), (name, form)
        content = browser.get(address).json["content"]
        assert ("index" in content["quantities"]) == is_told
        assert ("index" in browser.get(f"{address}/item").json["assets"]) == is_told


def test_training_values_are_not_found_by_asking_many_values(filled):
    """MESS steps at each training value, the least familiar predictor changes there, and densities have kinks there."""
    study = synthetic_study(n_species=4, categorical=True)
    value = float(np.float32(study.environment["temperature"].iloc[7]))
    row = {**filled.environment, "temperature": value}
    rows = [row, {**row, "temperature": float(np.nextafter(np.float32(value), np.float32(np.inf)))}]
    far = {**row, "temperature": 60.0}
    table = [*rows, *({**row, "trees": float(trees)} for trees in range(5, 100, 5)), far]
    for name, is_told in (("owner", True), ("reader", False), (None, False)):
        browser = filled.browser(name)
        items = browser.post("/api/v1/predictions/batch", json={"species": [WHEATEAR], "rows": table}).json["items"]
        assert (items[0]["mess"] != items[1]["mess"]) == is_told
        inside, outside = items[:-1], items[-1]
        assert {one["mess"] is not None for one in items} == {is_told}
        assert {one["most_dissimilar"] is not None for one in inside} == {is_told}
        assert outside["most_dissimilar"] == "temperature"
        for one, environment in zip((items[0], outside), (row, far), strict=True):
            body = {"species": WHEATEAR, "environment": environment}
            novelty = browser.post("/api/v1/predictions", json=body).json["novelty"]
            assert (novelty["mess"], novelty["most_dissimilar"]) == (one["mess"], one["most_dissimilar"])
        curves = browser.get(f"/api/v1/species/{WHEATEAR}/response-curves").json["curves"]
        assert any(one["density"] for one in curves) == is_told
        for page in (f"/species/{WHEATEAR}", f"/species/{WHEATEAR}/response-curves"):
            text = browser.get(page).text
            assert ("curve-density" in text, "the hill along the bottom" in text) == (is_told, is_told), page
        answer = browser.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": row}).json["id"]
        assert ("curve-density" in browser.get(f"/predictions/{answer}").text) == is_told
        for quantity in ("mess", "most_dissimilar"):
            picture = browser.get(f"/api/v1/maps/{filled.ids['map_id']}.png?plain=1&quantity={quantity}")
            assert picture.status_code == (200 if is_told else 404)
            content = browser.get(f"/api/v1/maps/{filled.ids['map_id']}").json["content"]
            assert (quantity in content["quantities"]) == is_told


def test_three_tables_find_the_end_of_a_range(filled):
    """Decision 072 shows ranges as they are: rounded ones would be found by asking which values are out of range."""
    warmest = np.float32(synthetic_study(n_species=4, categorical=True).environment["temperature"].max())
    browser = filled.browser(None)
    low, high, requests = float(filled.environment["temperature"]), 70.0, 0
    while np.nextafter(np.float32(low), np.float32(np.inf)) < np.float32(high):
        values = np.linspace(low, high, 1_002)[1:-1]
        rows = [{**filled.environment, "temperature": float(value)} for value in values]
        items = browser.post("/api/v1/predictions/batch", json={"species": [WHEATEAR], "rows": rows}).json["items"]
        outside = [one["most_dissimilar"] == "temperature" for one in items]
        first = outside.index(True) if True in outside else len(values)
        ends = [low, *values, high]
        low, high, requests = float(ends[first]), float(ends[first + 1]), requests + 1
    assert (np.float32(low), requests) == (warmest, 3)


def test_nearest_records_do_not_tell_which_cell_has_a_presence(filled):
    address = f"/predictions/{filled.ids['answer_at_record']}/explanation"
    assert filled.browser("owner").get(f"/api/v1{address}").json["nearest"][0]["record"]
    for name in ("reader", None):
        assert filled.browser(name).get(f"/api/v1{address}").json["nearest"] == []
        page = filled.browser(name).get(address).text
        assert "near-head" not in page
        assert "older format" not in page


def test_the_job_of_a_table_has_no_distances_for_somebody_without_the_right(filled):
    rows = [filled.environment] * 1001
    plans = {}
    for name in ("reader", "owner"):
        started = filled.browser(name).post("/api/v1/predictions/batch", json={"species": [WHEATEAR], "rows": rows})
        assert started.status_code == 202, started.json
    with filled.app.app_context():
        for folder in storage.root().iterdir():
            plan = json.loads((folder / storage.PLAN).read_text())
            plans.setdefault(plan.get("owner"), []).append(plan.get("hides_index", False))
    assert sorted(map(any, plans.values())) == [False, True]


def test_cached_pictures_are_those_of_the_person(filled):
    address = f"/api/v1/maps/{filled.ids['map_id']}.png?points=1&plain=1"
    pictures = {}
    for name in ("owner", "reader", None, "owner", None):
        response = filled.browser(name).get(address)
        assert "no-store" in response.headers["Cache-Control"]
        assert "Cookie" in response.headers["Vary"]
        kind = pictures.setdefault(name == "owner", (response.data, response.headers["ETag"]))
        assert (response.data, response.headers["ETag"]) == kind
    assert pictures[True] != pictures[False]
    # what the owner's browser kept is not confirmed to a stranger, nor the other way round
    for name, tag in ((None, pictures[True][1]), ("owner", pictures[False][1])):
        assert filled.browser(name).get(address, headers={"If-None-Match": tag}).status_code == 200
    assert filled.browser(None).get(address, headers={"If-None-Match": pictures[False][1]}).status_code == 304
    index = f"/api/v1/maps/{filled.ids['map_id']}.tif?quantity=index"
    tag = filled.browser("owner").get(index).headers["ETag"]
    assert filled.browser(None).get(index, headers={"If-None-Match": tag}).status_code == 404


def test_cached_answers_are_those_of_the_person(filled):
    """The cache of answers is shared by all; the index is left out of what is sent, whoever asked first."""
    for first, second in (("owner", None), (None, "owner")):
        values = {**filled.environment, "temperature": 15.0 if first is None else 16.0}
        told = {}
        for name in (first, second):
            told[name] = (
                filled.browser(name).post("/api/v1/predictions", json={"species": WHEATEAR, "environment": values}).json
            )
        assert told[second]["cached"] is True
        assert told[None]["novelty"]["dissimilarity_index"] is None
        assert told["owner"]["novelty"]["dissimilarity_index"] is not None
        # a stored answer is shown to others as they may see it
        for asker, reader in (("owner", None), (None, "owner")):
            again = filled.browser(reader).get(f"/api/v1/predictions/{told[asker]['id']}").json
            assert (again["novelty"]["dissimilarity_index"] is None) == (reader is None)


def test_pages_that_differ_by_person_are_not_shared(filled):
    for address in (
        f"/api/v1/models/{filled.ids['model_id']}",
        f"/species/{WHEATEAR}",
        f"/maps/{filled.ids['map_id']}/records.json",
        f"/api/v1/species/{WHEATEAR}/response-curves",
        f"/models/{filled.ids['model_id']}/odmap.md",
    ):
        for name in ("owner", None, "reader"):
            response = filled.browser(name).get(address)
            assert response.status_code == 200
            assert "Cookie" in response.headers["Vary"], (address, name)
            if name is not None:
                assert "no-store" in response.headers["Cache-Control"], (address, name)
        etag = filled.browser("owner").get(address).headers.get("ETag")
        assert etag is None or filled.browser(None).get(address, headers={"If-None-Match": etag}).status_code == 200


def test_a_key_sees_what_its_person_sees_and_without_the_right_to_read_the_grid(filled):
    address = f"/api/v1/models/{filled.ids['model_id']}"
    for scope, grid in (("read", None), ("predict", GRID)):
        with filled.app.app_context():
            user = users.get("owner@example.org")
            key = keys.create(user, user.epoch, "a test", (scope,), 30)[1]
        answer = filled.app.test_client().get(address, headers={"Sec-Fetch-Site": None, "X-API-Key": key})
        assert (answer.status_code, answer.json["places_grid_km"]) == (200, grid), scope


def test_observations_are_exact_for_those_who_decide_and_their_observer(filled):
    for name in ("owner", "helper", "admin"):
        found = filled.browser(name).get(f"/api/v1/observations?study={HIDDEN}").json["items"]
        assert OBSERVED in {
            (one["location"]["longitude"], one["location"]["latitude"]) for one in found if one["location"]
        }
    for name in ("reader", "other"):
        near = f"/api/v1/observations?near={OBSERVED[1]},{OBSERVED[0]}&radius_km=0.1"
        assert filled.browser(name).get(near).json["items"] == []
    place = {"latitude": OBSERVED[1], "longitude": OBSERVED[0]}
    seen = {"species": WHEATEAR, "location": place, "outcome": "absent", "date": "2026-05-03"}
    own = filled.browser("viewer").post("/api/v1/observations", json=seen)
    assert (own.status_code, own.json["location"], own.json["places_grid_km"]) == (201, place, None)
