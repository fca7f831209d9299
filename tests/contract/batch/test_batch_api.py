"""Batches by API: answers at once, errors by row, and uploads that are refused."""

from __future__ import annotations

import io
import json

import openpyxl
import pytest

from app.registry import service as registry
from ml.batch.answer_columns import COLUMNS
from tests.contract.batch.conftest import API, PREDICTORS, leftovers, make_app, rows_of, table
from tests.contract.conftest import WHEATEAR, stored  # noqa: F401

MIME = {"content_type": "text/csv"}


def post(web, content: bytes, species: str = WHEATEAR, **query: str):
    return web.post(API, data=content, query_string={"species": species, **query}, **MIME)


def test_a_bad_row_is_named_and_the_others_are_answered(client, environment, ask, nothing_happened):
    """As in n04_batch_one_bad_row.json: NA stands for a number."""
    name = next(iter(environment))
    answer = client.post(API, json={"species": WHEATEAR, "rows": [environment, {**environment, name: "NA"}]})
    assert answer.status_code == 200
    first, second = answer.json["items"]
    assert (first["row"], first["error"], second["row"], second["verdict"]) == (1, None, 2, None)
    assert second["error"] == f"{name}: is not a number: 'NA'"
    assert (answer.json["n_rows"], answer.json["n_errors"]) == (2, 1)
    problem = {"row": 2, "line": None, "predictor": name, "detail": "is not a number: 'NA'"}
    assert answer.json["problems"] == [problem]
    assert sum(answer.json["counts"][0][key] for key in answer.json["counts"][0] if key != "species") == 2


def test_the_numbers_are_those_of_single_predictions(client, ask, environment):
    rows = [{**environment, "trees": value} for value in (0, "12,5", 80, "33.25")]
    answer = client.post(API, json={"species": WHEATEAR, "rows": [rows[0], rows[2], rows[3]]})
    for item, row in zip(answer.json["items"], (rows[0], rows[2], rows[3]), strict=True):
        single = ask(**row).json
        novelty = single["novelty"]
        assert item["suitability"] == single["suitability"]
        assert [item["low"], item["high"]] == single["interval"]
        assert (item["verdict"], item["suitable"]) == (single["verdict"], single["suitable"])
        for key in ("in_area_of_applicability", "mess", "most_dissimilar", "dissimilarity_index"):
            assert item[key] == novelty[key], key


def test_nothing_is_stored_and_there_are_no_ids(client, environment, stored):  # noqa: F811
    before = stored()
    answer = client.post(API, json={"species": WHEATEAR, "rows": [environment] * 3})
    assert answer.status_code == 200 and stored() == before
    assert "id" not in answer.json["items"][0]


def test_several_species_answer_each_row_in_their_order(client, environment):
    names = [WHEATEAR, "parus-major"]
    answer = client.post(API, json={"species": names, "rows": [environment, environment]})
    assert [(item["row"], item["species"]) for item in answer.json["items"]] == [
        (row, name) for row in (1, 2) for name in names
    ]
    assert [one["species"] for one in answer.json["counts"]] == names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "has no value"),
        ("", "has no value"),
        ("NaN", "is not a number: 'NaN'"),
        ("1_0", "is not a number: '1_0'"),
        ("1e999", "must be a finite number: 1e999"),
        (101, "must be 100 % or less: 101"),
        (True, "is not a number: 'true'"),
        ([1], "is not a number: '[1]'"),
        ("lava", "is not a number: 'lava'"),
        ("5,000", "is not a number: '5,000' (write a decimal point)"),
    ],
)
def test_values_that_cannot_be_used(client, environment, value, text):
    answer = client.post(API, json={"species": WHEATEAR, "rows": [environment, {**environment, "trees": value}]})
    assert answer.status_code == 200
    assert [item["error"] for item in answer.json["items"]] == [None, f"trees: {text}"]


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(client, environment, literal):
    body = json.dumps({"species": WHEATEAR, "rows": [environment, {**environment, "trees": 0.125}]})
    answer = client.post(API, data=body.replace("0.125", literal), content_type="application/json")
    assert answer.status_code == 200
    assert answer.json["items"][1]["error"].startswith("trees: ")


@pytest.mark.parametrize(
    ("change", "pointer", "text"),
    [
        ({"species": "nobody"}, "/species", ""),
        ({"species": []}, "/species", ""),
        ({"species": [WHEATEAR, "nobody"]}, "/species/1", ""),
        ({"rows": []}, "/rows", "must contain a row at least"),
        ({"rows": [{"trees": 1}]}, "/rows", "has no column"),
        ({"rows": [1]}, "/rows/0", ""),
        ({"threshold": 2}, "/threshold", ""),
        ({"extrapolation": "yes"}, "/extrapolation", ""),
        ({"location": {}}, "/location", ""),
    ],
)
def test_what_is_wrong_with_the_request_is_named(client, environment, change, pointer, text):
    answer = client.post(API, json={"species": WHEATEAR, "rows": [environment], **change})
    assert answer.status_code == 422
    assert (answer.json["errors"][0]["pointer"], text in answer.json["errors"][0]["detail"]) == (pointer, True)


def test_options_apply_to_every_row(client, environment):
    far = {**environment, "temperature": 69}
    answers = {
        kind: client.post(API, json={"species": WHEATEAR, "rows": [environment, far], "extrapolation": kind}).json
        for kind in ("flag", "allow", "refuse")
    }
    assert answers["flag"]["items"][1]["verdict"] == "cannot_say"
    assert answers["allow"]["items"][1]["verdict"] != "cannot_say"
    assert answers["refuse"]["items"][1]["error"] == "the conditions lie outside the training conditions"
    lowest = client.post(f"{API}?threshold=0", json={"species": WHEATEAR, "rows": [environment]})
    assert lowest.json["items"][0]["verdict"] == "suitable"


@pytest.mark.parametrize(
    "content",
    [
        b"site;bare_rock;trees;temperature;soil\nA;1,5;2;15;clay\n",
        "\ufeffsite\tbare_rock\ttrees\ttemperature\tsoil\r\nA\t1.5\t2\t15\tclay\r\n".encode(),
        "site,bare_rock,trees,temperature,soil\nA,1.5,2,15,clay\n".encode("utf-16"),
        b'"","site","bare_rock","trees","temperature","soil"\n"1","A",1.5,2,15,"clay"\n',
    ],
)
def test_usual_tables_are_read_alike(web, content):
    answer = post(web, content)
    same = web.post(API, json={"species": WHEATEAR, "rows": [dict(zip(PREDICTORS, (1.5, 2, 15, "clay"), strict=True))]})
    assert answer.status_code == 200, answer.json
    item = answer.json["items"][0]
    assert item["line"] == 2
    assert {**item, "line": None} == same.json["items"][0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "has no rows"),
        (b"bare_rock,trees,temperature,soil\n", "has no rows"),
        (b"bare_rock,trees,soil\n1,2,clay\n", "has no column temperature"),
        (b"bare_rock,trees,soil,Temperature\n1,2,clay,3\n", "temperature (it has Temperature)"),
        ('"bare_rock,trees,temperature\n1,2,3\n', "line 1: a quotation mark opens a field and is never closed"),
        ("bare_rock,trees,temperature,Öde\n1,2,3,x\n".encode("latin-1"), "line 1: not utf-8"),
        (b"bare_rock,trees,temperature,soil,verdict\n1,2,3,clay,x\n", "already has a column verdict"),
        (b"bare_rock,trees,trees,temperature\n1,2,2,3\n", "has two columns 'trees'"),
        (b"bare_rock,trees,temp\x00erature\n1,2,3\n", "null character"),
    ],
)
def test_tables_that_cannot_be_read(web, site, content, text):
    answer = post(web, content)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/file"
    assert text in answer.json["errors"][0]["detail"]
    assert leftovers(site) == []


def test_the_same_row_twice_is_answered_twice(web):
    answer = post(web, b"row,bare_rock,trees,temperature,soil\n7,1,2,15,clay\n7,1,2,15,clay\n")
    assert [item["row"] for item in answer.json["items"]] == [1, 2]
    first, second = ({**item, "row": 0, "line": 0} for item in answer.json["items"])
    assert first == second


def test_a_form_with_a_table(web):
    answer = web.post(API, data={"file": (io.BytesIO(table(3)), "sites.csv"), "species": WHEATEAR, "threshold": "0.5"})
    assert answer.status_code == 200 and len(answer.json["items"]) == 3
    assert web.post(API, data={"species": WHEATEAR}, content_type="multipart/form-data").status_code == 422
    twice = {"file": (io.BytesIO(table(3)), "a.csv"), "other": (io.BytesIO(table(3)), "b.csv"), "species": WHEATEAR}
    assert "one table at a time" in web.post(API, data=twice).json["errors"][0]["detail"]
    unknown = {"file": (io.BytesIO(table(3)), "a.csv"), "species": WHEATEAR, "place": "x"}
    assert web.post(API, data=unknown).json["errors"][0]["pointer"] == "/place"


def test_two_gigabytes_are_refused_before_they_are_read(web, site):
    class Unread(io.BytesIO):
        def read(self, size=-1):
            raise AssertionError("the body was read")

    announced = {"CONTENT_LENGTH": str(site.config["SETTINGS"].max_upload + 10**7)}
    query = {"species": WHEATEAR}
    for mimetype in ("text/csv", "multipart/form-data; boundary=x"):
        answer = web.post(
            API, input_stream=Unread(), query_string=query, content_type=mimetype, environ_overrides=announced
        )
        assert answer.status_code == 413
    assert leftovers(site) == []


def test_a_level_that_is_not_known(client, environment):
    answer = client.post(API, json={"species": WHEATEAR, "rows": [{**environment, "soil": "lava"}]})
    assert answer.json["items"][0]["error"] == "soil: lava is not one of sand, clay, chalk"


def test_a_table_is_refused_while_it_is_read(tmp_path, artifacts):
    app = make_app(tmp_path / "small", artifacts, max_upload=4096)
    form = {"file": (io.BytesIO(table(2000)), "sites.csv"), "species": WHEATEAR}
    assert app.test_client().post(API, data=form).status_code == 413
    assert leftovers(app) == []


def test_production_answers_a_thousand_rows_and_starts_no_job(tmp_path, artifacts):
    app = make_app(
        tmp_path / "p", artifacts, environment="production", allowed_hosts=("localhost",), public_predictions=False
    )
    web = app.test_client()
    assert post(web, table(1000)).status_code == 200
    answer = post(web, table(1001))
    assert answer.status_code == 422
    assert "more than 1,000 rows" in answer.json["errors"][0]["detail"]
    assert "role editor" in answer.json["errors"][0]["detail"]
    page = web.get("/batch")
    assert "need an account with the role editor" in page.text
    checked = web.post(
        "/batch", data={"file": (io.BytesIO(table(1001)), "x.csv"), "species": WHEATEAR, "action": "check"}
    )
    assert "let\nan editor send it" in checked.text and "Start the job" not in checked.text
    assert leftovers(app) == []


def test_the_cost_grows_with_the_number_of_answers(tmp_path, artifacts):
    app = make_app(tmp_path / "limited", artifacts, rate_limit="1000/hour")
    web = app.test_client()
    left = [int(post(web, table(n)).headers["RateLimit-Remaining"]) for n in (1, 1000, 1000)]
    assert left[0] - left[1] == left[1] - left[2] == 21


def test_the_answers_are_those_of_the_command(web, site, tmp_path, artifacts):
    """By API as JSON, and by page as CSV."""
    from ml.__main__ import main

    content = table(40, bad={7: "NA"})
    (tmp_path / "in.csv").write_bytes(content)
    with site.app_context():
        assert registry.example_species() is not None
    arguments = ["--model", str(artifacts[WHEATEAR]), "--input", f"{tmp_path}/in.csv", "--output", f"{tmp_path}/o.csv"]
    assert main(["predict", *arguments, "--accept-errors"]) == 0
    form = {"species": WHEATEAR, "file": (io.BytesIO(content), "in.csv")}
    page = web.post("/batch/answers.csv", data=form)
    assert page.mimetype == "text/csv"
    assert page.data == (tmp_path / "o.csv").read_bytes()
    items = post(web, content).json["items"]
    for item, row in zip(items, rows_of(page.data), strict=True):
        assert (item["error"] or "") == row["error"]
        for name in COLUMNS:
            value = item[name]
            text = "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)
            assert text == row[name]


def workbook(rows: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.create_sheet("empty", 0)
    for row in rows:
        book["Sheet"].append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_workbook_is_read_and_its_rows_have_their_numbers(web, site):
    header = ["site", *PREDICTORS]
    content = workbook([[], header, ["A\nB", 1.5, 2, 15, "clay"], [], ["C", 1, None, 15, "clay"], ["D", "1,5", 2, 15]])
    answer = web.post(API, data={"file": (io.BytesIO(content), "sites.xlsx"), "species": WHEATEAR})
    assert answer.status_code == 200, answer.json
    same = {"species": WHEATEAR, "rows": [dict(zip(PREDICTORS, (1.5, 2, 15, "clay"), strict=True))]}
    first, second, third = answer.json["items"]
    assert first["suitability"] == web.post(API, json=same).json["items"][0]["suitability"]
    assert [item["line"] for item in (first, second, third)] == [3, 5, 6]
    assert second["error"] == "trees: has no value"
    assert third["error"].startswith("bare_rock: is not a number: '1,5'")
    assert leftovers(site) == []


@pytest.mark.parametrize("content", [workbook([]), workbook([["a", "b"]])[:-200], b"PK\x03\x04 a workbook"])
def test_workbooks_that_cannot_be_read(web, site, content):
    answer = web.post(API, data={"file": (io.BytesIO(content), "sites.xlsx"), "species": WHEATEAR})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/file"
    assert "sites.xlsx" in answer.json["errors"][0]["detail"]
    assert leftovers(site) == []
