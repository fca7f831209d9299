"""The audit trail on its page, by the API, as a file and by commands."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, text

from app.accounts import users
from app.accounts.tables import User
from app.database.db import db
from app.database.types import now
from app.trail.tables import AuditDeletion, AuditLine
from tests.contract.audit.conftest import EDITOR

DAY = timedelta(days=1)


def add_lines(app, *rows):
    base = {"source": "web", "client": "192.0.2.1", "request_id": "r", "object_kind": "study", "result": "done"}
    with app.app_context():
        for row in rows:
            db.session.execute(insert(AuditLine).values({**base, "object_id": "", "detail": "", **row}))
        db.session.commit()


def read(browser, **query):
    response = browser.get("/api/v1/audit", query_string={"limit": 100, **query})
    assert response.status_code == 200, response.json
    return response.json["items"]


def test_an_admin_filters_lines(production, admin, editor, id_of):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    editor.post("/api/v1/studies", json={"title": "Birds"})
    assert [item["object_id"] for item in read(admin, action="study.create")] == ["birds", "lizards"]
    assert {item["action"] for item in read(admin, action="study.")} == {"study.create"}
    assert {item["person"]["email"] for item in read(admin, person=EDITOR)} == {EDITOR}
    assert read(admin, person=id_of(EDITOR)) == read(admin, person=EDITOR.upper())
    (one,) = read(admin, object="birds")
    assert (one["person"], one["source"]) == ({"id": id_of(EDITOR), "email": EDITOR}, "api")
    assert {item["object_email"] for item in read(admin, object=EDITOR)} == {EDITOR}
    # signs of LIKE are letters
    assert read(admin, action="%.") == []


@pytest.mark.parametrize("typed", ["study", "study.", "Study.cr", " study.create "])
def test_the_beginning_of_actions_is_typed_as_people_type_it(production, admin, editor, typed):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    add_lines(production, {"at": now(), "action": "study"}, {"at": now(), "action": "studied"})
    assert "study.create" in {item["action"] for item in read(admin, action=typed)}
    assert "studied" not in {item["action"] for item in read(admin, action=typed)}
    assert "study.create" in admin.get("/audit", query_string={"action": typed}).text
    listed = production.test_cli_runner().invoke(args=["audit", "list", "--action", typed.strip()])
    assert "study.create" in listed.output


def test_a_whole_name_is_that_action_only(production, admin):
    add_lines(production, *({"at": now(), "action": name} for name in ("study.share", "study.share-no-more")))
    assert [item["action"] for item in read(admin, action="study.share")] == ["study.share"]
    assert len(read(admin, action="study.shar")) == 2


def test_days_and_moments_bound_the_list(production, admin):
    moments = [now() - days * DAY for days in (3, 2, 1)]
    add_lines(production, *({"at": moment, "action": f"at.{n}"} for n, moment in enumerate(moments)))
    second = moments[1].date().isoformat()
    assert [item["action"] for item in read(admin, action="at.", since=second)] == ["at.2", "at.1"]
    assert [item["action"] for item in read(admin, action="at.", until=second)] == ["at.1", "at.0"]
    exact = moments[2].isoformat()
    assert [item["action"] for item in read(admin, action="at.", until=exact)] == ["at.1", "at.0"]
    assert [item["action"] for item in read(admin, action="at.", since=exact)] == ["at.2"]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"since": "yesterday"}, "/since"),
        ({"until": "2026-02-30"}, "/until"),
        ({"until": "9999-12-31"}, "/until"),
        ({"since": "1"}, "/since"),
        ({"person": "nobody@example.org"}, "/person"),
        ({"cursor": "WyJ4Il0"}, "/cursor"),
        ({"cursor": "WyItMSJd"}, "/cursor"),
        ({"limit": "0"}, "/limit"),
        ({"action": "a\x00"}, "/action"),
        ({"more": "1"}, "/more"),
    ],
)
def test_bad_filters_are_named(admin, query, pointer):
    response = admin.get("/api/v1/audit", query_string=query)
    assert (response.status_code, response.mimetype) == (422, "application/problem+json")
    assert [error["pointer"] for error in response.json["errors"]] == [pointer]
    if pointer not in ("/more", "/cursor", "/limit"):
        page = admin.get("/audit", query_string=query)
        assert (page.status_code, "field-wrong" in page.text) == (422, True)


def test_pages_meet_without_a_gap_while_lines_are_added(production, admin):
    add_lines(production, *({"at": now(), "action": "many", "object_id": str(n)} for n in range(7)))
    seen, cursor = [], None
    while cursor is not None or not seen:
        query = {"action": "many", "limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = admin.get("/api/v1/audit", query_string=query).json
        seen += [item["object_id"] for item in answer["items"]]
        cursor = answer["next"]
        add_lines(production, {"at": now(), "action": "many", "object_id": "later"})
    assert seen == [str(n) for n in reversed(range(7))]


def test_the_page_shows_lines_keeps_filters_and_leads_on(production, admin):
    add_lines(production, *({"at": now(), "action": "many", "object_id": f"<b>{n}"} for n in range(60)))
    page = admin.get("/audit?action=many")
    assert "&lt;b&gt;59" in page.text and "<b>59" not in page.text
    assert 'value="many"' in page.text
    assert "/audit?action=many&amp;cursor=" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "No line matches" in admin.get("/audit?action=none").text
    assert "nobody has this address" in admin.get("/audit?person=x@example.org").text.lower()


def test_the_file_is_safe_in_a_spreadsheet(production, admin):
    add_lines(production, {"at": now(), "action": "bad", "object_id": "=1+1", "detail": "@SUM(A1)"})
    sent = admin.get("/audit.csv?action=bad")
    assert sent.mimetype == "text/csv"
    assert "attachment" in sent.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(sent.text))
    assert (row["object_id"], row["detail"], row["action"]) == ("'=1+1", "'@SUM(A1)", "bad")
    exported = production.test_cli_runner().invoke(args=["audit", "export", "--action", "bad"])
    assert list(csv.reader(io.StringIO(exported.output))) == list(csv.reader(io.StringIO(sent.text)))


def test_a_deleted_account_has_an_id_and_no_address(production, admin, lines):
    with production.app_context():
        user = users.create("gone@example.org", "viewer")
        user_id = user.id
        db.session.delete(db.session.get(User, user_id))
        db.session.commit()
    add_lines(production, {"at": now(), "action": "old", "person_id": user_id})
    (line,) = read(admin, action="old")
    assert line["person"] == {"id": user_id, "email": None}
    assert f"deleted account {user_id}" in admin.get("/audit?action=old").text


def test_commands_list_lines_and_name_wrong_options(production):
    run = production.test_cli_runner().invoke
    add_lines(production, {"at": now(), "action": "seen", "object_id": "lizards", "detail": "told"})
    listed = run(args=["audit", "list", "--action", "seen"])
    assert (listed.exit_code, "study lizards" in listed.output, "told" in listed.output) == (0, True, True)
    wrong = run(args=["audit", "list", "--since", "yesterday"])
    assert wrong.exit_code == 2
    assert wrong.output.startswith("Error: --since: must be a day")
    assert run(args=["audit", "export", "--person", "x@example.org"]).exit_code == 2
    assert "no lines" in run(args=["audit", "list", "--action", "nothing"]).output


def test_old_lines_are_deleted_by_the_command_alone(production, lines):
    old, recent = now() - 800 * DAY, now() - 700 * DAY
    add_lines(production, {"at": old, "action": "old"}, {"at": recent, "action": "recent"})
    run = production.test_cli_runner().invoke
    dry = run(args=["audit", "prune", "--dry-run"])
    assert "1 lines are older than 730 days" in dry.output
    assert len(lines("old")) == 1
    assert "1 lines older than 730 days" in run(args=["audit", "prune"]).output
    assert (len(lines("old")), len(lines("recent"))) == (0, 1)
    (told,) = lines("audit.prune")
    assert told.detail.startswith("lines before")
    with production.app_context():
        assert len(db.session.scalars(select(AuditDeletion)).all()) == 1
        for statement in ("DELETE FROM audit_deletions", "UPDATE audit_deletions SET before = at"):
            with pytest.raises(Exception, match="cannot be"):
                db.session.execute(text(statement))
            db.session.rollback()
    assert "0 lines" in run(args=["audit", "prune"]).output
    assert len(lines("audit.prune")) == 1


def test_the_account_of_an_admin_leads_to_the_trail(admin, editor):
    assert 'href="/audit"' in admin.get("/account").text
    assert 'href="/audit"' not in editor.get("/account").text
    assert editor.get("/audit").status_code == 403


def test_an_admin_who_reads_leaves_no_line(admin, lines):
    before = len(lines())
    admin.get("/audit")
    admin.get("/audit.csv")
    assert len(lines()) == before
