"""Schemathesis sends requests that the OpenAPI document allows, and others, to the running API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.examining import examine
from tests.variants import thorough
from tools import live

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.parametrize("examples", [5, thorough(12)])
def test_the_api_keeps_to_its_document(
    examples: int, prepared: Path, workroom: Path, record_summary: Callable[[str, str], None]
) -> None:
    environ = live.copy_site(prepared, workroom / "schemathesis", WEB_CONCURRENCY="1")
    # without gunicorn's own limit on addresses, which answers 414 in HTML before the application is asked
    with live.serving(environ, GUNICORN_CMD_ARGS="--limit-request-line=0") as site:
        done = examine(site, workroom, CONFIG, examples, options=["--checks", "all"])
        log = site.program.output()
    record_summary("schemathesis", done.summary)
    done.assert_keeps(101)
    assert "Traceback" not in log
