"""The container files are well formed: no engine is needed to check that much."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

from tools.live import PROJECT

SCRIPTS = Path(sysconfig.get_paths()["scripts"])


def _run(*command: str | Path) -> None:
    done = subprocess.run(list(map(str, command)), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_file_keeps_to_its_schema() -> None:
    _run(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")


def test_dockerfile_passes_hadolint() -> None:
    _run(SCRIPTS / "hadolint", "Dockerfile")
