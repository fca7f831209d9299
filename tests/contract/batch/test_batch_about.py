"""What the answers of a batch are for, and how columns of places and errors are named."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest

from ml.__main__ import main
from ml.serving.artifact import load_artifact, read_card
from tests.contract.batch.conftest import API, make_app, rows_of
from tests.contract.conftest import WHEATEAR
from tests.stored_layers import WARMER, write_hills

TIT = "parus-major"
INSIDE = {"latitude": 41.95, "longitude": 2.55}


@pytest.fixture(scope="module")
def hills(tmp_path_factory, artifacts):
    """A client of an application in which two species have layers, and the folder of layers."""
    app = make_app(tmp_path_factory.mktemp("about"), artifacts)
    home = app.config["SETTINGS"].layers_dir
    write_hills(home, [read_card(artifacts[slug]).training.data_fingerprint for slug in (WHEATEAR, TIT)])
    return app.test_client(), home


def send(web, content: bytes, species: str = WHEATEAR, **query: str):
    return web.post(API, data=content, query_string={"species": species, **query}, content_type="text/csv")


def predict(tmp_path, artifacts, content: bytes, *options: str, species: tuple[str, ...] = (WHEATEAR,)) -> int:
    (tmp_path / "sites.csv").write_bytes(content)
    models = [part for slug in species for part in ("--model", str(artifacts[slug]))]
    return main(["predict", *models, "--input", f"{tmp_path}/sites.csv", "--output", f"{tmp_path}/out.csv", *options])


def test_answers_say_scenario_model_and_threshold_everywhere(hills, artifacts, tmp_path):
    web, home = hills
    content = b"site,lat,lon\na,41.95,2.55\nb,10,100\n"
    model = load_artifact(artifacts[WHEATEAR])
    cutoff = model.predictor.cutoff(None)
    answer = send(web, content, scenario=WARMER).json
    used = {"species": WHEATEAR, "model": model.model_id, "threshold": cutoff.value, "rule": cutoff.rule}
    assert answer["models"] == [used]
    assert answer["scenarios"] == [{"scenario": WARMER, "places": 2}]
    for item in answer["items"]:
        assert (item["scenario"], item["model"], item["threshold"]) == (WARMER, model.model_id, cutoff.value)

    fields = {"species": WHEATEAR, "text": content.decode(), "scenario": WARMER, "name": "sites.csv"}
    page = web.post("/batch", data={**fields, "action": "answer"}).get_data(as_text=True)
    line = re.search(r'id="answers-for">(.*?)</p>', page, re.DOTALL)
    assert line is not None
    words = " ".join(re.sub("<[^>]*>", "", line[1]).split())
    assert words == f"Conditions: {WARMER}. Model {model.model_id}, threshold {cutoff.value:.2f} ({cutoff.rule})."
    assert f'href="/models/{model.model_id}"' in line[1]

    file = web.post("/batch/answers.csv", data=fields)
    scenario = re.sub(r"\W+", "-", WARMER).strip("-")
    assert f"sites-{scenario}-answers.csv" in file.headers["Content-Disposition"]
    assert predict(
        tmp_path, artifacts, content, "--layer-store", str(home), "--scenario", WARMER, "--accept-errors"
    ) == 0  # fmt: skip
    assert (tmp_path / "out.csv").read_bytes() == file.data
    for row in rows_of(file.data):
        assert list(row)[-4:] == ["error", "scenario", "model", "threshold"]
        assert (row["scenario"], row["model"], row["threshold"]) == (WARMER, model.model_id, repr(cutoff.value))


def test_training_conditions_and_several_scenarios_are_told_apart(hills):
    web, _ = hills
    content = f"site,lat,lon,scenario,model\na,41.95,2.55,,mine\nb,41.95,2.55,{WARMER},mine\nc,41.95,2.55,x,\n"
    answer = send(web, content.encode(), threshold="0.3").json
    assert answer["scenarios"] == [{"scenario": None, "places": 1}, {"scenario": WARMER, "places": 1}]
    assert [item["scenario"] for item in answer["items"]] == [None, WARMER, None]
    assert (answer["models"][0]["threshold"], answer["models"][0]["rule"]) == (0.3, "own")
    file = web.post("/batch/answers.csv", data={"species": WHEATEAR, "text": content, "name": "sites.csv"})
    assert "filename=sites-answers.csv" in file.headers["Content-Disposition"]
    first, second, third = rows_of(file.data)
    # the columns of the table stay, and those of the answers have other names
    assert list(first)[:5] == ["site", "lat", "lon", "scenario", "model"]
    assert list(first)[-3:] == ["answer_scenario", "answer_model", "threshold"]
    assert (first["scenario"], first["model"], first["answer_scenario"]) == ("", "mine", "training conditions")
    assert (second["answer_scenario"], third["answer_scenario"]) == (WARMER, "")
    page = web.post("/batch", data={"species": WHEATEAR, "text": content, "action": "answer"}).get_data(as_text=True)
    text = " ".join(re.sub("<[^>]*>", "", page).split())
    assert f"Conditions: training conditions (today) (1 place), {WARMER} (1 place)." in text


@pytest.mark.parametrize(
    "header",
    ["Y_wgs (N),X_wgs (E)", "y_wgs84,x_wgs84", "Y (N),X (E)", "lat_dd,long_dd", "coord_y,coord_x",
     "decimal latitude,decimal longitude", "Latitude (°N),Longitude (°E)", "y,x"],
)  # fmt: skip
def test_usual_names_of_coordinates_are_found(hills, artifacts, tmp_path, header):
    web, home = hills
    content = f"site,{header}\na,41.95,2.55\n".encode()
    answer = send(web, content)
    assert answer.status_code == 200, answer.json
    assert answer.json["items"][0]["environment"]["trees"] == 34.5
    assert predict(tmp_path, artifacts, content, "--layer-store", str(home)) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n41.95,2.55\n",
        b"y,x\n4650000,512000\n",
        b"northing,easting\n41.95,2.55\n",
        b"Lat (S),Lon (W)\n41.95,2.55\n",
    ],
)
def test_where_no_place_is_found_every_face_says_how_to_name_columns(hills, artifacts, tmp_path, capsys, content):
    web, home = hills
    (error,) = send(web, content).json["errors"]
    assert error["pointer"] == "/latitude"
    sentence = "has no column latitude or longitude; name them"
    assert error["detail"] == (
        f"the table {sentence} with latitude= and longitude= in the address or the form, or give a column for each "
        "predictor"
    )
    form = {"species": WHEATEAR, "action": "check", "file": (io.BytesIO(content), "sites.csv")}
    page = web.post("/batch", data=form, content_type="multipart/form-data").get_data(as_text=True)
    assert f"sites.csv {sentence} under “Columns of places”" in page
    assert 'id="batch-places" open' in page and 'id="batch-latitude-error"' in page
    assert predict(tmp_path, artifacts, content, "--layer-store", str(home)) == 2
    assert f"sites.csv {sentence} with --latitude and --longitude" in capsys.readouterr().err
    assert predict(tmp_path, artifacts, content) == 2
    assert "for a table of places, name the stored layers of the study with --layer-store" in capsys.readouterr().err


def test_a_predictor_that_differs_in_case_is_named(hills, artifacts, tmp_path, capsys):
    web, _ = hills
    content = b"Trees,a\n1,2\n"
    assert "trees (it has Trees)" in send(web, content).json["errors"][0]["detail"]
    assert predict(tmp_path, artifacts, content) == 2
    assert "trees (it has Trees)" in capsys.readouterr().err


def test_rows_of_json_with_coordinates_beside_location_are_explained(hills):
    web, _ = hills
    answer = web.post(API, json={"species": WHEATEAR, "rows": [INSIDE]})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/rows" and '"location": {"latitude", "longitude"}' in error["detail"]


def test_an_unknown_scenario_of_the_batch_is_refused_once(hills, artifacts, tmp_path, capsys):
    _, home = hills
    content = b"lat,lon\n" + b"41.95,2.55\n" * 20
    assert predict(tmp_path, artifacts, content, "--layer-store", str(home), "--scenario", "no such") == 2
    error = capsys.readouterr().err
    assert error.count("must be one of") == 1 and "--scenario must be one of" in error
    assert not (tmp_path / "out.csv").exists()


def test_errors_of_several_species_are_counted_for_each(hills, artifacts, tmp_path, capsys):
    web, home = hills
    content = b"lat,lon\n41.95,2.55\n10,100\n"
    form = {"species": [WHEATEAR, TIT], "action": "answer", "text": content.decode()}
    page = " ".join(web.post("/batch", data=form).get_data(as_text=True).split())
    names = [read_card(artifacts[slug]).species.scientific_name for slug in (WHEATEAR, TIT)]
    assert f"2 of 4 answers are an error (1 for {names[0]}, 1 for {names[1]}; 2 rows)." in page
    assert predict(tmp_path, artifacts, content, "--layer-store", str(home), species=(WHEATEAR, TIT)) == 2
    assert f"2 of 4 answers are an error (1 for {WHEATEAR}, 1 for {TIT}; 2 rows)" in capsys.readouterr().err


@pytest.mark.parametrize("place", [{"latitude": 2.55, "longitude": 41.95}, {"latitude": 10.0, "longitude": 100.0}])
def test_errors_of_places_are_those_of_a_single_answer(hills, place):
    web, _ = hills
    single = web.post("/api/v1/predictions", json={"species": WHEATEAR, "location": place}).json["errors"][0]["detail"]
    several = web.post(API, json={"species": WHEATEAR, "rows": [{"location": place}]}).json["items"][0]["error"]
    assert several == f"location: {single}"
    assert single.startswith(f"{place['latitude']:g}° N, {place['longitude']:g}° E: lies outside")
    assert single.endswith("; are latitude and longitude swapped?") == (place["latitude"] == 2.55)


def test_the_page_offers_scenarios_and_shows_sites_places_and_names_of_layers(hills):
    web, _ = hills
    form = web.get(f"/batch?species={WHEATEAR}").get_data(as_text=True)
    assert '<select id="batch-scenario"' in form and f'<option value="{WARMER}"' in form
    assert '<select id="batch-scenario"' not in web.get("/batch").get_data(as_text=True)
    fields = {"species": WHEATEAR, "action": "answer", "text": "plot,lat,lon\n<P7>,41.95,2.55\n"}
    page = web.post("/batch", data=fields).get_data(as_text=True)
    assert '<span class="batch-site" title="plot">&lt;P7&gt;</span>' in page
    assert '<td data-label="Place">41.95° N, 2.55° E</td>' in page
    assert '<span title="trees">Trees' in page and "34.5&nbsp;%" in page


def test_the_command_reads_a_workbook_as_the_page_does(hills, artifacts, tmp_path, capsys):
    web, home = hills
    book = openpyxl.Workbook()
    for row in (["site", "lat", "lon"], ["a", 41.95, 2.55], [], ["b", 10, 100]):
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    options = ["--layer-store", str(home), "--accept-errors", "--resume"]
    assert predict(tmp_path, artifacts, stream.getvalue(), *options) == 0
    form = {"species": WHEATEAR, "file": (io.BytesIO(stream.getvalue()), "sites.xlsx")}
    assert web.post("/batch/answers.csv", data=form).data == (tmp_path / "out.csv").read_bytes()
    capsys.readouterr()
    assert predict(tmp_path, artifacts, stream.getvalue()[:-200], *options) == 2
    error = capsys.readouterr().err
    assert "sites.csv" in error and error.count("\n") == 1
