"""Migrations run up, down and up again, and describe the same tables as the code."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy

from tests import live


def _tables(url: str) -> set[str]:
    engine = live.connect(url)
    try:
        return set(sqlalchemy.inspect(engine).get_table_names())
    finally:
        engine.dispose()


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_up_down_up(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("database") if kind == "postgresql" else f"sqlite:///{tmp_path / 'eco.db'}"
    environ = live.app_environ(tmp_path, DATABASE_URL=url)
    live.flask(environ, "db", "upgrade")
    first = _tables(url)
    assert {"alembic_version"} < first
    live.flask(environ, "db", "downgrade", "base")
    assert _tables(url) <= {"alembic_version"}
    live.flask(environ, "db", "upgrade")
    assert _tables(url) == first
    # fails when a table was changed without a migration
    live.flask(environ, "db", "check")
