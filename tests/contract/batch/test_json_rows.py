"""Rows of JSON: the same answers, errors and numbers at once and as a job, whatever the rows beside them are."""

from __future__ import annotations

import json

import pytest

from tests.contract.batch.conftest import API, make_app, rows_of, work
from tests.contract.conftest import WHEATEAR

GOOD = {"bare_rock": 5, "trees": 7.25, "temperature": "15.528", "soil": "clay"}
ODD_NAMES = {
    "a;b;c;d": "1;2",
    "a\tb\tc\td\te": "x\ty",
    "": "no name",
    " bio1": "blank",
    "x\ny": 'a "quote"\r\nand\rmore',
}
#: Rows that a table would lose, guess or change.
ODD = [
    GOOD | ODD_NAMES,
    {},
    dict.fromkeys(GOOD),
    GOOD | {"trees": "15,528"},
    GOOD | {"trees": "15,5"},
    GOOD | {"trees": " 15.5 "},
    GOOD | {"note": "a\u0000b", "list": [1, "ü" * 300]},
    GOOD | {"note": "  kept  ", "": "\ufeff"},
    GOOD | {"trees": "1\n2"},
    {"note": "sep=;"},
    GOOD | {"scenario": "SSP585"},
    GOOD | {"trees": True, "soil": " clay "},
    GOOD | {"trees": None, "soil": "lava"},
]


@pytest.fixture(scope="module")
def both(tmp_path_factory, artifacts):
    """The items of the odd rows at once, and the rows of a job that begins and ends with them."""
    app = make_app(tmp_path_factory.mktemp("json"), artifacts)
    web = app.test_client()
    at_once = web.post(API, json={"species": WHEATEAR, "rows": [*ODD, GOOD]})
    assert at_once.status_code == 200, at_once.json
    job = web.post(API, json={"species": WHEATEAR, "rows": [*ODD, *([GOOD] * 1000), *ODD]})
    assert job.status_code == 202, job.json
    assert work(app) == 0
    state = web.get(job.headers["Location"]).json
    assert state["state"] == "succeeded", state["error"]
    summary = web.get(state["result"]).get_data(as_text=True)
    return at_once.json, rows_of(web.get(f"{state['result']}/answers.csv").data), summary


def test_no_row_is_lost_and_each_has_the_answer_that_it_has_at_once(both):
    at_once, rows, summary = both
    assert len(rows) == 2 * len(ODD) + 1000 and "Answers to 1,026 rows" in summary
    for begin in (0, len(ODD) + 1000):
        for item, row in zip(at_once["items"], rows[begin : begin + len(ODD)], strict=False):
            assert (row["error"], row["verdict"]) == (item["error"] or "", item["verdict"] or "")
            assert row["suitability"] == ("" if item["suitability"] is None else repr(item["suitability"]))
    assert {row["suitability"] for row in rows[len(ODD) : len(ODD) + 1000]} == {rows[0]["suitability"]}


def test_problems_have_the_same_numbers(both):
    at_once, _, summary = both
    problems = [(one["row"], one["predictor"]) for one in at_once["problems"]]
    assert {row for row, _ in problems} == {2, 3, 4, 5, 9, 10, 11, 12, 13}
    for row, predictor in problems:
        assert f"<td>{row}</td><td>{predictor or '–'}</td>" in summary
        assert f"<td>{row + len(ODD) + 1000:,}</td>" in summary


def test_what_passes_through_is_not_changed(both):
    _, rows, _ = both
    assert {name: rows[0][name] for name in ODD_NAMES} == ODD_NAMES
    assert (rows[6]["note"], json.loads(rows[6]["list"])) == ("a\u0000b", [1, "ü" * 300])
    assert (rows[7]["note"], rows[7][""]) == ("  kept  ", "\ufeff")


def test_a_row_is_read_as_a_single_prediction_reads_it_whatever_is_beside_it(client, ask):
    """A comma is never a decimal mark in JSON, though all numbers have one."""
    for text, status in (("15,528", 422), ("15,5", 422), ("15.528", 200), (" 15.5 ", 200), ("1\n2", 422)):
        row = GOOD | {"trees": text}
        single = ask(**row)
        assert single.status_code == status
        for neighbours in ([], [GOOD | {"trees": "7,5"}] * 3):
            answer = client.post(API, json={"species": WHEATEAR, "rows": [row, *neighbours]})
            item = answer.json["items"][0]
            assert (item["error"] is None) == (status == 200)
            if status == 200:
                assert item["suitability"] == single.json["suitability"]


def test_members_of_all_rows_are_bounded_together(client):
    rows = [{**GOOD, f"m{number}": 1} for number in range(2_001)]
    answer = client.post(API, json={"species": WHEATEAR, "rows": rows})
    assert answer.status_code == 422 and "different members" in answer.json["errors"][0]["detail"]
    rows = [GOOD | {f"m{number}": 1 for number in range(300)}, *([GOOD] * 9_000)]
    answer = client.post(API, json={"species": WHEATEAR, "rows": rows})
    assert answer.status_code == 422 and "2,000,000 cells" in answer.json["errors"][0]["detail"]
