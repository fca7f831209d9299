"""Batches of more than a thousand rows: jobs, also of workers that are killed."""

from __future__ import annotations

import signal

import pytest

from tests.contract.batch.conftest import API, leftovers, make_app, rows_of, table, work
from tests.contract.conftest import WHEATEAR
from tests.contract.gbif.test_killed_worker import forgive

MIME = {"content_type": "text/csv"}


def start(web, content: bytes, species: str = WHEATEAR, **headers: str):
    return web.post(API, data=content, query_string={"species": species}, headers=headers, **MIME)


def answers(web, job: str) -> list[dict[str, str]]:
    result = web.get(job).json["result"]
    assert web.get(result).status_code == 200
    return rows_of(web.get(f"{result}/answers.csv").data)


RAGGED_AT_ITS_END = table(5000) + b"s,1,2\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, artifacts):
    """An application with several jobs that one worker has done, and their addresses."""
    app = make_app(tmp_path_factory.mktemp("finished"), artifacts)
    web = app.test_client()
    rows = [
        {"site": f"=s{n}", "bare_rock": n % 40, "trees": n % 50, "temperature": "15.5", "soil": "clay"}
        for n in range(1100)
    ]
    responses = {
        "1001": start(web, table(1001, bad={5: "NA"})),
        "json": web.post(API, json={"species": [WHEATEAR, "parus-major"], "rows": rows}),
        "damaged": start(web, RAGGED_AT_ITS_END),
        "cancelled": start(web, table(1002)),
    }
    assert {response.status_code for response in responses.values()} == {202}
    jobs = {name: response.headers["Location"] for name, response in responses.items()}
    assert web.post(f"{jobs['cancelled']}/cancel").status_code == 200
    assert work(app) == 0
    return app, web, jobs


def test_1001_rows_are_a_job_with_the_answers_of_the_single_rows(finished):
    _, web, jobs = finished
    state = web.get(jobs["1001"]).json
    assert (state["state"], state["kind"], state["error"]) == ("succeeded", "batch", None)
    rows = answers(web, jobs["1001"])
    assert [row["site"] for row in rows] == [f"s{number}" for number in range(1, 1002)]
    assert [row["site"] for row in rows if row["error"]] == ["s5"]
    response = start(web, table(1000, bad={5: "NA"}))
    assert response.status_code == 200
    for row, item in zip(rows, response.json["items"], strict=False):
        assert row["suitability"] == ("" if item["suitability"] is None else repr(item["suitability"]))
        assert row["verdict"] == (item["verdict"] or "")
    page = web.get(state["result"]).get_data(as_text=True)
    assert "1 row has" in page and "NA" in page
    (used,) = response.json["models"]
    assert f'href="/models/{used["model"]}"' in page and f"threshold {used['threshold']:.2f} ({used['rule']})" in page


def test_rows_of_json_are_a_job_too_and_several_species_have_a_column(finished):
    _, web, jobs = finished
    content = answers(web, jobs["json"])
    assert [row["species"] for row in content[:4]] == [WHEATEAR, "parus-major"] * 2
    assert len(content) == 2200 and all(row["verdict"] for row in content)
    # a spreadsheet would run it
    assert content[0]["site"] == "'=s0"
    assert list(content[0])[5:7] == ["species", "verdict"]


def test_a_row_that_is_damaged_behind_the_beginning_costs_no_other(finished):
    _, web, jobs = finished
    rows = answers(web, jobs["damaged"])
    assert len(rows) == 5001 and [number for number, row in enumerate(rows, 1) if row["error"]] == [5001]
    assert rows[-1]["error"].startswith("3 fields, but the header has 5 columns")
    page = web.get(web.get(jobs["damaged"]).json["result"]).get_data(as_text=True)
    assert "<td>5,001 (line&nbsp;5,002)</td><td>–</td><td>3 fields" in page


def test_only_the_answers_of_jobs_that_succeeded_stay(finished):
    app, web, jobs = finished
    assert web.get(jobs["cancelled"]).json["state"] == "cancelled"
    assert sorted(name.rsplit("/", 1)[1] for name in leftovers(app)) == sorted(
        3 * ["answers.csv", "plan.json", "summary.json"]
    )


def test_killed_in_the_middle_no_row_is_lost_and_none_is_there_twice(site, web):
    content = table(20_000, bad={9_001: "NA", 19_999: "x"})
    job = start(web, content).headers["Location"]
    for point in ("rows 1", "rows 4097"):
        assert work(site, point) == -signal.SIGKILL, point
        assert web.get(job).json["state"] == "running"
        forgive(site)
    parts = [name for name in leftovers(site) if name.endswith(".part")]
    assert parts, "the part that was written stays"
    assert work(site, "written") == -signal.SIGKILL
    forgive(site)
    assert work(site) == 0
    rows = answers(web, job)
    assert [row["site"] for row in rows] == [f"s{number}" for number in range(1, 20_001)]
    assert [row["site"] for row in rows if row["error"]] == ["s9001", "s19999"]
    assert not [name for name in leftovers(site) if ".part" in name or ".state" in name]
    for row, item in zip(rows, start(web, table(900)).json["items"], strict=False):
        assert row["suitability"] == repr(item["suitability"])


def test_a_key_starts_one_job(site, web):
    first = start(web, table(1500), **{"Idempotency-Key": "k"})
    assert start(web, table(1500), **{"Idempotency-Key": "k"}).json["id"] == first.json["id"]
    assert start(web, table(1501), **{"Idempotency-Key": "k"}).status_code == 409
    assert start(web, table(1500), "parus-major", **{"Idempotency-Key": "k"}).status_code == 409
    assert start(web, table(1500)).json["id"] != first.json["id"]
    assert sum(name.endswith("input.csv") for name in leftovers(site)) == 2


@pytest.mark.thorough
def test_a_job_that_is_cancelled_after_its_worker_was_killed_leaves_nothing(site, web):
    job = start(web, table(9000)).headers["Location"]
    assert work(site, "rows 1") == -signal.SIGKILL
    assert web.post(f"{job}/cancel").status_code == 202
    assert work(site) == 0
    assert web.get(job).json["state"] == "cancelled"
    assert leftovers(site) == []


def test_answers_that_are_not_there(web):
    for address in ("nothing", "00000000-0000-0000-0000-000000000000", "..%2f..%2fsecret_key"):
        assert web.get(f"/batch/{address}").status_code == 404
        assert web.get(f"/batch/{address}/answers.csv").status_code == 404
