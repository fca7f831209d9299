"""Screen 1 of own data: files dropped and chosen, with and without JavaScript, after a broken connection."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, Browser, Page, Route, expect

from tests.browser.test_pages import _TAGS
from tests.variants import thorough

Visit = Callable[..., Page]
# An inspection starts a program, which takes seconds on a busy machine.
SLOW_MS = 60_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    table = tmp_path / "lizards.csv"
    table.write_text("species,decimalLongitude,decimalLatitude\nLacerta schreiberi,-8.1,42.3\n")
    notes = tmp_path / "notes.txt"
    notes.write_text("nothing that a study is made of")
    return [table, notes]


def accessible(page: Page) -> None:
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": _TAGS}})
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [360, thorough(1280)])
@pytest.mark.parametrize("dark", [False, thorough(True)])
def test_the_pages_are_accessible_and_fit(visit: Visit, width: int, dark: bool) -> None:
    page = visit("/studies", width=width, dark=dark)
    for address in ("/studies", "/studies/new", "/studies/test-hills"):
        page.goto(address)
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_a_new_study_by_script(visit: Visit, files: list[Path]) -> None:
    page = visit("/studies/new", width=360)
    page.get_by_label("Records and layers").set_input_files(files)
    # a name to start from is in its field, and nothing is sent before the button is pressed
    expect(page.get_by_label("Name of the study")).to_have_value("lizards")
    expect(page.locator("[data-upload-count]")).to_contain_text("2 files wait.")
    page.get_by_label("Name of the study").fill(" ")
    page.get_by_role("button", name="Create the study").click()
    assert page.url.endswith("/studies/new")
    page.get_by_label("Name of the study").fill("Scripted lizards")
    page.get_by_role("button", name="Create the study").click()
    page.wait_for_url(re.compile("/studies/scripted-lizards"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Scripted lizards", timeout=SLOW_MS)
    expect(page.locator("#study-files")).to_contain_text("lizards.csv")
    expect(page.locator("#study-files")).to_contain_text("notes.txt")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # a further file on the page of the study, whose list and steps are then up to date
    page.get_by_label("Records and layers").set_input_files(
        {"name": "con.csv", "mimeType": "text/csv", "buffer": b"x"},
    )
    expect(page.locator(".file-refused")).to_contain_text("must not be the name of a device", timeout=SLOW_MS)
    # nothing is deleted where the question is answered with no
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Delete notes.txt").click()
    expect(page.locator("#study-files")).to_contain_text("notes.txt")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete notes.txt").click()
    expect(page.locator("#study-files")).to_contain_text("notes.txt was deleted.")
    expect(page.get_by_role("button", name="Delete notes.txt")).to_have_count(0)
    expect(page.locator("#status")).to_contain_text("notes.txt was deleted.")
    expect(page.locator("#study-steps")).to_contain_text("1 file")
    # a refused file stays to be read
    expect(page.locator(".file-refused")).to_contain_text("con.csv")


@pytest.mark.parametrize("first", ["list", "deletion"])
def test_a_file_is_deleted_while_an_upload_asks_for_the_list(visit: Visit, files: list[Path], first: str) -> None:
    """Whichever answer is first, the page shows what was deleted and what was uploaded."""
    page = visit("/studies/new")
    page.get_by_label("Records and layers").set_input_files(files)
    page.get_by_label("Name of the study").fill(f"Slow lizards {first}")
    page.get_by_role("button", name="Create the study").click()
    expect(page.locator("#study-files")).to_contain_text("notes.txt", timeout=SLOW_MS)
    held: dict[str, list[tuple[Route, APIResponse]]] = {"list": [], "deletion": []}

    def hold(kind: str, route: Route) -> None:
        # the server answers at once, and the browser gets the first answer later
        if held[kind]:
            route.continue_()
        else:
            held[kind].append((route, route.fetch()))

    page.route(re.compile("/studies/slow-lizards-[a-z]+$"), lambda route: hold("list", route))
    page.route("**/files/delete", lambda route: hold("deletion", route))
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Records and layers").set_input_files(
        {"name": "more.csv", "mimeType": "text/csv", "buffer": files[0].read_bytes()}
    )
    _until(page, lambda: bool(held["list"]))
    page.get_by_role("button", name="Delete notes.txt").click()
    _until(page, lambda: bool(held["deletion"]))
    for kind in (first, *(held.keys() - {first})):
        ((route, answer),) = held[kind]
        route.fulfill(response=answer)
        page.wait_for_timeout(300)
    expect(page.locator("#status")).to_have_text("1 file stored.")
    expect(page.locator("#study-files")).to_contain_text("notes.txt was deleted.")
    expect(page.locator("#study-files")).to_contain_text("more.csv")
    expect(page.get_by_role("button", name="Delete notes.txt")).to_have_count(0)


def _until(page: Page, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        page.wait_for_timeout(50)


def test_a_broken_connection_is_continued(browser: Browser, url: str) -> None:
    # Chromium reports a broken connection as an error in the console, which `visit` does not allow.
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/studies/new")
    sent: list[str | None] = []

    def break_once(route: Route) -> None:
        header = route.request.headers.get("content-range")
        sent.append(header)
        if len(sent) == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/files/*", break_once)
    page.get_by_label("Records and layers").set_input_files(
        {"name": "broken_lizards.csv", "mimeType": "text/csv", "buffer": b"species\n" * 1000},
    )
    page.get_by_role("button", name="Create the study").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("broken lizards", timeout=SLOW_MS)
    expect(page.locator("#study-files")).to_contain_text("broken_lizards.csv")
    assert sent[0] == "bytes */8000"
    assert len(sent) >= 4
    context.close()


def test_a_new_study_without_scripts(visit: Visit, files: list[Path]) -> None:
    page = visit("/studies/new", scripts=False)
    page.get_by_label("Name of the study").fill("Plain lizards")
    page.get_by_label("Records and layers").set_input_files(files)
    page.get_by_role("button", name="Create the study").click(timeout=SLOW_MS)
    page.wait_for_url(re.compile("/studies/plain-lizards"), timeout=SLOW_MS)
    expect(page.locator("#study-files")).to_contain_text("lizards.csv")
    page.get_by_role("button", name="Delete notes.txt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete notes.txt?")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#study-files")).to_contain_text("notes.txt was deleted.")
    expect(page.get_by_role("button", name="Delete notes.txt")).to_have_count(0)
