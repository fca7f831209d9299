"""Lists that sort and filter in place, folded reports, and printed pages."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

Visit = Callable[..., Page]


def names(page: Page) -> list[str]:
    return page.locator("tbody th em").all_inner_texts()


def test_a_heading_sorts_the_table_in_place(visit: Visit) -> None:
    page = visit("/species")
    assert names(page) == ["Oenanthe hispanica", "Parus major", "Sylvia atricapilla", "Turdus merula"]
    page.evaluate("window.stayed = true")
    page.locator("#sort-name").press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_have_text(re.compile(r"^Species\s*▼$"), use_inner_text=True)
    assert names(page) == ["Turdus merula", "Sylvia atricapilla", "Parus major", "Oenanthe hispanica"]
    # the page stayed, and so did the focus and the choice
    assert page.evaluate("window.stayed && document.activeElement.id") == "sort-name"
    assert page.locator("#sort").input_value() == "-name"
    assert page.url.endswith("/species?sort=-name")
    # the choice of the heading is kept by a search
    with page.expect_response("**/species?*q=*"):
        page.locator("#q").fill("a")
    page.wait_for_url("**sort=-name*")
    page.go_back()
    page.wait_for_url("**/species")
    expect(page.locator("tbody th em").first).to_have_text("Oenanthe hispanica")


def test_the_choices_above_the_table_sort_it_without_a_button(visit: Visit) -> None:
    page = visit("/models", width=360)
    page.locator("#sort").focus()
    with page.expect_response("**/models?*sort=-auc*"):
        page.locator("#sort").select_option("-auc")
    page.wait_for_url("**sort=-auc*")
    scores = [float(text.split()[0]) for text in page.locator("td[data-label=AUC] > span").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    assert page.evaluate("document.activeElement.id") == "sort"


def test_without_scripts_the_table_is_sorted_by_links_and_by_the_form(visit: Visit) -> None:
    page = visit("/species", scripts=False)
    page.locator("#sort-name").click()
    assert names(page)[0] == "Turdus merula"
    page.locator("#sort").select_option("-presences")
    page.get_by_role("button", name="Search").click()
    assert "sort=-presences" in page.url
    counts = [int(text.split()[0]) for text in page.locator("td[data-label=Presences] > span").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("path", ["/species", "/models"])
def test_the_list_downloads_as_it_is_sorted(visit: Visit, path: str) -> None:
    page = visit(f"{path}?sort=-auc")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == f"{path.strip('/')}.csv"
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    assert names(page)[0] in lines[1]


@pytest.mark.parametrize("scripts", [True, False])
def test_an_address_opens_the_part_of_the_report_that_it_names(visit: Visit, scripts: bool) -> None:
    page = visit("/models", scripts=scripts)
    page.locator("tbody th a").first.click()
    page.wait_for_url("**/models/*")
    assert page.locator(".odmap-fold[open]").count() == 0
    link = page.locator('#missing-title ~ ul a, [aria-labelledby="missing-title"] a').first
    target = link.get_attribute("href")
    expect(page.locator(target)).to_be_hidden()
    link.click()
    expect(page.locator(target)).to_be_visible()
    assert page.locator(".odmap-fold[open]").count() == 1
    # the same by an address that was shared
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator(target)).to_be_visible()


def test_on_paper_the_report_is_open_and_names_its_address(visit: Visit) -> None:
    page = visit("/species/parus-major")
    source = page.locator(".print-source")
    expect(source).to_be_hidden()
    page.emulate_media(media="print")
    expect(source).to_be_visible()
    assert "/species/parus-major" in source.inner_text()
    assert "version 1" in source.inner_text()
    page.emulate_media(media="screen")
    page.get_by_role("link", name="Model card and ODMAP report").first.click()
    page.wait_for_url("**/models/*")
    model = page.url.rsplit("/", 1)[1]
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".odmap-fold:not([open])").count() == 0
    assert model in source.inner_text()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".odmap-fold[open]").count() == 0


@pytest.mark.parametrize(
    "path", ["/species", "/models", "/species/parus-major", "/species/parus-major/response-curves"]
)
def test_headings_are_in_order(visit: Visit, path: str) -> None:
    page = visit(path)
    levels = page.evaluate(
        "[...document.querySelectorAll('main h1, main h2, main h3, main h4, main h5')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("path", ["/species", "/models", "/species/parus-major"])
def test_targets_are_large_enough_for_a_finger(browser: Browser, url: str, path: str) -> None:
    context = browser.new_context(
        base_url=url, viewport={"width": 360, "height": 800}, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    page = context.new_page()
    page.goto(path)
    targets = "button, select, input, .page-actions a, .list-summary a, .list-go a, .fold > summary, tbody th > a"
    small = (
        page.locator("main")
        .locator(targets)
        .evaluate_all(
            """all => all.filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.9)
        .map(e => e.outerHTML.slice(0, 90))"""
        )
    )
    context.close()
    assert small == []


def test_nothing_is_wider_than_a_small_phone_also_when_opened(visit: Visit) -> None:
    page = visit("/species/parus-major", width=360)
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    # tables are rows of blocks, so that none has to be moved sideways
    assert page.evaluate(
        "[...document.querySelectorAll('main table')].every(t => t.scrollWidth <= t.parentElement.clientWidth + 1)"
    )
