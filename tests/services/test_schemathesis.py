"""Schemathesis sends requests that the OpenAPI document allows, and others, to the running API."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

from tools import live

CONFIG = Path(__file__).with_name("schemathesis.toml")


def test_the_api_keeps_to_its_document(
    prepared: Path, workroom: Path, record_summary: Callable[[str, str], None]
) -> None:
    environ = live.copy_site(prepared, workroom / "schemathesis")
    # without gunicorn's own limit on addresses, which answers 414 in HTML before the application is asked
    with live.serving(environ, GUNICORN_CMD_ARGS="--limit-request-line=0") as site:
        command = [
            Path(sysconfig.get_paths()["scripts"]) / "schemathesis",
            "--config-file",
            CONFIG,
            "run",
            f"{site.url}/openapi.json",
        ]
        command += ["--checks", "all", "--max-examples", "12", "--seed", "1", "--generation-database", "none"]
        command += ["--request-timeout", "10", "--no-color"]
        done = subprocess.run(
            list(map(str, command)), cwd=workroom, env=site.environ, capture_output=True, text=True, check=False
        )
        log = site.program.output()
    summary = done.stdout[done.stdout.find("= SUMMARY") :] if "= SUMMARY" in done.stdout else done.stdout[-3000:]
    record_summary("schemathesis", summary)
    assert done.returncode == 0, "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines())
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated, done.stdout[-2000:]
    assert int(generated[1]) > 100
    assert "Traceback" not in log
