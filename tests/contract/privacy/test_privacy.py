"""What is kept, the data of a person as a file, and the deletion of an account."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from sqlalchemy import func, select, text

from app.accounts import links, second_factor, service, users
from app.accounts.tables import OneTimeLink, RecoveryCode, User
from app.database.db import db
from app.trail.tables import AuditLine
from tests.contract.accounts.conftest import PASSWORD, make_production
from tests.contract.accounts.test_races import meanwhile
from tests.contract.conftest import make_settings
from tests.contract.privacy.conftest import ADMIN, EDITOR, FORM, VIEWER, audit, exists, signed_in


def test_the_page_says_what_is_kept_by_the_settings_in_force(tmp_path):
    chosen = {"audit_retention_days": 91, "request_log_retention_days": 33, "predictions_retention_days": 12}
    app = make_production(tmp_path, **chosen)
    page = app.test_client().get("/privacy")
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    for sentence in ("at least 91 days", "33 days", "12 days", "Links to set a password", "a signed cookie"):
        assert sentence in page.text
    assert "mail server" not in page.text


def test_receivers_depend_on_the_settings(tmp_path):
    mail = "smtp://u:p@mail.example.org:587/?from=eco@example.org"
    page = make_production(tmp_path, mail_url=mail, gbif_api="").test_client().get("/privacy")
    assert "A mail server receives" in page.text
    assert "GBIF" not in page.text
    assert "u:p" not in page.text


def test_each_page_and_the_sign_in_lead_to_it(production):
    page = production.test_client().get("/login").text
    assert page.count('href="/privacy"') == 2
    assert production.test_client().get("/species").text.count('href="/privacy"') == 1


def test_a_person_gets_their_data_and_no_secret(production, editor):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    signed_in(production, VIEWER)
    production.test_cli_runner().invoke(args=["users", "role", EDITOR, "viewer"])
    production.test_cli_runner().invoke(args=["users", "role", EDITOR, "editor"])
    sent = editor.get("/account/data")
    assert (sent.status_code, sent.mimetype) == (200, "application/json")
    assert sent.headers["Cache-Control"] == "private, no-store"
    assert "attachment" in sent.headers["Content-Disposition"]
    data = sent.json
    assert (data["account"]["email"], data["account"]["role"]) == (EDITOR, "editor")
    assert [(study["slug"], study["title"]) for study in data["studies"]] == [("lizards", "Lizards")]
    actions = [line["action"] for line in data["audit"]]
    assert {"study.create", "account.sign-in", "account.role"} <= set(actions)
    assert "argon2" not in sent.text and VIEWER not in sent.text


def test_lines_of_others_about_an_account_do_not_say_who_and_from_where(production, editor):
    with production.app_context():
        own, other = users.get(EDITOR).id, users.get(ADMIN).id
        line = {"source": "web", "client": "192.0.2.77", "request_id": "theirs", "action": "account.role"}
        db.session.add(
            AuditLine(person_id=other, object_kind="account", object_id=own, result="done", detail="", **line)
        )
        db.session.commit()
    sent = editor.get("/account/data")
    assert "account.role" in sent.text
    assert not [secret for secret in ("192.0.2.77", "theirs", other) if secret in sent.text]


def test_many_lines_are_sent_whole(production, editor):
    with production.app_context():
        own = users.get(EDITOR).id
        line = {"source": "web", "client": "", "request_id": "", "action": "many", "result": "done", "detail": ""}
        db.session.add_all(AuditLine(person_id=own, object_kind="", object_id=str(n), **line) for n in range(2500))
        db.session.commit()
    numbers = [int(item["object_id"]) for item in editor.get("/account/data").json["audit"] if item["action"] == "many"]
    assert numbers == list(reversed(range(2500)))


def test_a_person_deletes_their_account(production, editor):
    with production.app_context():
        user = users.get(EDITOR)
        own = user.id
        links.create(user, timedelta(hours=1))
    other = signed_in(production, EDITOR)
    page = editor.get("/account/delete").text
    assert "cannot be undone" in page and "Backups" in page and 'name="code"' not in page
    gone = editor.post("/account/delete", data=FORM)
    assert (gone.status_code, gone.location) == (303, "/login?done=deleted")
    assert editor.cookie() is None
    assert "The account is deleted." in editor.get(gone.location).text
    assert not other.signed_in()
    assert production.test_client().sign_in(EDITOR).status_code == 422
    with production.app_context():
        for table in (RecoveryCode, OneTimeLink):
            assert db.session.scalar(select(func.count()).select_from(table).where(table.user_id == own)) == 0
        texts = db.session.execute(text("SELECT * FROM audit_lines")).all()
    assert not [row for row in texts for value in row if value is not None and EDITOR in str(value)]
    (line,) = audit(production, "account.delete")
    assert (line.person_id, line.object_id, line.result) == (own, own, "done")
    # the address is free again, for another account
    with production.app_context():
        assert users.create(EDITOR, "viewer").id != own


def test_a_wrong_password_deletes_nothing(production, editor):
    refused = editor.post("/account/delete", data={**FORM, "password": "wrong horse battery"})
    assert (refused.status_code, "field-wrong" in refused.text) == (422, True)
    assert exists(production, EDITOR)
    assert [line.result for line in audit(production, "account.delete")] == ["refused"]


def test_the_second_factor_is_asked_for_too(production, editor):
    secret = pyotp.random_base32()
    with production.app_context():
        user = users.get(EDITOR)
        before = pyotp.TOTP(secret).now()
        codes = second_factor.turn_on(user.id, user.epoch, secret, before)
    browser = production.test_client()
    browser.sign_in(EDITOR)
    browser.post("/login/code", data={"code": pyotp.TOTP(secret).at(time.time() + 30)})
    assert 'name="code"' in browser.get("/account/delete").text
    for code in ("", "000000", before):
        assert browser.post("/account/delete", data={**FORM, "code": code}).status_code == 422
    assert exists(production, EDITOR)
    assert browser.post("/account/delete", data={**FORM, "code": codes[0]}).status_code == 303
    assert not exists(production, EDITOR)


def test_the_last_admin_stays(production):
    admin = signed_in(production, ADMIN)
    refused = admin.post("/account/delete", data=FORM)
    assert (refused.status_code, "is the last admin" in refused.text) == (409, True)
    assert admin.signed_in()
    command = production.test_cli_runner().invoke(args=["users", "delete", ADMIN])
    assert (command.exit_code, "is the last admin" in command.output) == (2, True)
    with production.app_context():
        users.create("second@example.org", "admin", PASSWORD)
    assert admin.post("/account/delete", data=FORM).status_code == 303


def test_of_two_admins_who_delete_themselves_at_once_one_stays(production):
    with production.app_context():
        users.create("second@example.org", "admin", PASSWORD)
    admins = [signed_in(production, email) for email in (ADMIN, "second@example.org")]
    together, statuses = threading.Barrier(2), []

    def delete(browser):
        together.wait()
        statuses.append(browser.post("/account/delete", data=FORM).status_code)

    threads = [threading.Thread(target=delete, args=(browser,)) for browser in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [303, 409]
    with production.app_context():
        assert db.session.scalar(select(func.count()).select_from(User).where(User.role == "admin")) == 1
    assert sorted(line.result for line in audit(production, "account.delete")) == ["done", "refused"]


def test_a_password_that_is_changed_meanwhile_confirms_nothing(production, editor, monkeypatch):
    def reset():
        with production.app_context():
            users.store_password(users.get(EDITOR).id, "another")
            db.session.commit()

    meanwhile(monkeypatch, service.passwords, "matches", reset)
    assert editor.post("/account/delete", data=FORM).status_code in (303, 401, 409)
    assert exists(production, EDITOR)


def test_keys_are_in_the_data_without_what_they_prove(production, editor):
    run = production.test_cli_runner().invoke
    made = run(args=["keys", "create", EDITOR, "--name", "my program"])
    key = made.output.strip().splitlines()[-1]
    data = editor.get("/account/data")
    assert [one["name"] for one in data.json["keys"]] == ["my program"]
    assert key not in data.text and "hash" not in data.text
    (line,) = audit(production, "key.create")
    assert line.object_id == data.json["keys"][0]["id"]


def test_the_command_deletes_an_account_once(production):
    run = production.test_cli_runner().invoke
    deleted = run(args=["users", "delete", VIEWER])
    assert (deleted.exit_code, "is deleted" in deleted.output) == (0, True)
    (line,) = audit(production, "account.delete")
    assert (line.source, line.person_id, line.object_id in deleted.output) == ("command", None, True)
    again = run(args=["users", "delete", VIEWER])
    assert (again.exit_code, "nobody has the address" in again.output) == (2, True)


def test_predictions_have_an_age_by_setting(tmp_path, app):
    run = app.test_cli_runner().invoke
    assert "PREDICTIONS_RETENTION_DAYS" in run(args=["predictions", "prune"]).output
    settings = app.config["SETTINGS"]
    app.config["SETTINGS"] = settings.model_copy(update={"predictions_retention_days": 365})
    try:
        said = run(args=["predictions", "prune", "--dry-run"]).output
    finally:
        app.config["SETTINGS"] = settings
    limit = datetime.now(UTC) - timedelta(days=365)
    assert re.match(rf"\d+ predictions are older than 365d \(before {limit:%Y-%m-%d}", said)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        make_settings(tmp_path, predictions_retention_days=0)
