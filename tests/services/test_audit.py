"""The audit trail on PostgreSQL: nobody changes a line; counts of several processes add up; the database away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.exc import DatabaseError

from app import create_app
from app.accounts import users
from app.audit import service
from app.components import components
from app.config.settings import Settings
from app.database.types import now
from app.request_log.counting import RequestLog
from tools import live

OLD = "INSERT INTO audit_lines (at, source, client, request_id, action, object_kind, object_id, result, detail) VALUES "
ATTEMPTS = (
    "UPDATE audit_lines SET action = 'nothing'",
    "DELETE FROM audit_lines",
    "TRUNCATE audit_lines",
    "TRUNCATE audit_lines, audit_deletions CASCADE",
    "INSERT INTO audit_lines SELECT * FROM audit_lines ON CONFLICT (id) DO UPDATE SET action = 'nothing'",
    "INSERT INTO audit_deletions (at, before) VALUES (now(), now() - interval '29 days')",
    "INSERT INTO audit_deletions (at, before) VALUES (now() - interval '9 years', now())",
)
ROLE = """
CREATE ROLE eco_app LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO eco_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO eco_app;
"""


@pytest.fixture
def app(empty_database: str, tmp_path: Path):
    settings = Settings(environment="testing", data_dir=tmp_path, database_url=_driver(empty_database), secret_key="x")
    app = create_app(settings)
    live.flask(live.app_environ(tmp_path, DATABASE_URL=empty_database), "db", "upgrade")
    with app.app_context():
        users.create("one@example.org", "admin")
    return app


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg2://")


def _lines(url: str) -> list[tuple[int, str]]:
    with live.connected(url) as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT id, action FROM audit_lines ORDER BY id")]


@pytest.mark.parametrize("role", ["owner", "eco_app"])
def test_nobody_changes_a_line(app, empty_database: str, role: str) -> None:
    before = _lines(empty_database)
    assert before
    if role != "owner":
        with live.connected(empty_database) as connection:
            connection.exec_driver_sql(ROLE)
            connection.commit()
    for statement in ATTEMPTS:
        with live.connected(empty_database) as connection:
            if role != "owner":
                connection.exec_driver_sql(f"SET ROLE {role}")
            with pytest.raises(DatabaseError):
                connection.exec_driver_sql(statement)
        assert _lines(empty_database) == before, statement
    if role != "owner":
        with live.connected(empty_database) as connection:
            connection.exec_driver_sql("DROP OWNED BY eco_app; DROP ROLE eco_app")
            connection.commit()


def test_old_lines_are_deleted_with_a_record(app, empty_database: str) -> None:
    with live.connected(empty_database) as connection:
        old = now() - timedelta(days=800)
        connection.exec_driver_sql(OLD + f"('{old.isoformat()}', 'web', '', '', 'old', '', '', 'done', '')")
        connection.commit()
    with app.app_context():
        assert service.delete_before(service.limit_of(730)) == 1
        assert service.delete_before(service.limit_of(730)) == 0
    assert "old" not in [action for _, action in _lines(empty_database)]
    with live.connected(empty_database) as connection:
        for statement in ("DELETE FROM audit_deletions", "UPDATE audit_deletions SET before = now()"):
            with pytest.raises(DatabaseError):
                connection.exec_driver_sql(statement)
            connection.rollback()
        assert connection.exec_driver_sql("SELECT count(*) FROM audit_deletions").scalar() == 1


def test_counts_of_several_processes_add_up(app, empty_database: str, tmp_path: Path) -> None:
    other = create_app(app.config["SETTINGS"])
    for one in (app, other, app):
        for _ in range(5):
            assert one.test_client().get("/species").status_code == 200
        assert components(one).get(RequestLog).write()
    with live.connected(empty_database) as connection:
        rows = connection.exec_driver_sql("SELECT endpoint, sum(requests) FROM request_counts GROUP BY endpoint").all()
    assert [tuple(row) for row in rows] == [("species.browse", 15)]


def test_counts_wait_for_the_database_and_arrive_once(tmp_path: Path, workroom: Path, stocked: Path) -> None:
    server = live.make_postgres(workroom / "audit-postgres", like=stocked)
    server.start()
    try:
        url = sqlalchemy.make_url(server.url).set(database="stocked", drivername="postgresql+psycopg2")
        text = url.render_as_string(hide_password=False)
        app = create_app(Settings(environment="testing", data_dir=tmp_path, database_url=text, secret_key="x"))
        counts = components(app).get(RequestLog)
        app.test_client().get("/openapi.json")
        server.stop()
        assert not counts.write()
        app.test_client().get("/openapi.json")
        server.start()
        live.wait_until(counts.write, 20, "the database takes the counts")
        with live.connected(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
            assert connection.exec_driver_sql("SELECT sum(requests) FROM request_counts").scalar() == 2
    finally:
        server.stop()
