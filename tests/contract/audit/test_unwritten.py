"""A change whose line cannot be written."""

from __future__ import annotations

from sqlalchemy import event, text

from app.accounts import users
from app.database.db import db
from tests.contract.audit.conftest import EDITOR, VIEWER

SAFE = {"GET", "HEAD", "OPTIONS"}
NEW = "umbrella quartz seven lilac"


def break_trail(app):
    """Let the database take no line."""
    with app.app_context():
        db.session.execute(text("ALTER TABLE audit_lines RENAME TO away"))
        db.session.commit()


def test_a_change_whose_line_cannot_be_written_is_not_made(production, editor, caplog):
    break_trail(production)
    assert editor.post("/api/v1/studies", json={"title": "Lizards"}).status_code >= 500
    assert editor.get("/api/v1/studies/lizards").status_code == 404
    result = production.test_cli_runner().invoke(args=["users", "role", VIEWER, "editor"])
    assert result.exit_code != 0
    with production.app_context():
        assert users.get(VIEWER).role == "viewer"


def test_on_a_full_disk_each_change_that_is_made_has_its_line(production, editor, lines):
    with production.app_context():
        limit = f"PRAGMA max_page_count={db.session.scalar(text('PRAGMA page_count')) + 2}"
        # SQLite takes the limit for a full disk
        event.listen(db.engine, "connect", lambda connection, _: connection.execute(limit))
        db.engine.dispose()
    statuses = []
    while len(statuses) < 200 and (not statuses or statuses[-1] == 201):
        statuses.append(editor.post("/api/v1/studies", json={"title": f"Lizards {len(statuses)}"}).status_code)
    assert statuses[-1] == 503
    created = editor.get("/api/v1/studies?limit=100").json["items"]
    assert {line.object_id for line in lines("study.create")} == {study["slug"] for study in created}
    assert len(created) == len(statuses) - 1 > 0


def test_nobody_is_signed_in_without_a_line(production, browser):
    break_trail(production)
    response = browser.sign_in(EDITOR)
    assert response.status_code >= 500
    assert not browser.signed_in()
    assert browser.cookie() is None
