"""The predict page: previews, the address, the rules of typing, and what is in sight at each size."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, expect

from tests.browser.clipboard import copied, open_empty_clipboard
from tests.browser.conditions import is_post, type_value

Visit = Callable[..., Page]
WHEATEAR = "/?species=oenanthe-hispanica"


def _in_address(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlparse(page.url).query).items()}


def test_typing_previews_and_predict_stores(visit: Visit) -> None:
    page = visit(WHEATEAR)
    answered = type_value(page, "trees", "33")
    assert "preview=1" in (answered.request.post_data or "")
    expect(page.locator(".preview-note")).to_have_text("Preview: not stored")
    expect(page.locator("#answer a", has_text="Permanent link")).to_have_count(0)
    with page.expect_response(is_post) as stored:
        page.locator("#predict").click()
    assert "preview" not in (stored.value.request.post_data or "")
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    expect(page.locator(".preview-note")).to_have_count(0)


def test_predict_right_after_typing_is_not_replaced_by_a_preview(visit: Visit) -> None:
    page = visit(WHEATEAR)
    page.locator("[name='env.trees']").fill("34")
    page.locator("[name='env.trees']").press("Enter")
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    page.wait_for_timeout(900)  # longer than the delay of typing
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()


def test_copy_link_stores_the_answer_and_copies_its_permanent_link(visit: Visit) -> None:
    page = visit(WHEATEAR)
    open_empty_clipboard(page)
    type_value(page, "trees", "36")
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Link copied")
    link = copied(page)
    assert re.search(r"^http.*/predictions/[0-9a-f-]{36}$", link)
    assert link in page.get_by_role("status").inner_text()
    shown = page.locator("[data-number=suitability]").get_attribute("value")
    page.goto(link)
    assert page.locator("[data-number=suitability]").get_attribute("value") == shown


def test_a_link_that_cannot_be_copied_is_shown(visit: Visit) -> None:
    page = visit(WHEATEAR)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.locator("#copy-link").click()
    expect(page.get_by_label("Permanent link", exact=True)).to_have_value(re.compile("/predictions/[0-9a-f-]{36}$"))


def test_the_address_holds_the_values_through_reload_and_back(visit: Visit) -> None:
    page = visit("/")
    type_value(page, "trees", "41")
    with page.expect_response(is_post):
        page.get_by_text("Threshold and extrapolation").click()
        page.get_by_label("Suitable from").select_option("P10")
    expect(page).to_have_url(re.compile("threshold=P10"))
    held = _in_address(page)
    assert held["env.trees"] == "41"
    assert held["species"]
    page.reload()
    expect(page.locator("[name='env.trees']")).to_have_value("41")
    expect(page.locator("#threshold")).to_have_value("P10")
    page.get_by_role("link", name="About this model").click()
    expect(page).to_have_url(re.compile("/species/"))
    page.go_back()
    expect(page.locator("[name='env.trees']")).to_have_value("41")
    assert _in_address(page) == held


def test_a_shared_address_shows_the_same_without_javascript(visit: Visit) -> None:
    page = visit(WHEATEAR)
    type_value(page, "trees", "42,5")
    shown = page.locator("[data-number=suitability]").get_attribute("value")
    plain = visit(urlparse(page.url)._replace(scheme="", netloc="").geturl(), scripts=False)
    expect(plain.locator("[name='env.trees']")).to_have_value("42,5")
    assert plain.locator("[data-number=suitability]").get_attribute("value") == shown


@pytest.mark.parametrize("scripts", [True, False], ids=["htmx", "plain"])
def test_a_permanent_link_can_be_edited(visit: Visit, scripts: bool) -> None:
    page = visit(WHEATEAR, scripts=scripts)
    page.locator("[name='env.trees']").fill("43")
    page.locator("#predict").click()
    page.locator("#answer a", has_text="Permanent link to this answer").click()
    page.get_by_role("link", name="Edit these values").click()
    expect(page.locator("[name='env.trees']")).to_have_value("43")
    assert _in_address(page)["env.trees"] == "43"


@pytest.mark.parametrize("typed", ["35 %", "35%", "35,0 %"])
def test_a_unit_after_a_number_is_accepted(visit: Visit, typed: str) -> None:
    page = visit(WHEATEAR)
    assert type_value(page, "trees", "35").status == 200
    shown = page.locator("[data-number=suitability]").get_attribute("value")
    type_value(page, "trees", "36")
    assert type_value(page, "trees", typed).status == 200
    assert page.locator("[data-number=suitability]").get_attribute("value") == shown


def test_a_value_that_is_no_number_is_named_on_leaving_without_a_request(visit: Visit) -> None:
    page = visit(WHEATEAR)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if request.method == "POST" else None)
    field = page.locator("[name='env.trees']")
    field.fill("many")
    field.press("Tab")
    expect(page.locator("[id='env-trees-error']")).to_have_text("Error: Must be a number")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert "env-trees-error" in (field.get_attribute("aria-describedby") or "")
    page.wait_for_timeout(700)
    assert sent == []
    field.fill("30")
    expect(page.locator("[id='env-trees-error']")).to_have_count(0)
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_enter_takes_the_only_species_that_matches(visit: Visit) -> None:
    page = visit(WHEATEAR)
    box = page.get_by_role("combobox", name="Scientific or common name")
    box.fill("Parus major")
    box.press("Enter")  # before the list of options has arrived
    expect(page.locator("#answer-title")).to_contain_text("Parus major")
    expect(page).to_have_url(re.compile("species=parus-major"))


def test_leaving_the_species_box_restores_the_name_of_the_species_shown(visit: Visit) -> None:
    page = visit(WHEATEAR)
    box = page.get_by_role("combobox", name="Scientific or common name")
    name = box.input_value()
    box.fill("zzz")
    page.locator("[name='env.trees']").click()
    expect(box).to_have_value(name)
    # the button beside the box still searches for the text that was typed
    box.fill("great tit")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/species\?q=great"))


def test_a_starting_point_loses_its_mark_once_a_value_is_edited(visit: Visit) -> None:
    page = visit(WHEATEAR)
    marked = page.locator(".start-from [aria-current]")
    expect(marked).to_have_count(1)
    page.locator(".start-from a", has_text=re.compile("^recorded$")).click()
    expect(marked).to_have_text("recorded")
    type_value(page, "trees", "44")
    expect(marked).to_have_count(0)
    page.reload()
    expect(marked).to_have_count(0)


def test_the_same_value_is_answered_again_after_a_reset(visit: Visit) -> None:
    page = visit(WHEATEAR)
    first = page.locator("[data-number=suitability]").get_attribute("value")
    type_value(page, "trees", "88")
    shown = page.locator("[data-number=suitability]").get_attribute("value")
    assert shown != first
    page.locator("#reset").click()
    page.wait_for_function("at => document.querySelector('[data-number=suitability]').value === at", arg=first)
    type_value(page, "trees", "88")
    assert page.locator("[data-number=suitability]").get_attribute("value") == shown


def test_focus_and_open_explanations_stay(visit: Visit) -> None:
    page = visit(WHEATEAR)
    page.locator("#answer .term > summary", has_text="interval").click()
    type_value(page, "trees", "45")
    expect(page.locator("#answer .term[open] > summary")).to_have_text(["interval"])
    assert page.evaluate("document.activeElement.name") == "env.trees"


def test_the_track_is_dragged_and_arrow_keys_step(visit: Visit) -> None:
    page = visit(WHEATEAR)
    field = page.locator("[name='env.trees']")
    box = page.locator(".field-row", has=field).locator(".slider").bounding_box()
    assert box is not None
    with page.expect_response(is_post):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] + 50, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
    row = page.locator(".field-row", has=field)
    highest = float(row.get_attribute("data-max") or "nan")
    value = float(field.input_value())
    assert highest - 2 < value <= highest, "a drag stays within the range seen in training"
    assert page.evaluate("document.activeElement.name") == "env.trees", "the keyboard stays with the box"
    field.press("ArrowDown")
    assert float(field.input_value()) < value
    field.press("Tab")
    assert page.evaluate("document.activeElement.type") != "range"


def test_a_printed_answer_carries_its_address_and_citation(visit: Visit) -> None:
    page = visit(WHEATEAR)
    page.locator("#predict").click()
    link = page.locator("#answer a", has_text="Permanent link to this answer").get_attribute("href") or ""
    expect(page.locator(".print-only")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.locator("#conditions")).to_be_hidden()
    printed = page.locator(".print-only")
    expect(printed).to_contain_text(link)
    expect(printed).to_contain_text(link.removeprefix("/predictions/"))
    for part in ("Model", "Date", "Cite"):
        expect(printed.locator("div", has_text=part).locator("dd").first).not_to_be_empty()


def test_a_verdict_that_cannot_be_given_promises_nothing(visit: Visit) -> None:
    page = visit(WHEATEAR)
    type_value(page, "temperature", "60")
    expect(page.locator(".verdict-word")).to_have_text(re.compile("Cannot say"))
    expect(page.locator(".verdict-interval")).to_have_count(0)
    expect(page.locator(".gauge-interval")).to_have_count(0)
    expect(page.locator(".gauge [fill^='url(']")).to_have_count(1)
    sizes = "name => parseFloat(getComputedStyle(document.querySelector(name)).fontSize)"
    assert page.evaluate(sizes, ".verdict-figure") < page.evaluate(sizes, ".verdict-word") / 2


def test_the_first_minute(visit: Visit) -> None:
    """As the README says: the example is suitable, and its field leads to unsuitable without leaving the area."""
    page = visit("/")
    hint = page.locator("#hint").inner_text()
    found = re.fullmatch(r"An example\. Try it: (?:lower|raise) (.+?) to (.+)\.", hint)
    assert found, hint
    expect(page.locator(".verdict-word")).to_have_text(re.compile(r"\s*Suitable"))
    name = page.get_by_label(re.compile(f"^{re.escape(found[1])}$")).get_attribute("name") or ""
    words = ["Suitable"]
    for value in found[2].split(", then to "):
        type_value(page, name.removeprefix("env."), value)  # with its unit, as the page writes it
        expect(page.locator("#answer")).to_contain_text("Inside the area of applicability")
        words.append(page.locator(".verdict-word").inner_text().replace("?", "").strip())
    ways = (
        ["Suitable", "Probably suitable", "Probably unsuitable", "Unsuitable"],
        ["Suitable", "Probably suitable", "Probably unsuitable"],
        ["Suitable", "Probably suitable", "Unsuitable"],
    )
    assert words in ways
