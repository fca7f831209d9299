"""What an operator does before anyone asks: migrations, the command line, the start."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from sqlalchemy import inspect

from app import create_app
from app.catalogue import snapshot
from app.config.settings import PROJECT
from app.database.db import db
from tests.contract.conftest import WHEATEAR, make_settings, migrate, upgrade


def test_migrations_up_down_up(tmp_path):
    app = create_app(make_settings(tmp_path))
    runner = app.test_cli_runner()

    def tables():
        with app.app_context():
            return set(inspect(db.engine).get_table_names()) - {"alembic_version"}

    migrate(app)
    assert tables() == set(db.metadata.tables)
    assert runner.invoke(args=["db", "check"]).exit_code == 0
    assert runner.invoke(args=["db", "downgrade", "base"]).exit_code == 0
    assert tables() == set()
    migrate(app)
    assert tables() == set(db.metadata.tables)


def test_command_line(artifacts, tmp_path, app):
    other = create_app(make_settings(tmp_path))
    runner = other.test_cli_runner()
    early = runner.invoke(args=["models", "list"])
    assert early.exit_code == 2
    assert "db upgrade" in early.output
    upgrade(other)
    models = other.config["SETTINGS"].models_dir
    shutil.copytree(artifacts[WHEATEAR].parents[2], models)
    first = runner.invoke(args=["models", "register", str(models), "--activate"])
    assert (first.exit_code, first.output) == (0, "4 found, 4 new, activated\n")
    again = runner.invoke(args=["models", "register", str(models), "--activate"])
    assert again.output == "4 found, 0 new\n"
    listed = runner.invoke(args=["models", "list"]).output
    assert listed.count(" active ") == 4
    assert runner.invoke(args=["models", "--help"]).exit_code == 0
    with other.app_context():
        best = snapshot.current().best()
        assert not Path(best.model.path).is_absolute()
    for arguments in (
        ["activate", "nothing"],
        ["rollback", "nothing"],
        ["rollback", "test-hills"],
        ["register", str(tmp_path / "none")],
        ["register", str(PROJECT / "app")],
        ["activate"],
    ):
        refused = runner.invoke(args=["models", *arguments])
        assert refused.exit_code == 2, arguments
        assert "Traceback" not in refused.output
    broken = next(models.rglob("card.json"))
    broken.write_text(broken.read_text() + " ")
    spoilt = runner.invoke(args=["models", "register", str(broken.parent)])
    assert spoilt.exit_code == 2
    assert len(spoilt.output.strip().splitlines()) == 1


def test_start_is_light(tmp_path):
    code = "import sys, wsgi; print([m for m in ('sklearn', 'pandas', 'xarray') if m in sys.modules])"
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "ENVIRONMENT": "development"}
    environ.pop("SECRET_KEY", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    key = tmp_path / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_bad_setting_stops_the_start_with_one_line(tmp_path):
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "RATE_LIMIT": "often"}
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"], env=environ, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stderr.strip().splitlines() == [
        "EcoPredict cannot start: RATE_LIMIT: expected a limit such as 10/second or 600/minute"
    ]
