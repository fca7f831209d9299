"""Migrations up, down and up again; they match the tables of the code and do not disturb a running server."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy

from tests.services.conftest import predict
from tools import live

Sites = Callable[..., live.Site]

# what an expanding migration may do: a column, a table, an index that is built while rows arrive
_ADDING = '''
"""A column, a table and an index."""
import time
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{name}", "{before}", None, None


def upgrade():
    op.add_column("predictions", sa.Column("note", sa.String(50), nullable=True))
    op.add_column("predictions", sa.Column("kind", sa.String(10), nullable=False, server_default="one"))
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
    with op.get_context().autocommit_block():
        op.create_index("ix_predictions_note", "predictions", ["note"], postgresql_concurrently=True)


def downgrade():
    op.drop_table("notes")
'''


@pytest.fixture(params=["postgresql", "sqlite"])
def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return (
        request.getfixturevalue("empty_database")
        if request.param == "postgresql"
        else f"sqlite:///{tmp_path / 'eco.db'}"
    )


def _tables(url: str) -> set[str]:
    with live.connected(url) as connection:
        return set(sqlalchemy.inspect(connection).get_table_names())


def _next(folder: Path, text: str = _ADDING) -> Path:
    """The shipped migrations and one more."""
    more = folder / "migrations"
    shutil.copytree(live.PROJECT / "migrations", more, ignore=shutil.ignore_patterns("__pycache__"))
    latest = max(path.name[:4] for path in (more / "versions").glob("[0-9]*.py"))
    (more / "versions" / "9999_next.py").write_text(text.format(name="9999", before=latest))
    return more


def _start(environ: dict[str, str], *arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=live.PROJECT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_up_down_up(url: str, tmp_path: Path) -> None:
    environ = live.app_environ(tmp_path, DATABASE_URL=url)
    live.flask(environ, "db", "upgrade")
    first = _tables(url)
    assert {"alembic_version"} < first
    live.flask(environ, "db", "downgrade", "base")
    assert _tables(url) <= {"alembic_version"}
    live.flask(environ, "db", "upgrade")
    assert _tables(url) == first
    # a table that was changed without a migration is found
    live.flask(environ, "db", "check")
    with live.connected(url) as connection:
        connection.exec_driver_sql("ALTER TABLE studies ADD COLUMN more INTEGER")
        connection.commit()
    assert "New upgrade operations detected" in live.flask(environ, "db", "check", fails=True)


def test_private_studies_are_not_made_public_by_a_downgrade(url: str, tmp_path: Path) -> None:
    environ = live.app_environ(tmp_path, DATABASE_URL=url)
    live.flask(environ, "db", "upgrade")
    with live.connected(url) as connection:
        connection.exec_driver_sql(
            "INSERT INTO studies (slug, title, description, visibility) VALUES ('a', 'A', '{}', 'private')"
        )
        connection.commit()
    assert "1 studies are not public" in live.flask(environ, "db", "downgrade", "0007", fails=True)
    with live.connected(url) as connection:
        connection.exec_driver_sql("UPDATE studies SET visibility = 'public'")
        connection.commit()
    live.flask(environ, "db", "downgrade", "0007")


def test_upgrades_at_the_same_time_take_turns(url: str, tmp_path: Path) -> None:
    environ = live.app_environ(tmp_path, DATABASE_URL=url)
    upgrades = [_start(environ, "db", "upgrade") for _ in range(3)]
    said = [upgrade.communicate(timeout=60)[0] for upgrade in upgrades]
    assert [upgrade.returncode for upgrade in upgrades] == [0, 0, 0], said
    live.flask(environ, "db", "check")


def _wait_for_the_other(upgrade: subprocess.Popen[str]) -> None:
    """Read the output of an upgrade until it says that it waits."""
    assert upgrade.stdout is not None
    assert any("another upgrade is running" in line for line in upgrade.stdout), "it did not wait"


def test_an_upgrade_waits_for_the_one_that_runs_and_says_so(empty_database: str, tmp_path: Path) -> None:
    environ = live.app_environ(tmp_path, DATABASE_URL=empty_database)
    with live.connected(empty_database) as other:
        other.exec_driver_sql(f"SELECT pg_advisory_lock({0x65636F2D6D6967})")
        upgrade = _start(environ, "db", "upgrade")
        _wait_for_the_other(upgrade)
        # longer than a statement may wait for a table
        time.sleep(6)
        assert upgrade.poll() is None
        assert not _tables(empty_database)
    upgrade.communicate(timeout=30)
    assert upgrade.returncode == 0
    assert "predictions" in _tables(empty_database)


@pytest.mark.parametrize("command", [("db", "upgrade"), ("db", "current")])
def test_a_database_that_cannot_be_reached_is_one_line(tmp_path: Path, command: tuple[str, str]) -> None:
    url = f"postgresql://eco:hush@127.0.0.1:{live.free_port()}/eco"
    said = live.flask(live.app_environ(tmp_path, DATABASE_URL=url), *command, fails=True)
    (line,) = said.splitlines()
    assert "the database of DATABASE_URL cannot be used: " in line
    assert "refused" in line
    assert "hush" not in said


@pytest.mark.thorough
def test_an_upgrade_of_sqlite_waits_for_the_one_that_runs_and_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'eco.db'}"
    environ = live.app_environ(tmp_path, DATABASE_URL=url)
    with (tmp_path / "eco.db.migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        upgrade = _start(environ, "db", "upgrade")
        _wait_for_the_other(upgrade)
        assert not _tables(url)
    upgrade.communicate(timeout=30)
    assert upgrade.returncode == 0
    assert "predictions" in _tables(url)


def test_the_version_before_serves_while_the_next_migrates(on_services: Sites, database: str, tmp_path: Path) -> None:
    site = on_services()
    migrations = _next(tmp_path)
    done, answers = threading.Event(), []

    def ask() -> None:
        while not done.is_set():
            answers.append(predict(site.url, temperature=10 + len(answers) % 200 / 10))
            time.sleep(0.01)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    live.wait_until(lambda: len(answers) > 20, 20, "some answers")
    live.flask(site.environ, "db", "upgrade", "-d", migrations)
    so_far = len(answers)
    live.wait_until(lambda: len(answers) > so_far + 20, 20, "answers after it")
    done.set()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}
    given = {answer.json["id"] for answer in answers}

    def stored() -> set[str]:
        with live.connected(database) as connection:
            return set(connection.exec_driver_sql("SELECT id FROM predictions WHERE kind = 'one'").scalars())

    live.wait_until(lambda: stored() == given, 20, "every answer is stored")
    assert "notes" in _tables(database)


def test_an_upgrade_gives_up_on_a_table_in_use_and_can_be_run_again(empty_database: str, tmp_path: Path) -> None:
    environ = live.app_environ(tmp_path, DATABASE_URL=empty_database)
    live.flask(environ, "db", "upgrade")
    before, migrations = _tables(empty_database), _next(tmp_path)
    with live.connected(empty_database) as reader:
        reader.exec_driver_sql("SELECT count(*) FROM predictions")
        # a command that waited for the table would be ended by its time limit
        said = live.flask(environ, "db", "upgrade", "-d", migrations, fails=True)
    assert "a table stayed in use for 4 s" in said
    assert "Traceback" not in said
    assert _tables(empty_database) == before
    live.flask(environ, "db", "upgrade", "-d", migrations)
    assert _tables(empty_database) == before | {"notes"}
