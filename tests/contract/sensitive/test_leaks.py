"""No route gives somebody without the right an exact place of a record; those with the right have it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from app.cartography import coastline, records_map
from ml.coarse_places import cells_of
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN
from tests.contract.owners.test_routes import address_of, rules
from tests.contract.sensitive.conftest import API, COARSE, EXACT, GRID
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
    assert len(nearest) == 3
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
    assert (told["nearest"], told["missing"]) == ([], [])
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
