"""Versions of the change log."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.config.version import app_version
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
        (("cut", "0.3.0", "20261201"), "20261201 is not a date"),
        (("cut", "0.3.0", "2026-W49-2"), "2026-W49-2 is not a date"),
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


def test_a_smaller_heading_of_the_same_name_stays_where_it_is(project: Path) -> None:
    before = LOG.replace("# Changes\n", "# Changes\n\n### Unreleased\n")
    assert "## Unreleased\n\n## 0.3.0 (2026-12-01)\n\n### Maps" in release.cut(before, "0.3.0", "2026-12-01")


@pytest.mark.parametrize("content", [None, b"## Unreleased\n\xff"])
def test_a_file_that_cannot_be_read_is_one_line(
    project: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    (project / "CHANGELOG.md").unlink()
    if content is not None:
        (project / "CHANGELOG.md").write_bytes(content)
    assert run(project, "notes", "0.2.0") == 1
    error = capsys.readouterr().err
    assert error.startswith("release: ")
    assert "CHANGELOG.md cannot be read" in error
    assert error.count("\n") == 1


def test_the_program_says_the_version_that_was_cut() -> None:
    own = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(), re.MULTILINE)
    assert own is not None
    assert app_version() == own[1]


def test_images_say_their_version_and_commit(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$*" >>"{tmp_path}/asked"\n')
    docker.chmod(0o755)
    environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["sh", str(PROJECT / "tools" / "build_images.sh"), "eco", "candidate"], env=environ, check=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == 3
    for line in asked:
        assert f"--build-arg VERSION={app_version()} " in line
        assert re.search(r"--build-arg REVISION=([0-9a-f]{40}|unknown) ", line)


def test_nothing_is_released_twice(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "cut", "0.10.0", "2026-12-01") == 0
    assert run(project, "cut", "0.11.0", "2026-12-02") == 1
    assert "nothing under Unreleased" in capsys.readouterr().err


def test_the_change_log_of_the_project_can_be_released() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text()
    assert release.notes(release.cut(text, "99.0.0", "2026-12-01"), "99.0.0") == release.sections(text)["Unreleased"]
