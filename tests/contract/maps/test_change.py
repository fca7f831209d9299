"""Comparisons of maps and stated changes of layers: by API, on the page, and as files."""

from __future__ import annotations

import io
import json
import re

import pytest
import rasterio

from app import create_app
from app.maps.change_schemas import ChangeContent
from app.maps.comparisons import lines_of
from ml.change.sentences import percent
from tests.contract.conftest import WHEATEAR, make_settings
from tests.contract.maps.conftest import API, copy_of, start
from tests.contract.trainings.conftest import work
from tests.stored_layers import WARMER


@pytest.fixture(scope="module")
def compared(layered_folder, tmp_path_factory):
    """A client, and the addresses of a comparison with the scenario and of one with a stated change."""
    app = copy_of(layered_folder, tmp_path_factory.mktemp("compared") / "data")
    client = app.test_client()
    addresses = [
        start(client, kind="change", scenario=WARMER)[1],
        start(client, kind="change", shift={"temperature": -1.5})[1],
    ]
    assert work(app) == 0
    return client, addresses


def kinds(client):
    return [(one["kind"], one["scenario"], one["shift"], one["state"]) for one in client.get(API).json["items"]]


@pytest.mark.thorough
def test_missing_maps_are_made_first_and_reused(compared):
    client, _ = compared
    # two comparisons, the map of today that both use, and those of the two conditions
    assert sorted(map(str, kinds(client))) == sorted(
        map(
            str,
            [
                ("change", None, {}, "succeeded"),
                ("change", None, {"temperature": -1.5}, "succeeded"),
                ("suitability", None, {}, "succeeded"),
                ("suitability", WARMER, {}, "succeeded"),
                ("suitability", None, {"temperature": -1.5}, "succeeded"),
            ],
        )
    )
    # a map that a comparison made is not made again
    job, address = start(client, scenario=WARMER)
    assert client.get(job).json["state"] == "succeeded"
    assert client.get(address).json["content"]["cells"]["total"] == 400
    assert client.get(address).json["kind"] == "suitability"
    # nor is the comparison, by either spelling
    again = start(client, kind="change", scenarios=[WARMER])[1]
    assert again == compared[1][0]


def test_what_a_comparison_says(compared):
    client, (address, shifted) = compared
    found = client.get(address).json
    assert (found["kind"], found["scenarios"], found["scenario"]) == ("change", [WARMER], None)
    content = found["content"]
    one = content["scenarios"][0]
    assert next(iter(content)) == "sentences"
    assert content["sentences"][0] == one["beyond"]["sentence"]
    assert content["sentences"][1].startswith(f"Exposure of today's suitable area under {WARMER}: ")
    maps = {
        item["scenario"]: item["content"] for item in client.get(API).json["items"] if item["kind"] == "suitability"
    }
    assert one["beyond"]["cells"] == maps[WARMER]["beyond"]["cells"]
    by_verdict = maps[WARMER]["cells"]["by_verdict"]
    assert one["suitable"]["cells"] == by_verdict["suitable"] + by_verdict["probably_suitable"]
    assert content["agreement"] is None
    assert set(content["classes"]) == {"stable", "gain", "loss", "unsuitable", "cannot_say"}
    found = client.get(shifted).json
    assert found["shift_text"] == "Temperature −1.5 °C"
    assert found["content"]["scenarios"][0]["label"] == "Temperature −1.5 °C"


def test_files_tiles_and_pictures(compared):
    client, (address, _) = compared
    for query in ("", "?quantity=change"):
        response = client.get(f"{address}.tif{query}")
        assert response.status_code == 200
        with rasterio.open(io.BytesIO(response.data)) as file:
            assert file.tags()["QUANTITY"] == "change"
        for part in (".png", "/tiles/7/64/47.png"):
            picture = client.get(f"{address}{part}{query}")
            assert (picture.status_code, picture.mimetype) == (200, "image/png")
            assert "immutable" in picture.headers["Cache-Control"]
    assert "change" in client.get(f"{address}.tif").headers["Content-Disposition"]
    # a comparison of one scenario has no agreement, and no suitability; a map has no change
    for quantity in ("agreement", "spread", "suitability", "verdict"):
        assert client.get(f"{address}.tif?quantity={quantity}").status_code == 404
        assert client.get(f"{address}/tiles/7/64/47.png?quantity={quantity}").status_code == 404
    plain = start(client)[1]
    assert client.get(f"{plain}.tif?quantity=change").status_code == 404
    assert client.get(f"{plain}.tif?quantity=gold").status_code == 422


def test_cells_without_a_verdict_are_hatched(compared):
    client, (address, _) = compared
    content = client.get(address).json["content"]
    assert content["classes"]["cannot_say"]["cells"] > 0
    with rasterio.open(io.BytesIO(client.get(f"{address}.png?plain=1").data)) as picture:
        indices, palette = picture.read(1), picture.colormap(1)
    shown = {palette[value][:3] for value in set(indices.ravel().tolist())}
    assert {(206, 209, 212), (138, 143, 148)} <= shown
    assert (160, 164, 168) not in shown


def test_the_page_says_what_lies_beyond_first(compared):
    client, (address, shifted) = compared
    page = client.get(address.removeprefix("/api/v1")).text
    content = client.get(address).json["content"]
    main = page[page.index("<main") :]
    text = main.replace("&#39;", "'")
    assert text.index(content["sentences"][0]) == min(text.index(one) for one in content["sentences"])
    # no percentage stands before it
    assert not re.search(r"\d %", text[: text.index(content["sentences"][0])])
    for words in ("Exposure of today’s suitable area", "AOO", "EOO", "at most", "IUCN", "bearing", "GeoTIFF"):
        assert words in text
    assert "declin" not in page
    page = client.get(shifted.removeprefix("/api/v1")).text
    assert "Change between today and the same layers, Temperature −1.5 °C" in " ".join(page.split())
    listed = " ".join(client.get("/map").text.split())
    assert f"change between today and {WARMER}" in listed
    # the map of a scenario does not name the comparison or the changed layers as other conditions
    later = next(one for one in client.get(API).json["items"] if one["scenario"] == WARMER)
    others = client.get(f"/maps/{later['id']}").text
    listed = others[others.index('class="map-others"') :].split("</ul>")[0]
    assert listed.count("<a ") == 1


def test_the_page_leads_to_the_compared_maps_and_to_answers_for_the_scenario(compared):
    client, (address, shifted) = compared
    maps = {
        (one["scenario"], str(one["shift"])): one for one in client.get(API).json["items"] if one["kind"] != "change"
    }
    today, later = maps[None, "{}"]["id"], maps[WARMER, "{}"]["id"]
    cooler = maps[None, str({"temperature": -1.5})]["id"]
    for which, ids in ((address, [today, later]), (shifted, [today, cooler])):
        page = client.get(which.removeprefix("/api/v1")).text
        listed = page[page.index('class="map-others"') :].split("</ul>")[0]
        assert re.findall(r'href="/maps/([0-9a-f-]+)"', listed) == ids
    assert "training (today), Temperature −1.5 °C" in listed
    page = client.get(address.removeprefix("/api/v1")).text
    select = page[page.index('id="map-place-scenario"') :].split("</select>")[0]
    assert re.findall(r'value="([^"]*)"( selected)?', select) == [(WARMER, " selected"), ("", "")]
    assert "/vsicurl/" in page
    assert "SSP585-2081-2100-change.tif" in client.get(f"{address}.tif").headers["Content-Disposition"]
    assert "temperature-minus-1.5-change.tif" in client.get(f"{shifted}.tif").headers["Content-Disposition"]


def test_the_suitable_area_of_a_scenario_is_accounted_for(compared):
    client, (address, _) = compared
    content = ChangeContent.model_validate(client.get(address).json["content"])
    one, (line,) = content.scenarios[0], lines_of(content)
    parts = one.classes["stable"]["area_km2"] + one.classes["gain"]["area_km2"] + line.unjudged_km2
    assert parts == pytest.approx(one.suitable["area_km2"], rel=1e-12)
    page = " ".join(client.get(address.removeprefix("/api/v1")).text.split())
    assert "have an AOO of" in page
    assert "not stated" not in page


def test_the_head_of_many_scenarios_is_compact(compared):
    client, (address, _) = compared
    content = client.get(address).json["content"]
    one = content["scenarios"][0]
    content["scenarios"] = [one | {"label": f"S{number}"} for number in range(5)]
    lines = lines_of(ChangeContent.model_validate(content))
    assert [line.beyond.split(":")[0] for line in lines] == ["S0", "S1", "S2", "S3", "S4"]
    stays = one["exposure"]["stays"]["share"]
    assert lines[0].exposure.startswith(f"Of today's suitable area, {percent(stays)} stays suitable, ")


@pytest.mark.parametrize(
    ("body", "pointer", "text"),
    [
        ({"kind": "change"}, "", "needs scenario, scenarios or shift"),
        ({"kind": "change", "shift": {"temperature": 0}}, "", "needs scenario, scenarios or shift"),
        ({"kind": "change", "scenarios": ["SSP999"]}, "/scenarios/0", WARMER),
        ({"kind": "change", "scenarios": [WARMER, WARMER]}, "", "twice"),
        ({"kind": "change", "scenarios": [WARMER], "scenario": WARMER}, "", "either scenario or scenarios"),
        ({"kind": "change", "scenarios": [str(n) for n in range(21)]}, "/scenarios", ""),
        ({"scenarios": [WARMER]}, "", "kind change"),
        ({"shift": {"temperature": 900}}, "/shift/temperature", "the width of the training range"),
        ({"shift": {"soil": 1}}, "/shift/soil", "categories"),
        ({"shift": {"gold": 1}}, "/shift/gold", "no such predictor"),
        ({"shift": {"temperature": "1"}}, "/shift/temperature", ""),
        ({"shift": {"temperature": True}}, "/shift/temperature", ""),
        ({"shift": [1]}, "/shift", ""),
    ],
)
def test_a_bad_request_names_its_member(compared, body, pointer, text):
    response = compared[0].post(API, json={"species": WHEATEAR, **body})
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == pointer, response.json
    assert text in response.json["errors"][0]["detail"]


def test_the_form_without_javascript(layered):
    client = layered.test_client()
    page = client.get(f"/map?species={WHEATEAR}").text
    assert f'name="scenarios" value="{WARMER}"' in page
    assert 'name="shift-temperature" type="number"' in page
    assert 'name="shift-soil"' not in page
    refused = client.post("/map", data={"species": WHEATEAR, "kind": "change"})
    assert refused.status_code == 422
    assert "Choose at least one scenario" in refused.text
    data = {"species": WHEATEAR, "kind": "change", "scenarios": WARMER, "shift-temperature": "900"}
    refused = client.post("/map", data=data)
    assert refused.status_code == 422
    assert "the width of the training range" in refused.text
    assert 'value="900"' in refused.text
    assert f'value="{WARMER}" checked' in refused.text
    refused = client.post("/map", data={**data, "shift-temperature": "warm"})
    assert (refused.status_code, "Must be a number" in refused.text) == (422, True)
    started = client.post("/map", data={**data, "shift-temperature": "1.5"})
    assert started.status_code == 303
    found = client.get(f"/api/v1{started.headers['Location']}").json
    assert (found["scenarios"], found["shift"]) == ([WARMER], {"temperature": 1.5})
    assert "Maps that are missing are computed first" in client.get(started.headers["Location"]).text


def test_the_form_ignores_no_choice(layered):
    client = layered.test_client()
    data = {"species": WHEATEAR, "scenarios": WARMER, "shift-temperature": "1.5"}
    # ticks belong to the other button
    refused = client.post("/map", data=data)
    assert refused.status_code == 422
    assert "Ticked scenarios are for a comparison: choose Show the change" in refused.text
    assert f'value="{WARMER}" checked' in refused.text
    assert 'value="1.5"' in refused.text
    assert client.get(API).json["items"] == []
    # the scenario of the list is compared, with a stated change and without
    for shift, more in (({"temperature": 1.5}, {"shift-temperature": "1.5"}), ({}, {})):
        started = client.post("/map", data={"species": WHEATEAR, "kind": "change", "scenario": WARMER, **more})
        assert started.status_code == 303
        found = client.get(f"/api/v1{started.headers['Location']}").json
        assert (found["scenarios"], found["shift"]) == ([WARMER], shift)
    # ticked too, it is compared once
    data = {"species": WHEATEAR, "kind": "change", "scenario": WARMER, "scenarios": WARMER}
    assert client.post("/map", data=data).headers["Location"] == started.headers["Location"]


def test_the_note_of_the_scenario_stands_below_the_list(layered):
    client = layered.test_client()
    note = re.compile(r'id="map-scenario-note"[^>]*>([^<]*)<')
    for query, text in (("", ""), (f"&scenario={WARMER}", "4 °C warmer.")):
        (match,) = note.findall(client.get(f"/map?species={WHEATEAR}{query}").text)
        assert match == text


def test_a_comparison_that_fails_leaves_no_files(layered):
    client = layered.test_client()
    job, address = start(client, kind="change", scenario=WARMER)
    settings = layered.config["SETTINGS"]
    # the layers of the scenario are damaged; those of today are not
    path = next((settings.layers_dir / "test-hills").rglob("scenario-1.npy"))
    path.write_bytes(path.read_bytes()[:-40])
    assert work(layered) == 0
    found = client.get(job).json
    assert found["state"] == "failed"
    assert "\n" not in found["error"]
    assert client.get(address).json["content"] is None
    assert len(client.get(API).json["items"]) == 1
    assert not list((settings.data_dir / "maps").iterdir())


@pytest.mark.thorough
def test_a_worker_killed_in_the_middle_of_a_comparison(layered, killed_at):
    client = layered.test_client()
    job, address = start(client, kind="change", scenario=WARMER)
    assert killed_at(layered, "blocks") < 0
    assert client.get(address).json["state"] == "running"
    assert work(layered) == 0
    assert client.get(job).json["state"] == "succeeded"
    assert sorted(one["kind"] for one in client.get(API).json["items"]) == ["change", "suitability", "suitability"]
    folder = layered.config["SETTINGS"].data_dir / "maps" / address.rsplit("/", 1)[1]
    assert json.loads((folder / "change.json").read_text())["kind"] == "change"
    # a deleted comparison leaves its maps
    assert client.delete(address).status_code == 200
    assert client.get(address).status_code == 404
    assert [one["state"] for one in client.get(API).json["items"]] == ["succeeded", "succeeded"]
    app = create_app(make_settings(layered.config["SETTINGS"].data_dir))
    assert app.test_client().get(f"{address}.tif").status_code == 404
