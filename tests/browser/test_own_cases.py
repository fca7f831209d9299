"""A case of ../shared from files to an activated model in the browser: the model that the command trains."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Once
from tests.own_cases import CASES, FOLDS, TREES, Case, train_by_command
from tests.variants import thorough
from tools import live

# Reading files starts a program, and a training takes about a minute on a busy machine.
READING_MS, TRAINING_MS = 60_000, 240_000


@pytest.fixture(scope="module")
def site_with_worker(prepared: Path, workroom: Path) -> Iterator[live.Site]:
    """A site of its own with a worker, for all cases."""
    environ = live.copy_site(prepared, workroom / "own-case", WEB_CONCURRENCY="1")
    worker = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "work"],
        cwd=live.PROJECT,
        # a small training takes less time than the start of two more processes
        env=environ | {"JOBLIB_MULTIPROCESSING": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with live.serving(environ) as site:
            yield site
    finally:
        worker.terminate()
        worker.wait(20)


@pytest.mark.parametrize("case", [*map(thorough, CASES[:2]), *CASES[2:]], ids=lambda case: case.folder)
def test_from_files_to_an_activated_model(
    case: Case, browser: Browser, site_with_worker: live.Site, once: Once
) -> None:
    files = [case.path / name for name in case.files]
    model_id = _walk(browser, site_with_worker.url, case, files)
    assert model_id == train_by_command(case, once)


def _walk(browser: Browser, url: str, case: Case, files: list[Path]) -> str:
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    try:
        page = context.new_page()
        page.goto("/studies")
        page.get_by_role("link", name="New study").first.click()
        page.get_by_label("Name of the study").fill(case.title)
        page.get_by_label("Records and layers").set_input_files(files)
        page.get_by_role("button", name="Create the study").click()
        expect(page.locator("#study-files")).to_contain_text("layer", timeout=READING_MS)
        for file in files:
            expect(page.locator("#study-files")).to_contain_text(file.name, timeout=READING_MS)
        page.get_by_role("link", name="Go on: Records").click()
        if case.species:
            page.get_by_label("Species of all records").fill(case.species)
            page.get_by_role("button", name="Read the file this way").first.click()
        sentence = re.compile(rf"{case.kept:,} of {case.n:,}\s+records\s+kept\s+in\s+{case.kept:,}\s+cells")
        expect(page.get_by_role("form", name="Rules of the records")).to_contain_text(sentence, timeout=READING_MS)
        page.get_by_role("link", name="Next: check layers").click()
        page.get_by_role("link", name="Next: start the training").click()
        expect(page.locator("#start")).to_contain_text(f"{case.valid:,} valid cells", timeout=READING_MS)
        page.get_by_text("Settings", exact=True).click()
        page.get_by_label("Trees").fill(str(TREES))
        page.get_by_label("folds").fill(str(FOLDS))
        page.get_by_role("button", name="Start").click()
        page.wait_for_url(re.compile("/jobs/"), timeout=READING_MS)
        page.get_by_role("link", name="See the result").click(timeout=TRAINING_MS)
        page.get_by_role("button", name=re.compile("Activate")).first.click()
        expect(page.locator(".versions-status")).to_contain_text("answers now")
        link = page.get_by_role("link", name="Version 1").first.get_attribute("href")
        assert link is not None
        return link.rsplit("/", 1)[1]
    finally:
        context.close()
