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


def test_by_keyboard_the_focus_is_at_the_first_wrong_field_and_then_at_the_thanks(visit):
    page = stored_answer(visit)
    report = page.get_by_role("button", name="Report")
    report.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#observe-date-error")).to_be_visible()
    # a group of choices has its focus at the first of them
    expect(page.get_by_label("present", exact=True)).to_be_focused()
    page.keyboard.press("Space")
    report.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#observe-outcome-error")).to_have_count(0)
    date = page.get_by_label("On this day")
    expect(date).to_be_focused()
    date.fill("2026-05-31")
    report.focus()
    page.keyboard.press("Enter")
    thanks = page.locator(".notice", has_text="Thank you.")
    expect(thanks).to_be_focused()
    assert not Axe().run(page, options={"runOnly": TAGS}).response["violations"]


def test_a_report_that_is_refused_as_a_whole_has_the_focus_at_its_message(visit):
    page = stored_answer(visit)
    page.get_by_label("present", exact=True).check()
    page.get_by_label("On this day").fill("2026-05-31")
    page.locator(".observe-form [name=prediction]").evaluate("e => e.value = '00000000-0000-4000-8000-000000000000'")
    page.get_by_role("button", name="Report").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".observe-form .notice-error")).to_be_focused()
