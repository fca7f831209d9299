"""What has a line in the audit trail, and what the line says."""

from __future__ import annotations

import re
import threading

import pyotp
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from app.accounts import users
from app.catalogue.versions import Activation
from app.database.db import db
from app.errors import Conflict
from app.jobs import service
from app.jobs.steps import Step, register_kind
from app.jobs.worker import Worker
from app.trail.tables import AuditLine
from tests.contract.accounts.conftest import PASSWORD
from tests.contract.audit.conftest import ADMIN, EDITOR, VIEWER

SAFE = {"GET", "HEAD", "OPTIONS"}
NEW = "umbrella quartz seven lilac"


def test_a_sign_in_a_refused_one_and_the_end_have_lines(production, browser, lines, id_of):
    browser.sign_in(EDITOR, "wrong horse battery")
    browser.sign_in("nobody@example.org", "wrong horse battery")
    browser.sign_in(EDITOR)
    browser.post("/logout")
    told = [(line.action, line.result, line.object_id, line.person_id, line.status) for line in lines("account.sign-")]
    editor = id_of(EDITOR)
    assert told == [
        ("account.sign-in", "refused", editor, None, 422),
        ("account.sign-in", "refused", "", None, 422),
        ("account.sign-in", "done", editor, editor, None),
        ("account.sign-out", "done", editor, editor, None),
    ]
    first = lines("account.sign-in")[0]
    assert (first.source, first.client) == ("web", "127.0.0.1")
    assert re.fullmatch("[0-9a-f]{32}", first.request_id)


def test_a_line_has_the_request_id_and_the_client_of_limits(production, editor, lines):
    headers = {"X-Request-ID": "mine-1"}
    sent = {"json": {"title": "Lizards"}, "headers": headers, "environ_base": {"REMOTE_ADDR": "2001:db8::7"}}
    assert editor.post("/api/v1/studies", **sent).status_code == 201
    (line,) = lines("study.create")
    assert (line.source, line.request_id, line.client) == ("api", "mine-1", "2001:db8::/64")
    assert (line.object_kind, line.object_id, line.result) == ("study", "lizards", "done")


def test_the_second_factor_has_one_line_for_each_sign_in(production, browser, lines):
    browser.sign_in(EDITOR)
    setup = browser.post("/account/second-factor", data={"password": PASSWORD}).text
    secret = "".join(re.search(r"Key: <code>([^<]+)</code>", setup)[1].split())
    sealed = re.search(r'name="setup" value="([^"]+)"', setup)[1]
    totp = pyotp.TOTP(secret)
    confirmed = {"setup": sealed, "code": totp.now()}
    assert browser.post("/account/second-factor/confirm", data=confirmed).status_code == 200
    other = production.test_client()
    before = len(lines("account.sign-in"))
    assert other.sign_in(EDITOR).location.startswith("/login/code")
    assert len(lines("account.sign-in")) == before, "the password alone signs nobody in"
    other.post("/login/code", data={"code": "000000"})
    # the next code is accepted already, and still is when its time has begun meanwhile
    other.post("/login/code", data={"code": totp.at(__import__("time").time() + 30)})
    assert [line.result for line in lines("account.sign-in")[before:]] == ["refused", "done"]
    assert [line.action for line in lines("account.second")] == ["account.second-factor-on"]


def test_changes_of_ones_own_account_have_lines(production, editor, lines, id_of):
    own = id_of(EDITOR)
    wrong = {"present": "wrong horse battery", "new": NEW, "again": NEW}
    assert editor.post("/account/password", data=wrong).status_code == 422
    assert editor.post("/account/password", data={**wrong, "present": PASSWORD}).status_code == 303
    told = [(line.action, line.result, line.object_id, line.person_id) for line in lines("account.password")]
    assert told == [("account.password", "refused", own, own), ("account.password", "done", own, own)]
    editor.post("/account/sessions/end")
    assert [line.object_id for line in lines("account.end-sessions")] == [own]


def test_a_study_and_its_files_have_lines(production, editor, lines, id_of):
    slug = editor.post("/api/v1/studies", json={"title": "Lizards"}).json["slug"]
    editor.put(f"/api/v1/studies/{slug}/files/r.csv", data=b"species,latitude,longitude\nA b,1,2\n")
    editor.patch(f"/api/v1/studies/{slug}", json={"title": "Small lizards"})
    editor.delete(f"/api/v1/studies/{slug}/files/r.csv")
    editor.delete(f"/api/v1/studies/{slug}")
    told = [(line.action, line.object_kind, line.object_id) for line in lines() if line.source == "api"]
    assert told == [
        ("study.create", "study", "lizards"),
        ("file.put", "file", "lizards/r.csv"),
        ("study.change", "study", "lizards"),
        ("file.delete", "file", "lizards/r.csv"),
        ("study.delete", "study", "lizards"),
    ]
    assert {line.person_id for line in lines() if line.source == "api"} == {id_of(EDITOR)}


def test_files_of_a_form_are_named(production, editor, lines):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    parts = {"files": [(__import__("io").BytesIO(b"a,b\n1,2\n"), name) for name in ("one.csv", "two.csv")]}
    assert editor.post("/api/v1/studies/lizards/files", data=parts).status_code == 200
    assert {line.object_id for line in lines("file.put")} == {"lizards/one.csv", "lizards/two.csv"}


@pytest.mark.parametrize("body", [{"title": ""}, {"title": "Lizards", "more": 1}])
def test_a_refused_change_says_so_and_a_failed_one_says_nothing_of_success(editor, lines, body):
    editor.post("/api/v1/studies", json=body)
    assert [(line.result, line.status) for line in lines("study.create")] == [("refused", 422)]


def test_a_person_without_the_role_leaves_a_line(production, browser, lines, id_of):
    browser.sign_in(VIEWER)
    assert browser.post("/api/v1/studies", json={"title": "x"}).status_code == 403
    (line,) = lines("study.create")
    assert (line.person_id, line.result, line.status) == (id_of(VIEWER), "refused", 403)
    assert production.test_client().post("/api/v1/studies", json={"title": "x"}).status_code == 401
    assert len(lines("study.create")) == 1, "whoever is not signed in writes nothing"


def test_commands_have_lines(production, lines, id_of):
    run = production.test_cli_runner().invoke
    for args in (["role", VIEWER, "editor"], ["disable", VIEWER], ["enable", VIEWER], ["reset", VIEWER]):
        assert run(args=["users", *args]).exit_code == 0
    assert run(args=["users", "create", "new@example.org", "--role", "viewer"]).exit_code == 0
    told = [(line.action, line.object_id, line.detail, line.source) for line in lines() if line.source == "command"]
    viewer, new = id_of(VIEWER), id_of("new@example.org")
    assert told == [
        ("account.role", viewer, "role editor, before viewer", "command"),
        ("account.disable", viewer, "disabled", "command"),
        ("account.enable", viewer, "enabled", "command"),
        ("account.reset", viewer, "", "command"),
        ("account.create", new, "role viewer", "command"),
    ]


def test_a_command_that_fails_has_no_line(production, lines):
    result = production.test_cli_runner().invoke(args=["users", "disable", ADMIN])
    assert (result.exit_code, "the last admin" in result.output) == (2, True)
    assert [line for line in lines() if line.source == "command"] == []


def test_a_link_is_told_with_the_client_that_asked(production, browser, lines, id_of):
    from app.accounts.delivery import Postbox
    from app.components import components

    browser.post("/login/forgotten", data={"email": VIEWER})
    browser.post("/login/forgotten", data={"email": "nobody@example.org"})
    assert components(production).get(Postbox).wait(10)
    (line,) = lines("account.ask-for-link")
    assert (line.object_id, line.client, line.source) == (id_of(VIEWER), "127.0.0.1", "web")


def test_no_secret_is_in_the_trail(production, editor, admin, lines):
    secret = "umbrella-quartz-seven-lilac"
    editor.post("/account/password", data={"present": secret, "new": secret, "again": secret})
    editor.post("/account/second-factor/confirm", data={"setup": secret, "code": secret})
    editor.post("/login/code", data={"code": secret})
    editor.post("/account/password/" + secret, data={"password": secret, "again": secret})
    editor.post("/login", data={"email": secret + "@example.org", "password": secret})
    editor.post("/api/v1/studies", json={"title": "ok", "secret": secret})
    fields = [str(value) for line in lines() for value in vars(line).values()]
    assert len(lines()) > 6
    assert not [value for value in fields if secret in value or "@" in value]


def test_two_admins_who_demote_each_other_leave_one_line(production, lines, id_of):
    with production.app_context():
        users.create("second@example.org", "admin", PASSWORD)
    outcomes, together = [], threading.Barrier(2)

    def demote(email):
        with production.app_context():
            together.wait()
            try:
                users.set_role(email, "viewer")
            except Exception as error:
                outcomes.append(type(error).__name__)
            else:
                outcomes.append(email)

    threads = [threading.Thread(target=demote, args=(email,)) for email in (ADMIN, "second@example.org")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "Conflict" in outcomes
    demoted = [line for line in lines() if line.detail.startswith("role viewer, before admin")]
    winner = next(outcome for outcome in outcomes if outcome != "Conflict")
    assert [line.object_id for line in demoted] == [id_of(winner)]


def test_predictions_write_nothing_to_the_trail(client, app, ask):
    def number():
        with app.app_context():
            return db.session.scalar(select(func.count()).select_from(AuditLine))

    before = number()
    assert ask().status_code == 200
    assert number() == before


ATTEMPTS = (
    "UPDATE audit_lines SET action = 'nothing'",
    "DELETE FROM audit_lines",
    "INSERT OR REPLACE INTO audit_lines SELECT id, at, person_id, source, client, request_id, 'nothing', object_kind, "
    "object_id, result, status, detail FROM audit_lines",
    "INSERT INTO audit_deletions (at, before) VALUES (datetime('now'), datetime('now', '-29 days'))",
)


@pytest.mark.parametrize("statement", ATTEMPTS)
def test_lines_cannot_be_changed_in_sqlite(production, lines, statement):
    before = [(line.id, line.action) for line in lines()]
    assert before
    with production.app_context(), pytest.raises(DatabaseError):
        db.session.execute(text(statement))
        db.session.commit()
    assert [(line.id, line.action) for line in lines()] == before


def test_jobs_have_lines_of_their_start_their_changes_and_their_cancellation(production, lines):
    def work(_context):
        users.create("made@example.org", "viewer")

    register_kind("test-making", "Test", [Step("one", "First", work)], lambda job: None)
    with production.app_context():
        made, cancelled = service.enqueue("test-making", "", {}).id, service.enqueue("test-making", "", {}).id
        service.cancel(cancelled)
        with pytest.raises(Conflict):
            service.cancel(cancelled)
        # the same request again
        first = service.enqueue("test-making", "", {}, "key").id
        assert service.enqueue("test-making", "", {}, "key").id == first
        service.cancel(first)
    assert [line.object_id for line in lines("program")][3:] == [made, cancelled, cancelled, first, first]
    worker = Worker(production, 1)
    worker.run(once=True)
    line, end = lines("job.")
    assert (line.action, line.source, line.request_id) == ("job.test-making", "job", made)
    assert (end.action, end.source, end.object_kind, end.object_id) == ("job.end", "job", "job", made)
    assert end.detail == "test-making: succeeded"
    with production.app_context():
        assert line.object_id == users.get("made@example.org").id


def test_two_activations_at_once_have_a_line_each(two, environment):
    app, other, ids = two
    for one in (app, other):
        one.config["SETTINGS"] = one.config["SETTINGS"].model_copy(update={"environment": "development"})
    together = threading.Barrier(2)

    def activate(one, model_id):
        client = one.test_client()
        together.wait()
        client.post(f"/api/v1/models/{model_id}/activate")

    threads = [threading.Thread(target=activate, args=pair) for pair in ((app, ids[0]), (other, ids[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        activated = db.session.scalar(select(func.count()).select_from(Activation))
        told = db.session.scalars(select(AuditLine).where(AuditLine.source == "api")).all()
        before = len(ids)
        assert len({(line.action, line.object_id) for line in told}) == len(told) == activated - before
        assert {line.action for line in told} == {"model.activate"}


def test_strangers_write_lines_only_by_attempts_which_are_limited(production, browser, lines):
    before = len(lines())
    for _ in range(5):
        assert browser.post("/api/v1/auth/token", json={}).status_code == 422
        assert browser.post("/account/password/x", data={"password": "x"}).status_code in (404, 422)
    assert len(lines()) == before
    refused = {"email": "nobody@example.org", "password": "wrong wrong wrong"}
    statuses = [browser.post("/api/v1/auth/token", json=refused).status_code for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    assert len(lines("token.create")) == 20
