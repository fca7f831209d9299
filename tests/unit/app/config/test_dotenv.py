"""A command of Flask says what it has from ``.env``; the server has nothing from there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.config.settings import PROJECT


def _run(folder: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    whole = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), "PYTHONPATH": str(PROJECT), **environ}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=whole, capture_output=True, text=True, check=False
    )


@pytest.mark.thorough
def test_settings_from_a_file_are_named_where_a_command_reads_them(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{other}\nHOST_NAME=eco.example.org\nLOG_LEVEL=INFO\n")
    migrate = ("-m", "flask", "--app", "wsgi", "db", "upgrade")
    read = _run(tmp_path, *migrate)
    assert read.returncode == 0, read.stderr
    assert f"flask: DATABASE_URL, LOG_LEVEL as in {tmp_path}/.env, which the server does not read." in read.stderr
    assert other.exists()
    other.unlink()

    left_out = _run(tmp_path, *migrate, FLASK_SKIP_DOTENV="1")
    assert left_out.returncode == 0, left_out.stderr
    assert ".env" not in left_out.stderr
    assert not other.exists()

    server = _run(tmp_path, "-c", "import wsgi; print(wsgi.app.config['SETTINGS'].database_url)")
    assert server.stdout.strip() == f"sqlite:///{tmp_path}/data/ecopredict.db"
    assert ".env" not in server.stderr


def test_a_command_that_is_refused_for_a_setting_of_the_file_says_where_it_is_from(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRET_KEY=of-an-earlier-version\n")
    (tmp_path / "key").write_text("k" * 40)
    done = _run(tmp_path, "-m", "flask", "--app", "wsgi", "models", "list", SECRET_KEY_FILE=str(tmp_path / "key"))
    assert done.returncode != 0
    assert f"flask: SECRET_KEY as in {tmp_path}/.env" in done.stderr
    assert "set either SECRET_KEY or SECRET_KEY_FILE, not both" in done.stderr
    assert "of-an-earlier-version" not in done.stderr
