"""``--help`` of the shell tools says what they do, and does nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.live import PROJECT

TOOLS = sorted((PROJECT / "tools").glob("*.sh"))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_the_head_of_the_file(tmp_path: Path, tool: Path, option: str) -> None:
    """The tool is a copy in an empty folder, with no command that could do anything."""
    copy = tmp_path / "tools" / tool.name
    copy.parent.mkdir()
    copy.write_bytes(tool.read_bytes())
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(["sh", copy, option], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"sh tools/{tool.name}" in done.stdout
    assert "set -" not in done.stdout
    assert sorted(tmp_path.rglob("*")) == [copy.parent, copy]
