"""The script that makes the files of secrets, for real in a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.tools.test_container_files import COMPOSE
from tools.live import PROJECT


def test_secrets_are_made_once_and_taken_over_from_before(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    command = ["sh", str(PROJECT / "tools" / "secrets.sh"), str(folder)]
    environ = {"PATH": os.environ["PATH"], "POSTGRES_PASSWORD": "from-before"}
    subprocess.run(command, env=environ, capture_output=True, check=True)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert made["postgres_password"] == "from-before"
    assert made["database_url"] == "postgresql://eco:from-before@postgres:5432/eco"
    assert made["redis_url"] == f"redis://:{made['redis_password']}@redis:6379/0"
    assert len(made["secret_key"]) == 64
    assert set(COMPOSE["secrets"]) - set(made) == {"alert_webhook_token", "alert_smtp_password"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o444}
    subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made


@pytest.mark.parametrize("password", ["a/b", "abc\ndef", "é"])
def test_a_password_that_breaks_a_url_is_refused(password: str, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": password}
    command = ["sh", str(PROJECT / "tools" / "secrets.sh"), str(tmp_path / "secrets")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "redis_password has characters other than" in done.stderr
    assert not (tmp_path / "secrets" / "redis_url").exists()


@pytest.mark.parametrize(
    ("password", "address"), [("postgres_password", "database_url"), ("redis_password", "redis_url")]
)
def test_an_address_with_another_password_is_refused(password: str, address: str, tmp_path: Path) -> None:
    command = ["sh", str(PROJECT / "tools" / "secrets.sh"), str(tmp_path)]
    subprocess.run(command, capture_output=True, check=True)
    (tmp_path / password).unlink()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{address} has another password than" in done.stderr
    # rotation: both are made again
    (tmp_path / address).unlink()
    subprocess.run(command, capture_output=True, check=True)
    assert (tmp_path / password).read_text() in (tmp_path / address).read_text()
    # a server elsewhere
    (tmp_path / address).unlink()
    (tmp_path / address).write_text("other://eco:secret@db.example.org/eco")
    subprocess.run(command, capture_output=True, check=True)


def test_the_folder_is_that_of_the_settings_of_compose(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(PROJECT / "tools" / "secrets.sh", tmp_path / "tools")
    (tmp_path / ".env").write_text("SECRETS_DIR=elsewhere\n")
    environ = {"PATH": os.environ["PATH"]}
    subprocess.run(["sh", str(tmp_path / "tools" / "secrets.sh")], env=environ, capture_output=True, check=True)
    assert (tmp_path / "elsewhere" / "secret_key").exists()
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize(
    "line", ['SECRET_KEY="from before"', "SECRET_KEY='from before'", "export SECRET_KEY=from before"]
)
def test_a_secret_of_the_settings_is_taken_over_as_compose_reads_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy(PROJECT / "tools" / "secrets.sh", tmp_path / "tools")
    (tmp_path / ".env").write_text(f"{line}\n")
    environ = {"PATH": os.environ["PATH"]}
    subprocess.run(["sh", str(tmp_path / "tools" / "secrets.sh")], env=environ, capture_output=True, check=True)
    assert (tmp_path / "secrets" / "secret_key").read_text() == "from before"


def test_without_random_bytes_no_secret_is_made_and_the_next_run_makes_all(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "openssl"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    folder = tmp_path / "secrets"
    folder.mkdir()
    # of a run that was stopped
    draft = folder / ".secret_key.draft"
    draft.write_text("")
    draft.chmod(0o444)
    command = ["sh", str(PROJECT / "tools" / "secrets.sh"), str(folder)]
    failed = subprocess.run(
        command, env={"PATH": f"{broken.parent}{os.pathsep}{os.environ['PATH']}"}, capture_output=True, check=False
    )
    assert failed.returncode != 0
    assert b"Made" not in failed.stdout
    assert [path.name for path in folder.iterdir()] == [draft.name]
    subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)
    assert len((folder / "secret_key").read_text()) == 64
    assert not draft.exists()
