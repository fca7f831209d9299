"""The commands of docs/how-to/back-up.md: what they copy, and that the rehearsals use the same."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tools import rehearse
from tools.containers import steps
from tools.live import PROJECT

_GUIDE = (PROJECT / "docs" / "how-to" / "back-up.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```sh\n(.*?)^```", _GUIDE, re.MULTILINE | re.DOTALL)


def _block(*parts: str) -> str:
    (found,) = [block for block in _BLOCKS if all(part in block for part in parts)]
    return found


def _before(block: str, *parts: str) -> None:
    """Check that parts of a block come in this order."""
    places = [block.index(part) for part in parts]
    assert places == sorted(places), block


def test_the_rehearsal_copies_and_restores_as_the_guide_does() -> None:
    backup = _block("pg_dump", "$DATA_DIR").replace("'", "").replace("\\\n    ", "")
    assert f'tar -C "$DATA_DIR" {" ".join(rehearse.EXCLUDED)} -czf "$BACKUP/data.tar.gz" .' in backup
    assert f"pg_restore {' '.join(rehearse.RESTORED)} --dbname=" in _block("createdb", "$DATA_DIR")
    assert rehearse.COPY_SQLITE in _block("import sqlite3")


def test_the_walk_copies_and_restores_as_the_guide_does() -> None:
    assert f"-T migrate {steps.PACK} >" in _block("pg_dump", "docker compose")
    restore = _block("createdb", "docker compose")
    _before(restore, *(f"-T postgres {command}" for command in steps.RESTORE), f"-T migrate sh -c '{steps.UNPACK}' <")


@pytest.mark.parametrize("block", [one for one in _BLOCKS if "$BACKUP" in one and "DATA_DIR/ecopredict.db" not in one])
def test_a_block_ends_at_its_first_failure_and_is_valid_shell(block: str) -> None:
    assert block.startswith("set -eu\n")
    subprocess.run(["sh", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("where", ["docker compose", "$DATA_DIR"])
def test_archives_are_checked_before_anything_is_changed(where: str) -> None:
    block = _block("createdb", where)
    for check in ("tar -t", "pg_restore --list"):
        for change in ("dropdb", "pg_restore --exit-on-error" if where == "$DATA_DIR" else "-delete"):
            _before(block, check, change)


def test_the_archive_has_uploads_and_nothing_derived(tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    for name in ("models/a", "studies/b", "spool/c", "layers/d", "registry/e", "ecopredict.db-wal", "metrics-1/f"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    home.mkdir()
    # up to the dump, which needs a server
    script = _block("pg_dump", "$DATA_DIR").partition("pg_dump")[0] + 'tar -tzf "$BACKUP/data.tar.gz"\n'
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "DATA_DIR": str(data), "DATABASE_URL": "unused"}
    done = subprocess.run(["sh"], input=script, env=environ, capture_output=True, text=True, check=True)
    assert {name for name in done.stdout.split() if not name.endswith("/")} == {
        "./models/a",
        "./studies/b",
        "./spool/c",
        "./layers/d",
    }
    (backup,) = home.iterdir()
    assert {path.stat().st_mode & 0o077 for path in (backup, *backup.iterdir())} == {0}


@pytest.mark.parametrize("name", ["data.tar", "data.tar.gz", "secrets.tar.gz", "ecopredict.dump", "ecopredict-copy.db"])
def test_a_copy_that_was_written_into_the_project_reaches_neither_image_nor_commit(name: str) -> None:
    done = subprocess.run(["git", "check-ignore", "--no-index", "--quiet", name], cwd=PROJECT, check=False)
    assert done.returncode == 0
    patterns = (PROJECT / ".dockerignore").read_text().splitlines()
    assert any(Path(name).match(pattern.removeprefix("**/")) for pattern in patterns if not pattern.startswith("!"))


@pytest.mark.parametrize("is_database", [True, False])
def test_a_copy_of_sqlite_is_the_database_or_an_error(tmp_path: Path, is_database: bool) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup"
    data.mkdir()
    backup.mkdir()
    if is_database:
        with sqlite3.connect(data / "ecopredict.db") as database:
            database.execute("CREATE TABLE alembic_version (version_num)")
            database.execute("INSERT INTO alembic_version VALUES ('0018')")
        database.close()
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), "BACKUP": str(backup)}
    done = subprocess.run(
        ["sh"], input=_block("import sqlite3"), env=environ, cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == is_database, done.stderr
    if not is_database:
        assert "unable to open database file" in done.stderr
        assert not (data / "ecopredict.db").exists()
        return
    with sqlite3.connect(backup / "ecopredict-copy.db") as copy:
        assert copy.execute("SELECT * FROM alembic_version").fetchall() == [("0018",)]
    copy.close()


def test_a_restore_without_the_address_of_the_database_changes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(data), "BACKUP": str(tmp_path)}
    done = subprocess.run(
        ["sh"], input=_block("createdb", "$DATA_DIR"), env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "DATABASE_URL_FILE" in done.stderr
    assert list(tmp_path.iterdir()) == [data]
