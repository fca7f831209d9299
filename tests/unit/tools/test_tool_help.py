"""Every program of ``tools`` says what it does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.live import PROJECT

PROGRAMS = sorted(
    path.relative_to(PROJECT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__main__")
    for path in (PROJECT / "tools").rglob("*.py")
    # the child of tools.fuzzing is no command
    if path.name != "child.py" and ('__name__ == "__main__"' in path.read_text() or path.name == "__main__.py")
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_is_printed_and_nothing_is_started(program: str) -> None:
    command = [sys.executable, "-m", program, "--help"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.split()) > 10


def test_a_start_takes_no_arguments() -> None:
    command = [sys.executable, "-m", "tools.start", "8123"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "start: it takes no arguments; settings are environment variables\n"
