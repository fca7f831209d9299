"""Admins change plans, by the page and by the command."""

from __future__ import annotations

import re
import threading

import pytest

from app.errors import Conflict
from app.plans import service as plans
from tests.contract.accounts.test_plans import ADMIN, EDITOR, ask, key_of


def form(**changes):
    return {
        "revision": "0",
        "rate": "20/second",
        "requests_a_month": "7",
        "upload_bytes": "",
        "jobs_at_once": "3",
        **changes,
    }


def test_an_admin_changes_a_plan(production, browser):
    browser.sign_in(ADMIN)
    page = browser.get("/plans")
    assert 'value="100000"' in page.text
    assert "by the setting RATE_LIMIT" in page.text
    moved = browser.post("/plans/free", data=form())
    assert moved.location == "/plans?changed=free#free"
    told = browser.get(moved.location).text
    now = "20/second, 7 requests a month, uploads up to MAX_UPLOAD, 3 jobs at once. 3 accounts have it."
    assert told.count('<p class="notice" role="status">Plan free, since 20') == told.count(now) == 1
    assert 'role="status">Plan' not in browser.get("/plans?changed=nothing").text
    changed = browser.get("/plans").text
    assert 'value="7"' in changed
    assert changed.count("UTC</p>") == 1
    assert ask(production, {"X-API-Key": key_of(production)}).headers["X-Quota-Limit"] == "7"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": "often"}, "Must be a rate such as 20/second"),
        ({"rate": "0/second"}, "Must be a rate such as 20/second"),
        ({"rate": "1/second;" * 30}, "Must be a rate such as 20/second"),
        ({"requests_a_month": "0"}, "Must be a whole number from 1 to"),
        ({"requests_a_month": "-1"}, "Must be a whole number, or empty"),
        ({"upload_bytes": "10"}, "Must be a whole number from 1,024 to"),
        ({"jobs_at_once": "1001"}, "Must be a whole number from 0 to 1,000"),
        ({"jobs_at_once": "9" * 40}, "Must be a whole number, or empty"),
        ({"revision": "x"}, ""),
    ],
)
def test_a_plan_that_is_refused_comes_back_as_it_was_typed(production, browser, changes, message):
    browser.sign_in(ADMIN)
    response = browser.post("/plans/free", data=form(**changes))
    assert response.status_code == 422
    assert message in response.text
    assert 'value="7"' in response.text or "requests_a_month" in changes
    with production.app_context():
        assert plans.find("free").requests_a_month == 100_000


def test_all_messages_come_at_once_each_beside_its_field(production, browser):
    browser.sign_in(ADMIN)
    wrong = form(rate="banana", requests_a_month="0", upload_bytes="2 fish", jobs_at_once="-1")
    page = browser.post("/plans/free", data=wrong)
    assert page.status_code == 422
    told = dict(re.findall(r'id="free-([a-z_]+)-error"[^>]*>(.*?)</p>', page.text, re.DOTALL))
    assert {name: re.sub("<[^>]+>", "", text).strip().removeprefix("Error: ") for name, text in told.items()} == {
        "rate": "Must be a rate such as 20/second or 600/minute, or empty.",
        "requests_a_month": "Must be a whole number from 1 to 1,000,000,000,000,000, or empty.",
        "upload_bytes": "Must be a number of bytes, or a size such as 500 MB or 2 GB, or empty.",
        "jobs_at_once": "Must be a whole number, or empty.",
    }
    assert 'value="banana"' in page.text
    command = ["plans", "set", "free", "--rate", "banana", "--jobs-at-once", "1001"]
    output = production.test_cli_runner().invoke(args=command).output
    assert "rate: must be a rate" in output
    assert "jobs_at_once: must be a whole number" in output


@pytest.mark.parametrize(
    ("typed", "size", "words"),
    [("2 GB", 2 * 10**9, "2.0 GB"), ("500mb", 500 * 10**6, "500 MB"), ("1.5 GiB", 1610612736, "1.6 GB")],
)
def test_the_largest_upload_may_have_a_unit(production, browser, typed, size, words):
    browser.sign_in(ADMIN)
    moved = browser.post("/plans/free", data=form(upload_bytes=typed))
    assert moved.status_code == 303
    with production.app_context():
        assert plans.find("free").upload_bytes == size
    page = browser.get(moved.location).text
    assert f'value="{size}"' in page
    assert f"Now {words}." in page
    assert f"uploads of up to {words} ({size:,} bytes)" in page


def test_of_two_admins_who_change_a_plan_at_once_one_is_told(production, browser):
    browser.sign_in(ADMIN)
    assert browser.post("/plans/free", data=form()).status_code == 303
    late = browser.post("/plans/free", data=form(requests_a_month="9"))
    assert late.status_code == 409
    assert "Somebody else has changed the plan" in late.text
    assert 'value="7"' in late.text
    assert 'value="9"' not in late.text
    together, outcomes = threading.Barrier(2), []

    def change(number):
        with production.app_context():
            together.wait()
            try:
                plans.change("free", 1, None, {"requests_a_month": number})
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")

    threads = [threading.Thread(target=change, args=(number,)) for number in (11, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]


def test_there_are_no_other_plans(browser):
    browser.sign_in(ADMIN)
    assert browser.post("/plans/gold", data=form()).status_code == 404
    refused = browser.post("/plans/anonymous", data=form())
    assert refused.status_code == 409
    assert "The plan anonymous is the setting RATE_LIMIT" in refused.text


def test_commands_list_and_change_plans(production):
    run = production.test_cli_runner().invoke
    assert "anonymous  100000/second (RATE_LIMIT)" in run(args=["plans", "list"]).output
    assert run(args=["plans", "set", "free", "--rate", "30/second", "--jobs-at-once", "none"]).exit_code == 0
    row = next(line for line in run(args=["plans", "list"]).output.splitlines() if line.startswith("free"))
    assert row.split() == ["free", "30/second", "100000", "2147483648", "none"]
    assert run(args=["users", "plan", EDITOR, "partner"]).output == f"{EDITOR} has the plan partner now\n"
    assert "partner" in run(args=["users", "list"]).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plans", "set", "free"], "nothing to change"),
        (["plans", "set", "gold", "--rate", "1/second"], "there is no plan gold"),
        (["plans", "set", "anonymous", "--rate", "1/second"], "is the setting RATE_LIMIT"),
        (["plans", "set", "free", "--rate", "x"], "rate: must be a rate"),
        (["plans", "set", "free", "--upload-bytes", "1.5"], "--upload-bytes: expected a whole number"),
        (["plans", "set", "free", "--jobs-at-once", "1001"], "jobs_at_once: must be a whole number"),
        (["users", "plan", EDITOR, "anonymous"], "'anonymous' is not one of"),
        (["users", "plan", "nobody@example.org", "free"], "nobody has the address"),
    ],
)
def test_bad_input_of_commands_is_one_line_and_exit_code_2(production, arguments, message):
    done = production.test_cli_runner().invoke(args=arguments)
    assert done.exit_code == 2
    lines = done.output.strip().splitlines()
    assert (len(lines), message in lines[0]) == (1, True), done.output
