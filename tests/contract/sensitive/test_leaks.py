"""No route gives somebody without the right an exact place of a record; those with the right have it."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from app.accounts import keys, users
from app.batch import storage
from app.cartography import coastline, records_map
from app.catalogue.studies import Study
from app.database.db import db
from ml.coarse_places import cells_of
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OPEN, OPEN_SPECIES
from tests.contract.owners.test_routes import address_of, rules
from tests.contract.sensitive.conftest import API, COARSE, EXACT, GRID
from tests.contract.sensitive.traces import OBSERVED, Detector, records_csv
from tests.synthetic import synthetic_study

#: Routes without an id that show something of studies.
OTHERS = (
    "/",
    f"/?species={WHEATEAR}",
    f"/?species={WHEATEAR}&from=1",
    "/species",
    "/species.csv",
    "/models",
    "/models.csv",
    "/map",
    "/studies",
    "/compare",
    f"/compare/species?study={HIDDEN}",
    f"/compare/conditions?species={WHEATEAR}",
    f"/batch?species={WHEATEAR}",
    f"/batch/template.csv?species={WHEATEAR}",
    "/accuracy",
    "/analytics",
    "/observations",
    "/observations?state=&near=42.5,2.5&radius_km=10",
    "/openapi.json",
    "/metrics",
    "/privacy",
    "/predictions",
    "/jobs",
    "/api/v1/species",
    "/api/v1/models",
    "/api/v1/maps",
    "/api/v1/stac",
    "/api/v1/studies",
    "/api/v1/predictions",
    "/api/v1/observations",
    "/api/v1/accuracy",
    "/api/v1/analytics",
    "/api/v1/jobs",
    f"{API}/records.csv?status=kept",
    f"{API}/records.csv?status=dropped",
    f"/species/{WHEATEAR}/response-curves?start=1",
    f"/api/v1/species/{WHEATEAR}/response-curves?start=1",
    f"/api/v1/species/{WHEATEAR}/response-curves?start=2",
)
#: Routes on which those with the right see places, so that a detector that finds nothing is noticed.
SHOWN = (
    f"{API}/files",
    f"{API}/records",
    f"{API}/records.csv",
    "/api/v1/models/{model_id}",
    "/maps/{map_id}/records.json",
    "/api/v1/predictions/{prediction_id}/explanation",
    "/predictions/{prediction_id}/explanation",
)


@pytest.fixture(scope="module")
def filled(guarded):
    """The study with uploaded records and an observation."""
    with guarded.app.app_context():
        other = db.session.scalars(db.select(Study).where(Study.slug == OPEN)).one()
        # the models of both studies were trained at the same places
        other.owner_id = users.get("owner@example.org").id
        db.session.commit()
    owner = guarded.browser("owner")
    marked = owner.put(f"/api/v1/studies/{OPEN}/sensitive-species", json={"species": OPEN_SPECIES})
    assert marked.status_code == 200, marked.json
    stored = owner.put(f"{API}/files/finds.csv", data=records_csv())
    assert stored.status_code == 201, stored.json
    seen = {
        "species": WHEATEAR,
        "location": {"latitude": OBSERVED[1], "longitude": OBSERVED[0]},
        "outcome": "present",
        "date": "2026-05-02",
    }
    reported = owner.post("/api/v1/observations", json=seen)
    assert reported.status_code == 201, reported.json
    guarded.ids["observation_id"] = reported.json["id"]
    guarded.ids["answer_at_record"] = ask_at_record(guarded)
    return guarded


def ask_at_record(world):
    """An answer to the conditions of a training record, which somebody else knows."""
    row = synthetic_study(n_species=4, categorical=True).environment.iloc[7].to_dict()
    values = {name: float(value) if name != "soil" else value for name, value in row.items()}
    asked = world.browser("owner").post("/api/v1/predictions", json={"species": WHEATEAR, "environment": values})
    assert asked.status_code == 200, asked.json
    return asked.json["id"]


@pytest.fixture(scope="module")
def detector():
    return Detector()


def addresses(world):
    found = [address_of(rule, world.ids, exists=True) for method, rule in rules(world.app) if method == "GET"]
    found += [one.replace(world.ids["prediction_id"], world.ids["answer_at_record"]) for one in found]
    return [*dict.fromkeys(found), *OTHERS]


@pytest.mark.parametrize("name", COARSE)
def test_no_route_shows_an_exact_place_to_somebody_without_the_right(filled, detector, name, caplog):
    leaks, asked = [], 0
    with caplog.at_level(logging.DEBUG):
        for address in addresses(filled):
            for headers in ({}, {"HX-Request": "true"}, {"Accept": "application/json"}):
                response = filled.browser(name).get(address, headers=headers)
                text = response.get_data().decode("utf-8", errors="replace")
                found = detector.places_in(text)
                if "predictions" not in address and "response-curves" not in address:
                    # an answer repeats the conditions that were asked
                    found += detector.conditions_in(text)
                leaks += [(name, address, one) for one in found[:3]]
                asked += response.status_code == 200
    assert asked > 90
    assert not leaks, "\n".join(map(str, leaks))
    assert not detector.places_in(caplog.text)


@pytest.mark.parametrize("name", EXACT)
def test_those_with_the_right_see_exact_places(filled, detector, name):
    for pattern in SHOWN:
        address = pattern.format(**filled.ids)
        text = filled.browser(name).get(address).text
        assert detector.places_in(text), (name, address)
    card = filled.browser(name).get(f"/api/v1/models/{filled.ids['model_id']}").json["card"]
    assert len(card["starting_points"]) > 1
    nearest = filled.browser(name).get(f"/api/v1/predictions/{filled.ids['prediction_id']}/explanation").json["nearest"]
    assert all(one["environment"] and one["dissimilarity_index"] is not None for one in nearest)


@pytest.mark.parametrize("name", COARSE)
def test_what_is_shown_instead_says_so(filled, name):
    browser = filled.browser(name)
    model = browser.get(f"/api/v1/models/{filled.ids['model_id']}").json
    places = [tuple(one) for one in model["card"]["places"]]
    exact = filled.browser("owner").get(f"/api/v1/models/{filled.ids['model_id']}").json["card"]["places"]
    assert places == cells_of([tuple(one) for one in exact], GRID)
    assert len(places) < len(exact)
    assert (model["places_grid_km"], [one["label"] for one in model["card"]["starting_points"]]) == (
        GRID,
        ["typical conditions (median)"],
    )
    points = browser.get(f"/maps/{filled.ids['map_id']}/records.json").json
    assert (points["places_grid_km"], [tuple(one) for one in points["coordinates"]]) == (GRID, places)
    told = browser.get(f"/api/v1/predictions/{filled.ids['answer_at_record']}/explanation").json
    assert told["places_grid_km"] == GRID
    for one in told["nearest"]:
        assert (one["dissimilarity_index"], one["environment"], one["differing"]) == (None, {}, [])
        assert (one["place"]["longitude"], one["place"]["latitude"]) in cells_of(
            [tuple(pair) for pair in synthetic_study(n_species=4, categorical=True).coordinates.tolist()], GRID
        )
    sentence = "Places are shown to 10 km, because this species is sensitive."
    pages = [
        f"/species/{WHEATEAR}",
        f"/maps/{filled.ids['map_id']}",
        f"/predictions/{filled.ids['prediction_id']}/explanation",
    ]
    for page in pages:
        assert sentence in " ".join(browser.get(page).text.split()), page
    assert "that measure 10 km at least" in browser.get(f"/models/{filled.ids['model_id']}/odmap.md").text


def test_the_drawn_map_has_the_centres_of_cells(filled):
    model = filled.browser("owner").get(f"/api/v1/models/{filled.ids['model_id']}").json
    exact = [tuple(one) for one in model["card"]["places"]]
    with filled.app.app_context():
        rings = coastline.read_rings(filled.app.config["SETTINGS"].data_dir / coastline.OUTLINE)
    for name, places in (("reader", cells_of(exact, GRID)), ("owner", exact)):
        drawn = records_map.draw([(x, y, True) for x, y in places], rings)
        assert drawn.kept in filled.browser(name).get(f"/species/{WHEATEAR}").text, name


def test_records_of_a_reader_have_cells_and_no_columns_of_the_files(filled):
    owner, reader = filled.browser("owner"), filled.browser("reader")
    exact, coarse = (browser.get(f"{API}/records").json for browser in (owner, reader))
    assert (exact["places_grid_km"], coarse["places_grid_km"]) == (None, GRID)
    assert {(x, y) for x, y, _ in coarse["places"]} == set(cells_of([(x, y) for x, y, _ in exact["places"]], GRID))
    assert (coarse["n"], coarse["kept"]) == (exact["n"], exact["kept"])
    recognised = [
        next(file for file in one["files"] if file["name"] == "finds.csv")["recognised"] for one in (exact, coarse)
    ]
    assert recognised[0]["preview"]
    assert recognised[1]["preview"] == recognised[1]["unsure"] == []
    for order in ((owner, reader), (reader, owner)):
        texts = {browser is owner: browser.get(f"{API}/records.csv").text for browser in order}
        assert "eventDate" in texts[True]
        assert texts[False].splitlines()[0] == "file,line,status,reason,flags,name,longitude,latitude"
        assert len(texts[True].splitlines()) == len(texts[False].splitlines())


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


def test_hidden_values_are_those_of_all_records(detector):
    """The detector finds what it should."""
    study = synthetic_study(n_species=4, categorical=True)
    x, y = study.coordinates[3]
    assert detector.places_in(f'"places":[[{round(x, 2)},{round(y, 2)}]]')
    assert detector.places_in(f"{y:.4f}, {x:.4f}")
    assert not detector.places_in(f"[[{cells_of([(x, y)], GRID)[0][0]},{cells_of([(x, y)], GRID)[0][1]}]]")
    row = study.environment.iloc[3]
    assert detector.conditions_in(
        f'{{"bare_rock":{row.bare_rock},"trees":{row.trees},"temperature":{row.temperature}}}'
    )
    assert np.isfinite(x)
