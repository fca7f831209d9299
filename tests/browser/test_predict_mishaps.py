"""The predict page when people are fast, type what is no number, or lose the connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlparse

from playwright.sync_api import Browser, Page, Response, Route, expect

from tests.browser.clipboard import copied, open_empty_clipboard

Visit = Callable[..., Page]
WHEATEAR = "/?species=oenanthe-hispanica"
TREES = "[name='env.trees']"


def _is_post(response: Response) -> bool:
    return response.request.method == "POST"


def _stores(posts: list[str]) -> int:
    return sum("preview" not in body for body in posts)


def _record(page: Page) -> list[str]:
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.post_data or "") if request.method == "POST" else None)
    return posts


def test_the_link_of_changed_values_is_not_that_of_the_answer_before(visit: Visit) -> None:
    page = visit(WHEATEAR)
    open_empty_clipboard(page)
    page.locator(TREES).fill("41")
    page.locator(TREES).press("Enter")
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    page.locator(TREES).fill("42")
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Link copied")
    link = copied(page)
    page.goto(urlparse(link).path)
    expect(page.locator(".values")).to_contain_text("42")


def test_a_double_click_stores_one_answer(visit: Visit) -> None:
    page = visit(WHEATEAR)
    posts = _record(page)
    # the page tells a double click from two clicks by its clock, and a busy machine takes its time
    page.clock.set_fixed_time(datetime.now(UTC))
    page.locator(TREES).fill("43")
    page.locator("#predict").dblclick()
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    page.wait_for_timeout(500)
    assert _stores(posts) == 1


def test_enter_takes_the_only_match_also_after_the_list_is_shown(visit: Visit) -> None:
    page = visit(WHEATEAR)
    page.locator("#species-q").fill("")
    page.locator("#species-q").press_sequentially("parus", delay=30)
    expect(page.locator("[role=option]")).to_have_count(1)
    page.locator("#species-q").press("Enter")
    expect(page.locator("#answer-title")).to_contain_text("Parus major")
    expect(page).to_have_title("Parus major · Predict · EcoPredict")


def test_leaving_the_species_box_by_keyboard_restores_its_name(visit: Visit) -> None:
    page = visit(WHEATEAR)
    box = page.locator("#species-q")
    shown = box.input_value()
    box.fill("zzz")
    box.press("Tab")
    page.keyboard.press("Tab")
    expect(box).to_have_value(shown)


def test_another_species_of_the_study_keeps_the_values(visit: Visit) -> None:
    page = visit(WHEATEAR)
    page.locator(TREES).fill("44")
    page.locator("#species-q").fill("parus")
    page.locator("[role=option]").first.click()
    expect(page.locator("#answer-title")).to_contain_text("Parus major")
    expect(page.locator(TREES)).to_have_value("44")


def test_refused_values_are_in_the_address(visit: Visit) -> None:
    page = visit(WHEATEAR)
    with page.expect_response(_is_post) as answered:
        page.locator(TREES).fill("101")
    assert answered.value.status == 422
    page.wait_for_function("() => new URLSearchParams(location.search).get('env.trees') === '101'")
    assert parse_qs(urlparse(page.url).query)["species"] == ["oenanthe-hispanica"]


def test_a_preview_that_fails_marks_the_answer_to_earlier_values(browser: Browser, url: str) -> None:
    # not `visit`, because a failed request is an error in the console
    page = browser.new_page(base_url=url)
    page.goto(WHEATEAR)
    page.route("**/*", lambda route: route.abort() if route.request.method == "POST" else route.fallback())
    with page.expect_event("requestfailed"):
        page.locator(TREES).fill("45")
    expect(page.locator("#answer.stale")).to_be_visible()
    page.close()


def test_a_value_that_is_no_number_leaves_the_whole_answer_grey_with_words(visit: Visit) -> None:
    page = visit(WHEATEAR)
    expect(page.locator(".stale-note")).to_be_hidden()
    page.locator(TREES).fill("abc")
    expect(page.locator(".stale-note")).to_be_visible()
    expect(page.locator(".stale-note")).to_contain_text("The answer to the former values")
    grey = "(e) => Number(getComputedStyle(e).opacity) < 1"
    for part in (".answer-bar .verdict", ".gauge", ".contributions", "#trust", ".go-on", "#explanation"):
        assert page.locator(part).first.evaluate(grey), part
    page.locator(TREES).fill("44")
    expect(page.locator(".stale-note")).to_be_hidden()
    expect(page.locator("#answer.stale")).to_have_count(0)


def test_a_threshold_of_ones_own_waits_for_its_number(visit: Visit) -> None:
    page = visit(WHEATEAR)
    posts = _record(page)
    page.locator("#options-fold summary").click()
    page.locator("#threshold").select_option("own")
    page.wait_for_timeout(600)
    assert posts == []
    expect(page.locator("#error-summary")).to_have_count(0)
    with page.expect_response(_is_post) as answered:
        page.locator("#own-threshold").fill("0,4")
    assert answered.value.status == 200
    expect(page.locator("#answer .verdict-reason")).to_contain_text("your own threshold of 0.40")


def test_a_permitted_extrapolation_says_so_beside_its_verdict(visit: Visit) -> None:
    page = visit(WHEATEAR + "&from=0&env.temperature=69&extrapolation=allow")
    expect(page.locator(".verdict-beyond")).to_have_text("Beyond what the model has seen, as you allowed")
    expect(page.locator(".verdict-reason")).to_contain_text("the number is an extrapolation")
    expect(page.locator(".verdict-reason")).not_to_contain_text("in 100 surveys")


def test_a_comparison_accepts_a_unit_and_is_not_asked_twice(visit: Visit) -> None:
    page = visit("/compare/species")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/compare/species?" in request.url else None)
    with page.expect_response(lambda response: "/compare/species?" in response.url) as answered:
        page.locator("[name='env.trees']").fill("35 %")
    assert answered.value.status == 200
    page.get_by_role("button", name="Compare").click()
    page.wait_for_timeout(500)
    assert len(asked) == 1


def test_values_typed_while_an_answer_is_stored_do_not_lose_its_link(visit: Visit) -> None:
    page = visit(WHEATEAR)
    open_empty_clipboard(page)
    posts = _record(page)

    page.locator(TREES).fill("46")
    expect(page).to_have_url(re.compile("env.trees=46"))
    held: list[Route] = []
    page.route("**/", lambda route: route.continue_() if held else held.append(route))
    page.locator("#copy-link").click()
    expect(page.locator("#progress")).to_have_class(re.compile("htmx-request"))
    page.locator(TREES).fill("47")
    page.wait_for_timeout(600)  # longer than the page waits for more keys
    assert len(held) == 1
    held[0].continue_()
    link = copied(page)
    assert "/predictions/" in link
    # the values typed meanwhile are answered afterwards
    expect(page).to_have_url(re.compile("env.trees=47"))
    expect(page.locator("#answer")).to_contain_text("Preview: not stored")
    assert _stores(posts) == 1
    page.goto(urlparse(link).path)
    expect(page.locator(".values")).to_contain_text("46")


def test_an_emptied_field_stays_empty_through_a_reload_and_has_no_link(visit: Visit) -> None:
    page = visit(WHEATEAR)
    posts = _record(page)
    page.locator(TREES).fill("")
    page.locator("#copy-link").click()
    expect(page.locator(TREES)).to_be_focused()
    expect(page.locator("#status")).to_contain_text("No link yet")
    assert _stores(posts) == 0
    page.locator(TREES).press("Enter")
    expect(page.locator("#env-trees-error")).to_contain_text("Enter a value")
    expect(page).to_have_url(re.compile("env.trees=(&|$)"))
    page.reload()
    expect(page.locator(TREES)).to_have_value("")
    expect(page.locator("#env-trees-error")).to_contain_text("Enter a value")


def test_a_name_that_was_not_chosen_is_named_under_the_box(visit: Visit) -> None:
    page = visit(WHEATEAR)
    shown = page.locator("#species-q").input_value()
    page.locator("#species-q").fill("parus")
    page.locator("#predict").click()
    note = page.locator(".not-chosen")
    expect(note).to_have_text(f"“parus” was not chosen from the list: the species is still {shown}.")
    page.locator("#species-q").fill("p")
    expect(note).to_have_count(0)
