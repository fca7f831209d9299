"""A reload of gunicorn runs the code that is installed by then, or says why the version that runs goes on."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.services.conftest import predict
from tools import checkouts, live
from tools.live import PROJECT

REQUIREMENTS = "requirements.txt has changed, and a reload does not load libraries"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of what gunicorn runs."""
    for name in ("app", "ml"):
        shutil.copytree(PROJECT / name, tmp_path / "code" / name)
    for name in ("wsgi.py", "gunicorn.conf.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(PROJECT / name, tmp_path / "code")
    return tmp_path / "code"


@pytest.fixture
def site(code: Path, prepared: Path, workroom: Path) -> Iterator[live.Site]:
    environ = live.copy_site(prepared, workroom / "reloads", ENVIRONMENT="production", SECRET_KEY="k" * 32)
    with live.serving(environ, project=code, patience=60) as running:
        yield running


def reload(site: live.Site) -> None:
    """Reload, and wait until both workers are new and answer."""

    def workers() -> set[int]:
        return {child.pid for child in psutil.Process(site.program.process.pid).children()}

    old = workers()
    site.program.process.send_signal(signal.SIGHUP)
    live.wait_until(lambda: len(workers()) == 2 and workers().isdisjoint(old), 60, "new workers")
    assert predict(site.url).status == 200


def version(site: live.Site) -> str:
    with live.NO_PROXY.open(f"{site.url}/openapi.json", timeout=20) as answer:
        return str(json.load(answer)["info"]["version"])


def reasons(site: live.Site) -> list[str]:
    """Why reloads did not change the version, from lines that are JSON as all others."""
    start = "The version that runs goes on, restart the server to change it: "
    messages = [json.loads(line)["message"] for line in site.program.output().splitlines() if "goes on" in line]
    assert all(message.startswith(start) for message in messages)
    return [message.removeprefix(start) for message in messages]


def test_a_reload_runs_the_code_that_is_installed_by_then(code: Path, site: live.Site) -> None:
    assert version(site) != checkouts.MARK
    checkouts.mark(code)
    reload(site)
    assert [version(site) for _ in range(8)] == [checkouts.MARK] * 8
    assert reasons(site) == []
    # code that cannot be imported
    module = code / "app" / "config" / "version.py"
    marked = module.read_text()
    module.write_text(marked + "\ndef (")
    reload(site)
    assert version(site) == checkouts.MARK
    (reason,) = reasons(site)
    assert reason.startswith("the installed version cannot be imported (SyntaxError: ")
    # code that needs other libraries
    module.write_text(marked.replace(checkouts.MARK, "another"))
    requirements = code / "requirements.txt"
    pins = requirements.read_text()
    requirements.write_text(f"{pins}another==1\n")
    reload(site)
    assert version(site) == checkouts.MARK
    assert reasons(site) == [reason, f"{REQUIREMENTS}."]
    requirements.write_text(pins)
    reload(site)
    assert version(site) == "another"
