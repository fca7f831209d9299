"""The page of batches: a table is checked, answered and downloaded, with and without JavaScript."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_uploads import accessible

Visit = Callable[..., Page]


@pytest.mark.parametrize(("width", "scripts", "dark"), [(360, True, True), (1280, False, False)])
def test_a_table_is_checked_answered_and_downloaded(
    visit: Visit, tmp_path: Path, width: int, scripts: bool, dark: bool
) -> None:
    page = visit("/batch", width=width, scripts=scripts, dark=dark)

    def check() -> None:
        if scripts:
            accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    check()
    page.get_by_role("button", name="Check the table").click()
    expect(page.locator("#batch-species-error")).to_contain_text("Choose a species")
    check()
    page.get_by_label("Species").select_option("oenanthe-hispanica")
    page.get_by_label("Or paste it").fill("site,bare_rock\nA,1\n")
    page.get_by_role("button", name="Check the table").click()
    expect(page.locator("#batch-text-error")).to_contain_text("has no column")
    expect(page.get_by_label("Or paste it")).to_have_value("site,bare_rock\nA,1\n")
    check()
    with page.expect_download() as template:
        page.get_by_role("link", name="Template as CSV").click()
    header, example = template.value.path().read_text().splitlines()
    table = tmp_path / "sites.csv"
    table.write_text(f"site,{header}\nA,{example}\nB,{example.replace(example.split(',')[0], 'NA', 1)}\n")
    page.get_by_label("Table as a file").set_input_files(table)
    page.get_by_role("button", name="Check the table").click()
    expect(page.locator("#preview")).to_contain_text("1 row has a value that cannot be used")
    check()
    page.get_by_role("button", name="Answer 2 rows").click()
    expect(page.locator("#answers")).to_contain_text("Answers to 2 rows")
    check()
    with page.expect_download() as answers:
        page.get_by_role("button", name="Answers as CSV").click()
    rows = list(csv.DictReader(answers.value.path().read_text().splitlines()))
    assert [row["site"] for row in rows] == ["A", "B"]
    assert [bool(row["verdict"]) for row in rows] == [True, False]
