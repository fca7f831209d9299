"""Comparisons in a browser: while typing, by keyboard, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tools import live

Visit = Callable[..., Page]


def _order(page: Page) -> list[str]:
    return page.locator(".ranking .who em").all_inner_texts()


def test_the_ranking_follows_what_is_typed(visit: Visit) -> None:
    page = visit("/compare/species")
    before = _order(page)
    page.locator("[name='env.bare_rock']").fill("88")
    page.locator("[name='env.trees']").fill("1")
    expect(page).to_have_url(re.compile(r"env\.bare_rock=88&env\.trees=1"))
    expect(page.locator("#status")).to_contain_text(re.compile("species"))
    after = _order(page)
    assert sorted(after) == sorted(before)
    page.reload()
    assert _order(page) == after, "the address holds the question"
    expect(page.locator("[name='env.bare_rock']")).to_have_value("88")


def test_messages_come_and_go(visit: Visit) -> None:
    page = visit("/compare/species")
    trees = page.locator("[name='env.trees']")
    trees.fill("many")
    expect(page.locator("#status")).to_contain_text("Waiting for a number in Trees")
    trees.press("Enter")
    expect(page.locator("#error-summary")).to_contain_text("Trees: Must be a number")
    expect(trees).to_be_focused()
    trees.fill("20")
    expect(page.locator("#error-summary")).to_have_count(0)
    expect(page.locator(".ranking .who")).to_have_count(4)


def test_sets_are_added_changed_and_removed(visit: Visit) -> None:
    page = visit("/compare/conditions")
    columns = page.locator(".sets [name^='label.']")
    expect(columns).to_have_count(3)
    page.get_by_role("button", name="Add another set").click()
    expect(columns).to_have_count(4)
    page.locator("[name='env.4.trees']").fill("93")
    expect(page).to_have_url(re.compile(r"env\.4\.trees=93"))
    # the Enter key compares; it must not press the first button that removes a set
    page.locator("[name='env.4.trees']").press("Enter")
    page.wait_for_load_state("networkidle")
    expect(columns).to_have_count(4)
    page.get_by_role("button", name="Remove set 1").click()
    expect(columns).to_have_count(3)
    expect(page.locator("[name='env.3.trees']")).to_have_value("93")


def test_rows_that_differ_are_marked_at_once(visit: Visit) -> None:
    page = visit("/compare/conditions")
    row = page.locator("tr[data-predictor]", has_text="Trees")
    for at in (1, 2, 3):
        page.locator(f"[name='env.{at}.trees']").fill("12,5")
    expect(row).not_to_have_class(re.compile("differs"))
    page.locator("[name='env.2.trees']").fill("13")
    expect(row).to_have_class(re.compile("differs"))
    expect(row.locator("[data-differs]")).to_be_visible()


def test_without_javascript(visit: Visit) -> None:
    page = visit("/compare", scripts=False)
    page.get_by_role("link", name="Several conditions, one species").click()
    page.locator("select[name=species]").select_option("parus-major")
    page.get_by_role("button", name="Choose").click()
    page.get_by_role("button", name="Add another set").click()
    page.locator("[name='env.4.trees']").fill("7,5")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#compared .set-verdict")).to_have_count(4)
    expect(page.locator("[name='env.4.trees']")).to_have_value("7,5")
    page.get_by_role("button", name="Remove set 2").click()
    expect(page.locator("#compared .set-verdict")).to_have_count(3)
    page.get_by_role("link", name="Several species").click()
    page.locator("[name='env.trees']").fill("x")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.locator("#error-summary")).to_contain_text("Must be a number")
    expect(page).to_have_title(re.compile("^Error"))


def test_the_file_has_the_values_on_the_page(visit: Visit) -> None:
    page = visit("/compare/species")
    page.locator("[name='env.trees']").fill("7,5")
    expect(page.locator("#ranking .download")).to_have_attribute("href", re.compile(r"env\.trees=7%2C5|env\.trees=7,5"))
    with page.expect_download() as download:
        page.locator("#ranking .download").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0].startswith(
        "rank,species,scientific_name,vernacular_name,verdict,verdict_reason,suitability,low,high,"
    )
    assert len(lines) == 1 + len(_order(page))
    assert all(",7.5," in line for line in lines[1:])


def test_rows_become_blocks_and_nothing_scrolls_sideways(visit: Visit) -> None:
    for path in ("/compare/species", "/compare/conditions", "/compare/models", "/analytics"):
        page = visit(path, width=360)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path
        inner = "[...document.querySelectorAll('main *')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
        inner += "getComputedStyle(e).overflowX === 'auto').length"
        assert page.evaluate(inner) == 0, path
    page = visit("/compare/species", width=360)
    row = page.locator(".ranking tbody tr").first
    label = row.locator("td[data-label='Suitability']")
    assert label.evaluate("e => getComputedStyle(e, '::before').content") == '"Suitability"'
    assert row.evaluate("e => getComputedStyle(e).display") == "block"
    # the roles keep it a table for those who hear it
    assert page.get_by_role("table").first.get_by_role("columnheader").count() == 6


def test_analytics_sort_in_place_and_back(visit: Visit) -> None:
    page = visit("/?species=oenanthe-hispanica")
    with page.expect_response(lambda r: r.request.method == "POST"):
        page.locator("#predict").click()
    heading = page.locator("#sort-name")

    def counted() -> bool:
        page.goto("/analytics")
        return heading.count() == 1

    # answers are stored a moment later
    live.wait_until(counted, what="an answer in the analytics")
    heading.focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort]")).to_have_text(re.compile("Species"))
    expect(page).to_have_url(re.compile(r"sort=name"))
    expect(heading).to_be_focused()
    page.go_back()
    expect(page.locator("th[aria-sort]")).to_have_text(re.compile("Answers"))
