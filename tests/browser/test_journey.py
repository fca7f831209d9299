"""The main journey, with JavaScript, without it, and with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]


def _suitability(page: Page) -> str:
    return page.locator("#answer [data-number=suitability]").get_attribute("value") or ""


def _choose_blackcap(page: Page) -> None:
    box = page.get_by_role("combobox", name="Scientific or common name")
    box.focus()
    page.keyboard.type("blackcpa")
    expect(page.locator("#species-options [role=option]").first).to_contain_text("blackcap")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#species-options [aria-selected=true]")).to_contain_text("blackcap")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"species=sylvia-atricapilla"))
    expect(page.locator("#answer-title")).to_contain_text("Sylvia atricapilla")


def test_with_javascript(visit: Visit) -> None:
    page = visit("/")
    page.evaluate("window.stayed = true")
    _choose_blackcap(page)

    before = _suitability(page)
    with page.expect_response(lambda r: r.request.method == "POST"):
        page.locator("[name='env.trees']").fill("95")
        page.locator("[name='env.bare_rock']").fill("1")
    page.wait_for_function(
        "before => document.querySelector('#answer [data-number=suitability]').value !== before", arg=before
    )
    expect(page.locator("#answer")).to_contain_text("Preview: not stored")
    page.locator("#predict").click()
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    assert page.evaluate("window.stayed") is True, "the page was loaded anew"

    shown = _suitability(page)
    page.locator("#answer a", has_text="Permanent link").click()
    expect(page).to_have_url(re.compile(r"/predictions/[0-9a-f-]{36}$"))
    assert _suitability(page) == shown
    page.go_back()
    expect(page).to_have_url(re.compile(r"species=sylvia-atricapilla"))
    expect(page.locator("#answer-title")).to_contain_text("Sylvia atricapilla")
    page.go_back()
    expect(page.locator("#answer-title")).not_to_contain_text("Sylvia atricapilla")


def test_without_javascript(visit: Visit) -> None:
    page = visit("/", scripts=False)
    page.get_by_label("Scientific or common name").fill("blackcpa")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=re.compile("Sylvia atricapilla|blackcap", re.I)).first.click()
    if "/species/" in page.url:
        page.locator("a[href*='species=sylvia-atricapilla']").first.click()
    expect(page.locator("#conditions")).to_be_visible()
    page.locator("[name='env.trees']").fill("95")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer-title")).to_contain_text("Sylvia atricapilla")
    assert page.locator("[name='env.trees']").input_value() == "95"
    shown = _suitability(page)
    page.get_by_role("link", name="Permanent link").click()
    expect(page).to_have_url(re.compile(r"/predictions/"))
    assert _suitability(page) == shown


@pytest.mark.parametrize("scripts", [True, False], ids=["htmx", "plain"])
def test_a_wrong_value_is_named_beside_its_field(visit: Visit, scripts: bool) -> None:
    page = visit("/?species=oenanthe-hispanica", scripts=scripts)
    with page.expect_response(lambda r: r.request.method == "POST") as sent:
        page.locator("[name='env.trees']").fill("many")
        page.locator("#predict").click()
    assert sent.value.status == 422
    field = page.locator("[name='env.trees']")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("many")
    said = field.get_attribute("aria-describedby") or ""
    texts = [page.locator(f"[id='{name}']").inner_text() for name in said.split()]
    assert any(text.strip() for text in texts)
    expect(page.locator("[role=alert]").first).to_be_visible()
    # and the way back
    page.locator("[name='env.trees']").fill("20")
    page.locator("#predict").click()
    expect(page.locator("#answer [data-number=suitability]")).to_be_visible()
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)


def test_a_value_outside_the_training_range_is_flagged(visit: Visit) -> None:
    page = visit("/?species=oenanthe-hispanica")
    page.locator("[name='env.temperature']").fill("60")
    expect(page.locator("#answer .notice-warning")).to_contain_text("Outside the conditions")


def test_keyboard_only(visit: Visit) -> None:
    page = visit("/")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "combobox":
            break
    else:
        pytest.fail("Tab never reaches the species box")
    _choose_blackcap(page)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "env.trees":
            break
    else:
        pytest.fail("Tab never reaches the conditions")
    with page.expect_response(lambda r: r.request.method == "POST" and r.status == 200):
        page.keyboard.press("Control+A")
        page.keyboard.type("77")
        page.keyboard.press("Enter")
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    # the focus stays where the visitor was
    assert page.evaluate("document.activeElement.name") == "env.trees"
