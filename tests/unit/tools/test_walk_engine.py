"""tools/walk.sh: the engine of a walk, with programs that stand for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tools.live import PROJECT

_FAKES = {
    "id": "echo ${USER_ID:-0}",
    "ip": '[ "$*" != "link show docker0" ] || exit ${NO_OTHER:-1}',
    "sysctl": '[ "$1" != -n ] || echo 0',
    "iptables-save": "echo '*filter'",
    "iptables-restore": 'echo "restored $(cat)" >>"$LOG"',
    # the engine answers after it has set its trap
    "docker": 'grep -q "^engine" "$LOG"',
    "docker-compose": "",
    "debootstrap": "",
    "iptables": "",
    "dockerd": """
[ -z "${BROKEN:-}" ] || { echo "no cgroups" >&2; exit 1; }
trap 'echo "engine ended" >>"$LOG"; exit 0' TERM
echo "engine $*" >>"$LOG"
while :; do sleep 0.05; done
""",
    "python": """
trap 'echo "walk ended" >>"$LOG"; exit 143' TERM
echo "walk $* $DOCKER_HOST" >>"$LOG"
while [ -n "${WAITS:-}" ]; do sleep 0.05; done
exit ${STATUS:-0}
""",
}


@pytest.fixture
def fakes(tmp_path: Path) -> dict[str, str]:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in _FAKES.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "temporary").mkdir()
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": str(programs / "python"),
        "DOCKER": str(programs / "docker"),
        "LOG": str(tmp_path / "log"),
        "TMPDIR": str(tmp_path / "temporary"),
    }


def _run(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(PROJECT / "tools" / "walk.sh"), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def _log(environ: dict[str, str]) -> list[str]:
    path = Path(environ["LOG"])
    return path.read_text().splitlines() if path.exists() else []


def test_the_walk_has_an_engine_of_its_own_that_ends_with_it(fakes: dict[str, str], tmp_path: Path) -> None:
    done = _run(fakes, "--step", "train")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    engine, walk, *rest = _log(fakes)
    assert "--bridge none" in engine
    assert walk.startswith(f"walk -m tools.containers --step train unix://{fakes['TMPDIR']}/")
    assert rest == ["engine ended", "restored *filter"]
    assert not list((tmp_path / "temporary").iterdir())


def test_a_step_that_fails_fails_the_command(fakes: dict[str, str], tmp_path: Path) -> None:
    done = _run({**fakes, "STATUS": "1"})
    assert done.returncode == 1
    assert "a step failed" in done.stderr
    assert _log(fakes)[-2:] == ["engine ended", "restored *filter"]
    assert not list((tmp_path / "temporary").iterdir())


def test_a_walk_that_takes_too_long_fails(fakes: dict[str, str]) -> None:
    done = _run({**fakes, "WAITS": "1", "WALK_SECONDS": "0.5"})
    assert done.returncode == 1
    assert "not done after 0.5 s" in done.stderr
    assert _log(fakes)[-2:] == ["engine ended", "restored *filter"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"USER_ID": "1000"}, "only root can start a container engine"),
        ({"NO_OTHER": "0"}, "another engine runs here; use it with: make containers"),
        ({"BROKEN": "1", "DOCKER": "false"}, "the engine does not start: no cgroups"),
    ],
)
def test_without_an_engine_one_line_says_why(
    changes: dict[str, str], reason: str, fakes: dict[str, str], tmp_path: Path
) -> None:
    done = _run({**fakes, **changes})
    assert (done.returncode, done.stdout, done.stderr) == (0, f"walk: not done: {reason}\n", "")
    assert not [line for line in _log(fakes) if line.startswith("walk")]
    assert not list((tmp_path / "temporary").iterdir())


def test_without_packages_one_line_names_them(fakes: dict[str, str], tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    (programs / "dockerd").unlink()
    for name in ("sh", "dirname", "openssl", "git"):
        (programs / name).symlink_to(shutil.which(name) or name)
    done = _run({**fakes, "PATH": str(programs)})
    assert (done.returncode, done.stdout) == (0, "walk: not done: these are not installed: docker.io\n")


def test_a_signal_ends_the_walk_and_then_the_engine(fakes: dict[str, str], tmp_path: Path) -> None:
    command = ["sh", str(PROJECT / "tools" / "walk.sh")]
    with subprocess.Popen(command, env={**fakes, "WAITS": "1"}) as process:
        while not [line for line in _log(fakes) if line.startswith("walk -m")]:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert _log(fakes)[-3:] == ["walk ended", "engine ended", "restored *filter"]
    assert not list((tmp_path / "temporary").iterdir())
