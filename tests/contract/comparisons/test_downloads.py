"""Comparisons as CSV files: the rows that the page of the same address shows."""

from __future__ import annotations

import csv
import io
import shutil
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.registry import changes
from tests.contract.comparisons.conftest import API, STUDY, address
from tests.contract.conftest import WHEATEAR, make_settings, upgrade
from tests.contract.test_bad_input import problem
from tests.older import set_auc

Row = dict[str, str]


def read(client: FlaskClient, path: str, **query: Any) -> list[Row]:
    response = client.get(path, query_string=query)
    assert response.status_code == 200, response.get_data(as_text=True)[:500]
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="ecopredict-')
    assert response.headers["Cache-Control"] == "private, no-store"
    return list(csv.DictReader(io.StringIO(response.get_data(as_text=True)), strict=True))


def check(row: Row, item: dict[str, Any], quality: dict[str, Any]) -> None:
    """Compare a row with the same answer as JSON."""
    assert row["verdict"] == item["verdict"]
    assert row["verdict_reason"] == item["verdict_reason"]
    assert float(row["suitability"]) == item["suitability"]
    assert [float(row["low"]), float(row["high"])] == item["interval"]
    assert row["suitable"] == {True: "1", False: "0", None: ""}[item["suitable"]]
    assert row["quality"] == quality["sentence"]
    assert float(row["auc"]) == quality["auc"]
    assert [float(row["auc_low"]), float(row["auc_high"])] == quality["auc_interval"]
    assert row["validated_by"] == quality["validated_by"]
    assert row["better_than_chance"] == str(int(quality["better_than_chance"]))


def test_species_as_csv(client, rank, environment):
    changes_ = {"trees": 12.5}
    rows = read(client, "/compare/species.csv", study=STUDY, **address(environment, **changes_))
    items = rank(changes_).json["items"]
    assert [row["species"] for row in rows] == [item["species"]["slug"] for item in items]
    for row, item in zip(rows, items, strict=True):
        check(row, item, item["quality"])
        assert row["scientific_name"] == item["species"]["scientific_name"]
        assert row["rank"] == str(item["rank"])
        assert float(row["threshold"]) == item["threshold"]["value"]
        assert row["in_area_of_applicability"] == "1"
        assert row["model"] == item["model"]["id"]
        assert row["env.trees"] == "12.5"
        assert row["env.soil"] == environment["soil"]


def test_the_file_of_a_first_visit_has_the_example_of_the_page(client, rank):
    rows = read(client, "/compare/species.csv")
    assert [row["species"] for row in rows] == [item["species"]["slug"] for item in rank().json["items"]]
    sets = read(client, "/compare/conditions.csv")
    assert sets[0]["label"] == "typical conditions (median)"


def test_where_the_model_cannot_say_suitable_and_rank_are_empty(client, environment):
    rows = read(client, "/compare/species.csv", study=STUDY, **address(environment, temperature=60))
    assert {(row["verdict"], row["suitable"], row["rank"]) for row in rows} == {("cannot_say", "", "")}
    assert all(row["verdict_reason"].startswith("Temperature, 60 °C, lies outside") for row in rows)


def test_conditions_as_csv(client, contrast, environment):
    query = {**address(environment, 1), **address(environment, 2, trees=90), "label.2": "a plan"}
    rows = read(client, "/compare/conditions.csv", species=WHEATEAR, **query)
    answer = contrast({}, {"trees": 90}).json
    assert [row["label"] for row in rows] == ["Conditions 1", "a plan"]
    for row, item in zip(rows, answer["items"], strict=True):
        check(row, item, answer["quality"])
        for contribution in item["contributions"]:
            assert float(row[f"effect.{contribution['predictor']}"]) == contribution["effect"]
    assert rows[0]["difference"] == ""
    assert float(rows[1]["difference"]) == answer["items"][1]["difference"]["suitability"]
    assert rows[1]["env.trees"] == "90.0"


def test_versions_as_csv(versioned, ids):
    query = {"first": ids["soilless"], "second": ids["latest"]}
    rows = read(versioned, "/compare/models.csv", **query)
    answer = versioned.get(f"{API}/models", query_string=query).json
    assert len(rows) == 2 * len(answer["answers"])
    for at, both in enumerate(answer["answers"]):
        for side, row in zip(("first", "second"), rows[2 * at : 2 * at + 2], strict=True):
            check(row, both[side], answer[side]["quality"])
            assert (row["label"], row["model"]) == (both["label"], answer[side]["id"])
            assert row["version"] == str(answer[side]["version"])
            assert row["notes"] == "Version 3 does not read soil."
    unanswered = read(versioned, "/compare/models.csv", first=ids["today"], second=ids["soilless"])[0]
    assert (unanswered["verdict"], unanswered["suitable"]) == ("", "")
    assert "cannot answer: Soil" in unanswered["notes"]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1+1"])
def test_no_spreadsheet_runs_a_text_of_a_visitor(client, environment, text):
    query = {**address(environment, 1), **address(environment, 2), "label.1": text}
    (row, _) = read(client, "/compare/conditions.csv", species=WHEATEAR, **query)
    assert row["label"] == f"'{text.strip()}"


def test_a_model_no_better_than_chance_is_last_and_says_so(artifacts, tmp_path, environment):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    with app.app_context():
        for slug in (WHEATEAR, "parus-major"):
            path = shutil.copytree(artifacts[slug], tmp_path / slug)
            set_auc(path, *((0.56, 0.48, 0.64) if slug == WHEATEAR else (0.84, 0.79, 0.89)))
            version, _ = changes.register(path)
            changes.activate(version.id)
    client = app.test_client()
    given = {"study": STUDY, **address(environment)}
    tit, wheatear = read(client, "/compare/species.csv", **given)
    assert (tit["species"], tit["rank"], tit["better_than_chance"]) == ("parus-major", "1", "1")
    assert tit["suitable"] in ("0", "1")
    assert (wheatear["verdict"], wheatear["suitable"], wheatear["better_than_chance"]) == ("cannot_say", "", "0")
    answer = client.post(f"{API}/species", json={"study": STUDY, "environment": environment}).json
    assert answer["items"][1]["quality"]["better_than_chance"] is False
    assert answer["expected"]["of"] == 1, "a model that cannot say is not counted"
    page = " ".join(client.get("/compare/species", query_string=given).get_data(as_text=True).split())
    assert "1 species by verdict, then by suitability, and 1 that cannot be ranked" in page
    assert 'Good</span> <span class="small quiet tabular">AUC 0.84, 0.79 to 0.89' in page
    assert "not shown to be better than chance: its cross-validated AUC is 0.56 (0.48 to 0.64)" in page
    sets = client.get("/compare/conditions", query_string={"species": WHEATEAR}).get_data(as_text=True)
    assert "So it cannot say, whatever the conditions." in sets
    assert 'class="mini"' not in sets, "no interval is promised"


def test_what_the_page_refuses_is_no_file(client, environment):
    far = address(environment, temperature=60)
    wrong = {"study": STUDY, **address(environment, trees="x")}
    assert client.get("/compare/species.csv", query_string=wrong).status_code == 422
    assert client.get("/compare/species.csv", query_string={"study": "none"}).status_code == 422
    assert client.get("/compare/species.csv", query_string={**far, "extrapolation": "refuse"}).status_code == 409
    assert client.get("/compare/conditions.csv", query_string={"species": "none"}).status_code == 422
    assert client.get("/compare/models.csv", query_string={"first": "none"}).status_code == 404
    for path in ("species", "conditions", "models"):
        problem(client.post(f"/compare/{path}.csv", headers={"Accept": "application/json"}), 405)


def test_nothing_to_download_yet(empty_app):
    client = empty_app.test_client()
    for path in ("species", "conditions", "models"):
        assert client.get(f"/compare/{path}.csv").status_code == 404


def test_a_download_costs_as_much_as_the_page(tmp_path, artifacts):
    app = create_app(make_settings(tmp_path, rate_limit="2/hour"))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    client = app.test_client()
    assert [client.get("/compare/species.csv").status_code for _ in range(3)] == [200, 200, 429]


def test_pages_link_their_file(client, versioned, environment):
    query = {"study": STUDY, **address(environment, trees="12,5")}
    page = client.get("/compare/species", query_string=query).get_data(as_text=True)
    assert 'href="/compare/species.csv?study=test-hills&amp;env.' in page
    assert "env.trees=12,5" in page
    assert 'href="/compare/conditions.csv"' in client.get("/compare/conditions").get_data(as_text=True)
    assert 'href="/compare/models.csv"' in versioned.get("/compare/models").get_data(as_text=True)
