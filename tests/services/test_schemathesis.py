"""Schemathesis sends requests that the OpenAPI document allows, and others, to the running API.

Once nobody sends them, where everything is open. Then a person with the role editor sends them in production: by a key,
and by a token.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app import create_app
from app.accounts import keys, users
from app.config.settings import load_settings
from app.plans import service as plans
from tests.contract.accounts.conftest import PASSWORD
from tests.services.conftest import call
from tools import live
from tools.live import Site

CONFIG = Path(__file__).with_name("schemathesis.toml")
CONFIG_OF_ACCOUNTS = Path(__file__).with_name("schemathesis-accounts.toml")
EDITOR = "editor@example.org"


def examine(
    site: Site, workroom: Path, config: Path, most: int, headers: Sequence[str] = (), more: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Let schemathesis examine a site with a number of requests an operation."""
    command = [
        Path(sysconfig.get_paths()["scripts"]) / "schemathesis",
        "--config-file",
        config,
        "run",
        f"{site.url}/openapi.json",
    ]
    command += ["--checks", "all", "--max-examples", most, "--seed", "1", "--generation-database", "none"]
    command += ["--request-timeout", "10", "--no-color"]
    command += more
    for header in headers:
        command += ["--header", header]
    return subprocess.run(
        list(map(str, command)), cwd=workroom, env=site.environ, capture_output=True, text=True, check=False
    )


def assert_keeps(done: subprocess.CompletedProcess[str], log: str) -> None:
    assert done.returncode == 0, "\n".join(line[:300] for line in (done.stdout + done.stderr).splitlines())
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated, done.stdout[-2000:]
    assert int(generated[1]) > 100
    assert "Traceback" not in log


def summary_of(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout[done.stdout.find("= SUMMARY") :] if "= SUMMARY" in done.stdout else done.stdout[-3000:]


def test_the_api_keeps_to_its_document(
    prepared: Path, workroom: Path, record_summary: Callable[[str, str], None]
) -> None:
    environ = live.copy_site(prepared, workroom / "schemathesis")
    # without gunicorn's own limit on addresses, which answers 414 in HTML before the application is asked
    with live.serving(environ, GUNICORN_CMD_ARGS="--limit-request-line=0") as site:
        done = examine(site, workroom, CONFIG, 12)
        log = site.program.output()
    record_summary("schemathesis", summary_of(done))
    assert_keeps(done, log)


@pytest.mark.parametrize("credential", ["key", "token"])
def test_the_api_keeps_to_its_document_for_an_editor(
    credential: str, prepared: Path, workroom: Path, record_summary: Callable[[str, str], None]
) -> None:
    environ = live.copy_site(
        prepared, workroom / f"schemathesis-{credential}", ENVIRONMENT="production", ALLOWED_HOSTS="127.0.0.1"
    )
    app = create_app(load_settings(environ))
    with app.app_context():
        user = users.create(EDITOR, "editor", PASSWORD)
        key = keys.create(user, user.epoch, "a test", ["write"], 1)[1]
        # the rate is that of the site, so that the answers are not all 429
        plans.change("free", 0, None, {"requests_a_month": None})
    with live.serving(environ, GUNICORN_CMD_ARGS="--limit-request-line=0") as site:
        if credential == "key":
            header = f"X-API-Key: {key}"
        else:
            given = call(f"{site.url}/api/v1/auth/token", {"email": EDITOR, "password": PASSWORD})
            assert given.status == 200, given.json
            header = f"Authorization: Bearer {given.json['access_token']}"
        own = call(f"{site.url}/api/v1/studies", {"title": "Of the editor"}, dict([header.split(": ")]))
        assert own.status == 201, own.json
        # wrong keys and passwords have a limit of their own, after which everything from the address is refused
        more = ["--exclude-checks", "ignored_auth", "--exclude-path-regex", "^/api/v1/auth/"]
        done = examine(site, workroom, CONFIG_OF_ACCOUNTS, 4, [header], more)
        log = site.program.output()
    record_summary(f"schemathesis with a {credential}", summary_of(done))
    assert_keeps(done, log)
    assert key not in log
