"""Batches of places: each has the answer of POST /predictions, by JSON, table, page, command and job."""

from __future__ import annotations

import csv
import io
import random

import pytest

from ml.__main__ import main
from ml.batch.answer_columns import COLUMNS
from ml.serving.artifact import read_card
from tests.contract.batch.conftest import API, make_app, rows_of, work
from tests.contract.conftest import WHEATEAR
from tests.stored_layers import WARMER, write_hills

TIT = "parus-major"
SINGLE = "/api/v1/predictions"
NUMBERS = ("suitability", "low", "high", "dissimilarity_index", "mess")
OUTSIDE = "lies outside the layers of this study"


@pytest.fixture(scope="module")
def hills(tmp_path_factory, artifacts):
    """An application whose wheatear has layers, its client, and the folder of layers."""
    app = make_app(tmp_path_factory.mktemp("places"), artifacts)
    fingerprint = read_card(artifacts[WHEATEAR]).training.data_fingerprint
    home = app.config["SETTINGS"].layers_dir
    write_hills(home, [fingerprint])
    return app, app.test_client(), home


def make_places(n: int) -> list[dict]:
    """Places inside, on edges of cells, without a value and outside; longitudes also from 0 to 360."""
    draw = random.Random(4)
    places = []
    for number in range(n):
        latitude, longitude = draw.uniform(40.9, 43.1), draw.uniform(1.9, 4.1)
        if number % 5 == 0:
            latitude, longitude = round(latitude, 1), round(longitude, 1)
        place: dict = {"location": {"latitude": latitude, "longitude": 355.5 if number % 50 == 7 else longitude}}
        if number % 3 == 0:
            place["scenario"] = WARMER
        places.append(place)
    return places


WRONG = [
    ({"location": {"latitude": 91, "longitude": 2.5}}, "location.latitude: must be 90.0 or less"),
    ({"location": {"latitude": 2.55, "longitude": 41.95}}, "are latitude and longitude swapped?"),
    ({"location": {"latitude": "41.95", "longitude": 2.55}}, "location.latitude: "),
    ({"location": {"latitude": 41.95}}, "location.longitude: a value is needed"),
    ({"location": {"latitude": 41.95, "longitude": 2.55, "x": 1}}, "location.x: "),
    ({"location": None}, "location: must not be null"),
    ({"location": [41.95, 2.55]}, "location: "),
    ({"location": {"latitude": 41.95, "longitude": 2.55}, "scenario": "no such"}, f"scenario: must be one of {WARMER}"),
    ({"location": {"latitude": 41.95, "longitude": 2.55}, "scenario": None}, "scenario: must not be null"),
    ({"location": {"latitude": 41.95, "longitude": 2.55}, "trees": 5}, "not both"),
    ({"location": {"latitude": 42.95, "longitude": 2.55}}, "the layer Bare rock (bare_rock) has no value there"),
    ({"location": {"latitude": 41.95, "longitude": 3.95}}, "none of the layers of this study has a value there"),
    ({"location": {"latitude": 41.95, "longitude": 3.85}}, "the layer Soil has “peat” there"),
    ({"location": {"latitude": 10.0, "longitude": 100.0}}, OUTSIDE),
    ({"scenario": WARMER, "trees": 5}, "belongs to a location, which is missing"),
]


def values_of(item: dict) -> list:
    return [item[name] for name in COLUMNS if name != "error"]


def values_of_single(answer: dict) -> list:
    novelty = answer["novelty"]
    low, high = answer["interval"]
    parts = (answer["verdict"], answer["suitability"], low, high, answer["suitable"])
    names = ("in_area_of_applicability", "dissimilarity_index", "mess", "most_dissimilar")
    return [*parts, *(novelty[name] for name in names)]


def test_places_have_the_answers_of_single_predictions_to_the_bit(hills):
    _, web, _ = hills
    places = make_places(260)
    items = web.post(API, json={"species": WHEATEAR, "rows": places}).json["items"]
    statuses = []
    for place, item in zip(places, items, strict=True):
        single = web.post(SINGLE, json={"species": WHEATEAR, **place})
        statuses.append(single.status_code)
        if single.status_code != 422:
            assert values_of(item) == values_of_single(single.json)
            assert item["environment"] == single.json["environment"] and item["error"] is None
        else:
            # the text of the single answer names the place before the reason
            (error,) = single.json["errors"]
            reason = item["error"].removeprefix("location: ").removesuffix("; are latitude and longitude swapped?")
            assert reason in error["detail"] and item["verdict"] is None
    assert len(statuses) - statuses.count(422) > 100 and statuses.count(422) > 40


def test_places_and_conditions_in_turn_have_their_own_answers(hills):
    """Without any row that has an error, which would hide a wrong order."""
    _, web, _ = hills
    rows = []
    for number in range(12):
        rows.append({"location": {"latitude": 41.95 + 0.1 * (number % 3), "longitude": 2.55}})
        rows.append({"bare_rock": 5 * number, "trees": 10, "temperature": 8 + number, "soil": "clay"})
    answer = web.post(API, json={"species": WHEATEAR, "rows": rows}).json
    assert answer["problems"] == []
    for row, item in zip(rows, answer["items"], strict=True):
        where = row if "location" in row else {"environment": row}
        single = web.post(SINGLE, json={"species": WHEATEAR, **where}).json
        assert values_of(item) == values_of_single(single)


@pytest.mark.parametrize(("row", "text"), WRONG)
def test_a_place_that_cannot_be_used_costs_no_other(hills, row, text):
    _, web, _ = hills
    good = {"location": {"latitude": 41.95, "longitude": 2.55}}
    answer = web.post(API, json={"species": WHEATEAR, "rows": [good, row, good]}).json
    first, wrong, last = answer["items"]
    assert text in wrong["error"] and wrong["verdict"] is None
    assert first["error"] is None and {**first, "row": 3} == last
    assert [one["row"] for one in answer["problems"]] == [2]
    alone = web.post(API, json={"species": WHEATEAR, "rows": [row]})
    if alone.status_code == 200:
        assert alone.json["items"][0]["error"] == wrong["error"]


def test_the_scenario_of_the_batch_is_that_of_places_that_state_none(hills):
    _, web, _ = hills
    place = {"location": {"latitude": 41.95, "longitude": 2.55}}
    answer = web.post(API, json={"species": WHEATEAR, "scenario": WARMER, "rows": [place]}).json
    assert answer["items"][0]["environment"]["temperature"] == 14.1
    assert web.post(API, json={"species": WHEATEAR, "rows": [place]}).json["items"][0]["environment"]["soil"] == "clay"
    for scenario, rows in (("no such", [place]), (WARMER, [{"trees": 5}])):
        refused = web.post(API, json={"species": WHEATEAR, "scenario": scenario, "rows": rows})
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/scenario")


def test_rows_of_conditions_and_of_places_may_be_mixed(hills):
    _, web, _ = hills
    here = {"bare_rock": 65.5, "trees": 34.5, "temperature": 10.1, "soil": "clay"}
    place = {"location": {"latitude": 41.95, "longitude": 2.55}}
    first, second, third = web.post(API, json={"species": WHEATEAR, "rows": [here, place, here]}).json["items"]
    assert values_of(first) == values_of(second) == values_of(third)
    assert (first["environment"], second["environment"]) == (None, here)


def test_a_species_without_layers_is_refused(hills):
    _, web, _ = hills
    rows = [{"location": {"latitude": 41.95, "longitude": 2.55}}]
    for species in (TIT, [WHEATEAR, TIT]):
        answer = web.post(API, json={"species": species, "rows": rows})
        assert answer.status_code == 422 and answer.json["errors"][0]["pointer"] == "/location"


def as_table(places: list[dict], latitude: str = "Lat", longitude: str = "lon", delimiter: str = ",") -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["site", latitude, longitude, "scenario"])
    for number, place in enumerate(places):
        location = place["location"]
        writer.writerow([f"s{number}", location["latitude"], location["longitude"], place.get("scenario", "")])
    return stream.getvalue().encode()


def test_a_table_a_page_a_command_and_a_job_answer_alike(hills, artifacts, tmp_path):
    app, web, home = hills
    places = make_places(1_100)
    listed = web.post(API, json={"species": WHEATEAR, "rows": places[:1_000]}).json["items"]
    items = web.post(
        API, data=as_table(places[:1_000]), query_string={"species": WHEATEAR}, content_type="text/csv"
    ).json["items"]
    assert [{**item, "line": None} for item in items] == listed
    assert [item["line"] for item in items] == [item["row"] + 1 for item in items]

    form = {"species": WHEATEAR, "file": (io.BytesIO(as_table(places[:1_000])), "sites.csv")}
    page = rows_of(web.post("/batch/answers.csv", data=form).data)

    (tmp_path / "in.csv").write_bytes(as_table(places))
    arguments = ["--model", str(artifacts[WHEATEAR]), "--layer-store", str(home), "--accept-errors", "--spreadsheet"]
    files = ["--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    assert main(["predict", *arguments, *files]) == 0
    command = rows_of((tmp_path / "out.csv").read_bytes())

    tables = web.post(API, data=as_table(places), query_string={"species": WHEATEAR}, content_type="text/csv")
    rows = web.post(API, json={"species": WHEATEAR, "rows": places})
    assert (tables.status_code, rows.status_code) == (202, 202)
    assert work(app) == 0
    results = [web.get(web.get(one.headers["Location"]).json["result"] + "/answers.csv").data for one in (tables, rows)]
    assert results[0] == (tmp_path / "out.csv").read_bytes()
    assert page == command[:1_000]
    names = ["env.bare_rock", "env.trees", "env.temperature", "env.soil", *COLUMNS]
    assert list(command[0])[4:-3] == names
    assert list(command[0])[-3:] == ["answer_scenario", "model", "threshold"]
    for row, same in zip(command, rows_of(results[1]), strict=True):
        assert [row[name] for name in names] == [same[name] for name in names]
    assert list(rows_of(results[1])[0])[:3] == ["location.latitude", "location.longitude", "scenario"]
    for row, item in zip(command, listed, strict=False):
        assert [row[name] for name in NUMBERS] == ["" if item[name] is None else repr(item[name]) for name in NUMBERS]
        assert (row["error"], row["verdict"]) == (item["error"] or "", item["verdict"] or "")
        layers = item["environment"] or {}
        assert row["env.trees"] == ("" if layers.get("trees") is None else repr(layers["trees"]))


@pytest.mark.parametrize(
    ("content", "query", "error"),
    [
        (b"Latitude;Longitude\n41,95;2,55\n", {}, None),
        ("lat,lon\n41\xb057\u2032N,2\xb033\u2032E\n".encode(), {}, None),
        (b"north,east\n41.95,2.55\n", {"latitude": "north", "longitude": "east"}, None),
        (b"decimalLatitude\tdecimalLongitude\n41.95\t2.55\n", {}, None),
        (b"lat,lon,trees\n41.95,2.55,x\n", {"latitude": "lat"}, None),
        (b"lat,lon\n,2.55\n", {}, "lat: has no value"),
        (b"lat,lon\nhere,2.55\n", {}, "lat: "),
        (b"lat,lon\ninf,2.55\n", {}, "lat: it is neither"),
        (b"lat,lon\n91,2.55\n", {}, "location: 91° N, 2.55° E: the latitude must be from -90 to 90"),
        (b"lat,lon\n2.55,41.95\n", {}, "are latitude and longitude swapped?"),
        (b"lat,lon\n41.95\n", {}, "1 fields, but the header has 2 columns"),
        (b"lat,lon,which\n41.95,2.55,no such\n", {"scenario_column": "which"}, "which: must be one of"),
    ],
)
def test_columns_of_places_are_found_or_named(hills, content, query, error):
    _, web, _ = hills
    answer = web.post(API, data=content, query_string={"species": WHEATEAR, **query}, content_type="text/csv")
    assert answer.status_code == 200, answer.json
    (item,) = answer.json["items"]
    if error is None:
        assert item["environment"] == {"bare_rock": 65.5, "trees": 34.5, "temperature": 10.1, "soil": "clay"}
    else:
        assert error in item["error"]


@pytest.mark.parametrize(
    ("content", "query", "pointer"),
    [
        (b"a,b\n41.95,2.55\n", {"scenario": WARMER}, "/latitude"),
        (b"lat,lon\n41.95,2.55\n", {"latitude": "north"}, "/latitude"),
        (b"lat,lon\n41.95,2.55\n", {"scenario": "no such"}, "/scenario"),
        (b"lat,lon,trees\n41.95,2.55,3\n", {}, "/file"),
        (b"lat,lon,env.trees\n41.95,2.55,3\n", {}, "/file"),
        (b"lat,lon\n41.95,2.55\n", {"species": TIT}, "/file"),
        (b"lat,lon\n41.95,2.55\n", {"species": TIT, "latitude": "lat"}, "/location"),
    ],
)
def test_tables_of_places_that_are_refused(hills, content, query, pointer):
    _, web, _ = hills
    answer = web.post(API, data=content, query_string={"species": WHEATEAR, **query}, content_type="text/csv")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


def test_damaged_layers_are_unavailable(tmp_path, artifacts):
    app = make_app(tmp_path / "data", artifacts)
    fingerprint = read_card(artifacts[WHEATEAR]).training.data_fingerprint
    folder = write_hills(app.config["SETTINGS"].layers_dir, [fingerprint])
    (folder / "scenario-1.npy").write_bytes(b"damaged")
    web = app.test_client()
    row = {"location": {"latitude": 41.95, "longitude": 2.55}}
    assert web.post(API, json={"species": WHEATEAR, "rows": [row]}).status_code == 200
    assert web.post(API, json={"species": WHEATEAR, "rows": [row | {"scenario": WARMER}]}).status_code == 503
    assert web.post(API, json={"species": WHEATEAR, "rows": [row], "scenario": WARMER}).status_code == 503


def test_the_preview_shows_the_columns_of_places_and_the_answers_show_the_layers(hills):
    _, web, _ = hills
    content = b"site,Lat,lon\na,41.95,2.55\nb,10,100\n"
    form = {"species": WHEATEAR, "action": "check", "file": (io.BytesIO(content), "sites.csv")}
    page = web.post("/batch", data=form, content_type="multipart/form-data").get_data(as_text=True)
    assert "Places and their columns" in page and '<th scope="row">Latitude</th><td>Lat</td><td>41.95</td>' in page
    assert f"Scenarios of the study: {WARMER}" in " ".join(page.split())
    assert f"<td>2 (line&nbsp;3)</td><td>location</td><td>10° N, 100° E: {OUTSIDE}" in page
    fields = {"species": WHEATEAR, "action": "answer", "text": content.decode(), "scenario": WARMER}
    page = web.post("/batch", data=fields).get_data(as_text=True)
    assert (
        "Row 1 (line&nbsp;2)" in page
        and 'title="temperature">' in page
        and "</span> 14.1&nbsp;" in page
        and OUTSIDE in page
    )
    page = web.post("/batch", data={**fields, "scenario": "no such"}).get_data(as_text=True)
    assert 'id="batch-scenario-error"' in page


def test_the_command_says_what_it_lacks(hills, artifacts, tmp_path, capsys):
    _, _, home = hills
    (tmp_path / "in.csv").write_text("a,b\n41.95,2.55\n")
    files = ["--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/out.csv"]
    model = ["--model", str(artifacts[WHEATEAR])]
    for options, text in (
        (["--latitude", "a"], "need --layer-store"),
        (["--layer-store", str(home)], "name them with --latitude and --longitude"),
        (["--layer-store", str(tmp_path)], "has no layers that the model of"),
        (["--layer-store", str(home), "--latitude", "x", "--longitude", "b"], "has no column x"),
        (["--layer-store", str(home), "--latitude", "a", "--longitude", "b", "--scenario", "x"], "must be one of"),
    ):
        assert main(["predict", *model, *files, *options]) == 2
        error = capsys.readouterr().err
        assert text in error and error.count("\n") == 1
