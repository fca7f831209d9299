"""The order of an upgrade with Compose: new containers are healthy before old ones end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import live
from tools.live import PROJECT

_COMPOSE = """#!/bin/sh
echo "compose $*" >>"$LOG"
case "$*" in
    "ps --quiet web" | "ps --all --quiet web") printf 'old\\n'; [ ! -e "$STATE/scaled" ] || printf 'new\\n' ;;
    "ps --all --quiet front") echo copied ;;
    *front) exit ${FRONT:-0} ;;
    *--scale*) touch "$STATE/scaled"; exit ${SCALE:-0} ;;
esac
"""
_ENGINE = """#!/bin/sh
echo "engine $*" >>"$LOG"
case "$*" in
    *Health*) echo "$HEALTH"; exit ${INSPECT:-0} ;;
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
        "compose run --rm --no-deps front",
        "compose up --detach --no-deps --no-recreate --scale web=2 web",
        "engine inspect --format {{.State.Health.Status}} new",
        "compose exec -T nginx nginx -s reload",
        "engine stop --time 30 old",
        "engine rm old",
        "compose up --detach --no-deps worker",
        "compose up --detach --no-deps front",
        "compose up --detach --no-deps nginx",
    ]
    assert [position(lines, each) for each in order] == sorted(position(lines, each) for each in order)


def test_images_that_are_there_are_not_built(fakes: dict[str, str]) -> None:
    done, lines = run(fakes, "--no-build")
    assert done.returncode == 0, done.stderr
    assert "compose build" not in lines


def test_nothing_changes_when_the_configuration_of_nginx_is_wrong(fakes: dict[str, str]) -> None:
    done, lines = run({**fakes, "FRONT": "1"})
    assert done.returncode == 1
    assert lines[-1] == "compose run --rm --no-deps front"


def test_the_old_version_goes_on_when_the_new_one_is_not_healthy(fakes: dict[str, str]) -> None:
    done, lines = run({**fakes, "HEALTH": "unhealthy"})
    assert done.returncode == 1
    assert "the old one goes on" in done.stderr
    # with its files of nginx, which nginx has not read again
    assert lines[-2:] == ["engine rm --force new", "engine start --attach copied"]
    assert not [line for line in lines if "engine stop" in line or "worker" in line or "reload" in line]


@pytest.mark.parametrize("failure", ["INSPECT", "SCALE"])
def test_an_engine_that_fails_ends_no_old_container(fakes: dict[str, str], failure: str) -> None:
    done, lines = run({**fakes, failure: "1", "WAIT_SECONDS": "3"})
    assert done.returncode == 1
    assert "the old one goes on" in done.stderr
    assert lines[-2:] == ["engine rm --force new", "engine start --attach copied"]
    assert not [line for line in lines if "engine stop" in line or "reload" in line]


def test_an_upgrade_that_is_stopped_leaves_no_new_container(fakes: dict[str, str]) -> None:
    Path(fakes["STATE"], "sleep").unlink()
    environ = {**fakes, "HEALTH": "starting"}
    process = subprocess.Popen(
        ["sh", str(PROJECT / "tools" / "upgrade.sh")], env=environ, stderr=subprocess.PIPE, text=True
    )
    log = Path(fakes["LOG"])
    live.wait_until(lambda: log.exists() and "Health" in log.read_text(), 20, "the upgrade waits")
    process.terminate()
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the upgrade was stopped; the old one goes on" in errors
    assert log.read_text().splitlines()[-2:] == ["engine rm --force new", "engine start --attach copied"]


def test_a_wrong_argument_is_refused(fakes: dict[str, str]) -> None:
    done, lines = run(fakes, "--now")
    assert (done.returncode, lines) == (2, [])
