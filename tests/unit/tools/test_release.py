"""Versions of the change log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools import release
from tools.live import PROJECT

LOG = """# Changes

## Unreleased

### Maps
- A map.

## 0.2.0 (2026-05-01)
- Two.

## 0.1.0 (2026-01-01)
- One.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(LOG)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def run(project: Path, *arguments: str) -> int:
    return release.main(["--project", str(project), *arguments])


def test_a_version_is_cut_and_its_notes_are_printed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "check", "0.3.0") == 1
    assert run(project, "cut", "0.3.0", "2026-12-01") == 0
    log = (project / "CHANGELOG.md").read_text()
    assert "## Unreleased\n\n## 0.3.0 (2026-12-01)\n\n### Maps\n- A map.\n\n## 0.2.0 (2026-05-01)\n" in log
    assert 'version = "0.3.0"' in (project / "pyproject.toml").read_text()
    assert run(project, "check", "0.3.0") == 0
    capsys.readouterr()
    assert run(project, "notes", "0.3.0") == 0
    assert capsys.readouterr().out == "### Maps\n- A map.\n"
    assert run(project, "notes", "0.1.0") == 0
    assert capsys.readouterr().out == "- One.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("notes", "0.9.0"), "CHANGELOG.md has no section for 0.9.0"),
        (("notes", "v0.2.0"), "v0.2.0 is not a version such as 0.2.0"),
        (("notes", "0.02.0"), "0.02.0 is not a version"),
        (("check", "0.2.0"), "pyproject.toml has version"),
        (("cut", "0.2.0", "2026-12-01"), "0.2.0 is not newer than 0.2.0"),
        (("cut", "0.1.9", "2026-12-01"), "0.1.9 is not newer than 0.2.0"),
        (("cut", "0.3.0", "2026-13-01"), "2026-13-01 is not a date"),
    ],
)
def test_what_cannot_be_released_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(project, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"release: {message}")
    assert error.count("\n") == 1
    assert (project / "CHANGELOG.md").read_text() == LOG


def test_nothing_is_released_twice(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "cut", "0.10.0", "2026-12-01") == 0
    assert run(project, "cut", "0.11.0", "2026-12-02") == 1
    assert "nothing under Unreleased" in capsys.readouterr().err


def test_the_change_log_of_the_project_can_be_released() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text()
    assert release.notes(release.cut(text, "99.0.0", "2026-12-01"), "99.0.0") == release.sections(text)["Unreleased"]
