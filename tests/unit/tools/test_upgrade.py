"""The order of an upgrade with Compose: new containers are healthy before old ones end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools.live import PROJECT

_COMPOSE = """#!/bin/sh
echo "compose $*" >>"$LOG"
case "$*" in
    "ps --quiet web") printf 'old\\n'; [ ! -e "$STATE/scaled" ] || printf 'new\\n' ;;
    "ps --quiet nginx") echo front ;;
    *--scale*) touch "$STATE/scaled" ;;
esac
"""
_ENGINE = """#!/bin/sh
echo "engine $*" >>"$LOG"
case "$*" in
    *Health*) echo "$HEALTH" ;;
    *Config.Image*) echo ecopredict-front:local ;;
    "image inspect"*) echo "$BUILT" ;;
    *"{{.Image}}"*) echo sha256:runs ;;
esac
"""


@pytest.fixture
def fakes(tmp_path: Path) -> dict[str, str]:
    for name, text in (("compose", _COMPOSE), ("engine", _ENGINE), ("sleep", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "COMPOSE": str(tmp_path / "compose"),
        "ENGINE": str(tmp_path / "engine"),
        "LOG": str(tmp_path / "log"),
        "STATE": str(tmp_path),
        "HEALTH": "healthy",
        "BUILT": "sha256:runs",
    }


def run(fakes: dict[str, str], *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    command = ["sh", str(PROJECT / "tools" / "upgrade.sh"), *arguments]
    done = subprocess.run(command, env=fakes, capture_output=True, text=True, check=False)
    log = Path(fakes["LOG"])
    return done, log.read_text().splitlines() if log.exists() else []


def position(lines: list[str], beginning: str) -> int:
    return next(number for number, line in enumerate(lines) if line.startswith(beginning))


def test_the_new_container_is_healthy_before_the_old_one_ends(fakes: dict[str, str]) -> None:
    done, lines = run(fakes)
    assert done.returncode == 0, done.stderr
    order = [
        "compose build",
        "compose run --rm --no-deps migrate",
        "compose run --rm --no-deps setup",
        "compose up --detach --no-deps --no-recreate --scale web=2 web",
        "engine inspect --format {{.State.Health.Status}} new",
        "engine stop --time 30 old",
        "engine rm old",
        "compose up --detach --no-deps worker",
    ]
    assert [position(lines, each) for each in order] == sorted(position(lines, each) for each in order)
    assert "compose up --detach --no-deps nginx" not in lines


def test_nginx_is_replaced_when_its_image_has_changed(fakes: dict[str, str]) -> None:
    done, lines = run({**fakes, "BUILT": "sha256:new"}, "--no-build")
    assert done.returncode == 0, done.stderr
    assert lines[-1] == "compose up --detach --no-deps nginx"
    assert "compose build" not in lines


def test_the_old_version_goes_on_when_the_new_one_is_not_healthy(fakes: dict[str, str]) -> None:
    done, lines = run({**fakes, "HEALTH": "unhealthy"})
    assert done.returncode == 1
    assert "the old one goes on" in done.stderr
    assert "engine rm --force new" in lines
    assert not [line for line in lines if "engine stop" in line or "worker" in line]


def test_a_wrong_argument_is_refused(fakes: dict[str, str]) -> None:
    done, lines = run(fakes, "--now")
    assert (done.returncode, lines) == (2, [])
