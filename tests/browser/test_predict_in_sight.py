"""What is in sight on the Predict page, and stays there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conditions import type_value

Visit = Callable[..., Page]
WHEATEAR = "/?species=oenanthe-hispanica"


def _bottom(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None, selector
    return box["y"] + box["height"]


def test_what_matters_is_in_sight_at_1366_by_640(visit: Visit) -> None:
    page = visit("/", width=1366)
    page.set_viewport_size({"width": 1366, "height": 640})
    for selector in ("#species-q", ".field-row", ".verdict-word", ".verdict-figure", ".quality", ".gauge", "#predict"):
        assert _bottom(page, selector) <= 640, selector


@pytest.mark.parametrize(("width", "height"), [(1366, 640), (1280, 450), (640, 450), (360, 800)])
def test_the_verdict_stays_in_sight(visit: Visit, width: int, height: int) -> None:
    page = visit("/", width=width)
    page.set_viewport_size({"width": width, "height": height})
    page.locator("#trust").scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)
    expect(page.locator(".answer-bar .verdict-word")).to_be_in_viewport()
    page.locator(".field-row input").last.focus()
    shown = "#brief" if width < 900 else ".answer-bar .verdict-word"
    expect(page.locator(shown)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_slim_verdict_bar_of_a_phone_follows_the_answer(visit: Visit) -> None:
    page = visit(WHEATEAR, width=360)
    type_value(page, "temperature", "60")
    bar = page.locator("#brief")
    expect(bar).to_contain_text("Cannot say")
    expect(bar.locator(".chip")).to_have_count(1)
    expect(bar).to_be_in_viewport()


def test_the_rows_of_a_phone_do_not_move_at_the_first_edit(visit: Visit) -> None:
    page = visit(WHEATEAR, width=360)
    last, row = page.locator("#start-last"), page.locator("[name='env.trees']")
    expect(last).to_be_hidden()
    before = row.bounding_box()
    type_value(page, "trees", "44")
    expect(last).to_be_visible()
    assert row.bounding_box() == before
