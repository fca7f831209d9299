"""Debian's Chromium on a running site with small real models; a test fails on any console error."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import system_program
from tools import live

_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
]


@pytest.fixture(scope="session")
def url(prepared: Path, workroom: Path) -> Iterator[str]:
    if not (live.PROJECT / "app/static/vendor/htmx.min.js").exists():
        pytest.fail("app/static/vendor/htmx.min.js is missing; get it with `make fetch`")
    with live.serving(live.copy_site(prepared, workroom / "browser", WEB_CONCURRENCY="1")) as site:
        yield site.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # built without what shows windows, and so quicker
    path = shutil.which("chromium-headless-shell") or system_program("chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Open a page in a fresh context; afterwards nothing may stand in the console that no test expects."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_page(path: str = "/", *, width: int = 1280, scripts: bool = True, dark: bool = False) -> Page:
        context = browser.new_context(
            base_url=url,
            java_script_enabled=scripts,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(f"exception: {error}"))
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # Chromium reports every 4xx as an error; a refused form and a page that does not exist are meant
    meant = ("status of 409", "status of 422", "status of 404", "Response Status Error Code 422")
    wrong = [text for text in said if not any(part in text for part in meant)]
    # what is typed on replaces a request under way where the machine is slow; htmx reports that as these two
    for abort in [text for text in wrong if text.startswith("htmx:sendAbort")]:
        wrong.remove(abort)
        wrong.remove(abort.replace("sendAbort", "afterRequest"))
    assert wrong == []
