"""What was found, reported below an answer and decided by an editor, in a browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def stored_answer(visit, **how):
    """The page of a stored answer with its form unfolded."""
    page = visit("/?species=parus-major")
    page.locator("#predict").click()
    link = page.locator("#answer a", has_text="Permanent link to this answer")
    link.wait_for()
    page = visit(link.get_attribute("href"), **how)
    page.locator("details.observe > summary").click()
    return page


@pytest.mark.parametrize("how", [{}, {"scripts": False, "width": 360, "dark": True}])
def test_an_observation_is_reported_and_accepted(visit, how):
    page = stored_answer(visit, **how)
    if how.get("scripts", True):
        assert not Axe().run(page, options={"runOnly": TAGS}).response["violations"]
    page.get_by_label("absent: not found").check()
    page.get_by_role("button", name="Report").click()
    # the message is beside its field, and the choice is kept
    expect(page.locator("#observe-date-error")).to_contain_text("Choose the day of the search.")
    expect(page.get_by_label("absent: not found")).to_be_checked()
    page.get_by_label("On this day").fill("2026-05-31")
    page.get_by_label("Note (optional)").fill("a note of this test")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_text("Thank you.", exact=True)).to_be_visible()
    page.goto("/observations")
    row = page.locator("tr", has_text="a note of this test").first
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Accept the chosen ones").click()
    expect(page.get_by_text("1 observation accepted.")).to_be_visible()
    if how.get("scripts", True):
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert not Axe().run(page, options={"runOnly": TAGS}).response["violations"]
    page.goto("/accuracy")
    expect(page.get_by_text("too few for a figure")).to_be_visible()
