"""Typing a place: the fields follow, an edit makes them conditions, the address and the keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Page, Response, expect

from tests.stored_layers import WARMER, write_hills

Visit = Callable[..., Page]
SPECIES = "parus-major"
TYPED = "41.95, 2.55"


@pytest.fixture(scope="module", autouse=True)
def _layers(url: str, workroom: Path, model_tree: Path) -> None:
    """Layers of one species; the pages of the others stay as other tests know them."""
    (card,) = model_tree.glob(f"*/{SPECIES}/*/card.json")
    fingerprint = json.loads(card.read_text())["training"]["data_fingerprint"]
    for site in workroom.glob("browser-*"):
        write_hills(site / "layers", [fingerprint])


def _is_post(response: Response) -> bool:
    return response.request.method == "POST"


def _in_address(page: Page) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlparse(page.url).query).items()}


def _type_place(page: Page, text: str) -> None:
    page.locator("#place").fill(text)
    expect(page.locator("#filled")).not_to_have_value("")


def test_typed_coordinates_fill_the_fields_and_the_address(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}")
    expect(page.locator("#where-conditions")).to_be_checked()
    _type_place(page, TYPED)
    expect(page.locator("[name='env.trees']")).to_have_value("34.5")
    expect(page.locator("[name='env.soil']")).to_have_value("clay")
    expect(page.locator("#where-place")).to_be_checked()
    expect(page.locator("#place")).to_be_focused()
    expect(page.locator(".answer-place")).to_have_text("41.95° N, 2.55° E")
    expect(page.locator(".preview-note")).to_have_text("Preview: not stored")
    # a slider lies over each new track
    expect(page.locator(".slider")).to_have_count(3)
    page.wait_for_function("() => new URLSearchParams(location.search).get('lat') === '41.95'")
    assert _in_address(page) == {"species": SPECIES, "lat": "41.95", "lon": "2.55"}
    page.locator("#scenario").select_option(WARMER)
    expect(page.locator("[name='env.temperature']")).to_have_value("14.1")
    page.wait_for_function("() => new URLSearchParams(location.search).has('scenario')")
    page.reload()
    expect(page.locator("[name='env.temperature']")).to_have_value("14.1")
    expect(page.locator("#scenario")).to_have_value(WARMER)


def test_an_edit_makes_them_conditions_and_the_place_can_be_taken_again(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}&lat=41.95&lon=2.55")
    with page.expect_response(_is_post):
        page.locator("[name='env.trees']").fill("12")
    expect(page.locator("#where-conditions")).to_be_checked()
    expect(page.locator("#place-note")).to_contain_text("these are conditions now")
    expect(page.locator(".answer-place")).to_have_count(0)
    page.wait_for_function("() => new URLSearchParams(location.search).get('env.trees') === '12'")
    assert "lat" not in _in_address(page)
    page.locator("#where-place").check()
    expect(page.locator("[name='env.trees']")).to_have_value("34.5")
    expect(page.locator(".answer-place")).to_have_text("41.95° N, 2.55° E")


def test_an_edit_leaves_the_scenario_and_the_place_brings_it_back(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}&lat=41.95&lon=2.55&scenario={WARMER}")
    with page.expect_response(_is_post):
        page.locator("[name='env.trees']").fill("12")
    expect(page.locator("#scenario")).to_have_value("")
    expect(page.locator(".answer-place")).to_have_count(0)
    page.wait_for_function("() => new URLSearchParams(location.search).get('env.trees') === '12'")
    # Predict stores the conditions although coordinates stand in the box
    page.locator("#predict").click()
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()
    expect(page.locator(".answer-place")).to_have_count(0)
    page.locator("#where-place").check()
    expect(page.locator("#scenario")).to_have_value(WARMER)
    expect(page.locator("[name='env.temperature']")).to_have_value("14.1")
    # without coordinates a scenario does nothing, and the page says so
    page.goto(f"/?species={SPECIES}")
    page.locator("#scenario").select_option(WARMER)
    expect(page.locator("#place-note")).to_contain_text("A scenario needs a place")
    page.locator("#scenario").select_option("")
    expect(page.locator("#place-note")).to_contain_text("Coordinates fill the fields")


def test_the_address_of_a_refused_place_brings_it_back(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}&lat=41.95&lon=2.55")
    with page.expect_response(_is_post):
        page.locator("#place").fill("45, 2")
    expect(page.locator("#place-error")).to_contain_text("lies outside the layers")
    page.wait_for_function("() => new URLSearchParams(location.search).get('place') === '45, 2'")
    assert not [name for name in _in_address(page) if name.startswith("env.")]
    page.reload()
    expect(page.locator("#place")).to_have_value("45, 2")
    expect(page.locator("#place-error")).to_contain_text("lies outside the layers")
    page.locator("#place").fill(TYPED)
    expect(page.locator("#place-error")).to_have_count(0)
    expect(page.locator("#place")).to_have_attribute("aria-describedby", "place-note")


def test_half_a_place_asks_nothing_and_a_wrong_one_keeps_the_focus(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}&lat=41.95&lon=2.55")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method) if request.method == "POST" else None)
    page.locator("#place").fill("41.")
    expect(page.locator("#status")).to_have_text("Waiting for latitude and longitude.")
    page.wait_for_timeout(600)  # longer than the delay of typing
    assert posts == []
    with page.expect_response(_is_post):
        page.locator("#place").fill("45, 2")
    expect(page.locator("#place-error")).to_contain_text("lies outside the layers of this study")
    expect(page.locator("#place")).to_be_focused()
    expect(page.locator("#place")).to_have_value("45, 2")
    page.locator("#place").press_sequentially(".")
    page.locator("#place").fill("41°57′N 2°33′E")
    expect(page.locator("#place-error")).to_have_count(0)
    expect(page.locator("[name='env.trees']")).to_have_value("34.5")


def test_enter_stores_the_place_once_and_copy_link_gives_its_address(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}")
    # the page tells a second press from a later one by its clock, and a busy machine takes its time
    page.clock.set_fixed_time(datetime.now(UTC))
    page.locator("#place").fill(TYPED)
    page.locator("#place").press("Enter")
    link = page.locator("#answer a", has_text="Permanent link")
    expect(link).to_be_visible()
    address = link.get_attribute("href")
    page.locator("#predict").click()
    page.wait_for_timeout(300)
    assert page.locator("#answer a", has_text="Permanent link").get_attribute("href") == address
    page.goto(str(address))
    expect(page.locator(".answer-place")).to_have_text("41.95° N, 2.55° E")
    expect(page.locator(".values")).to_contain_text("34.5 %")


def test_without_scripts_a_button_shows_the_place(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}", scripts=False)
    page.locator("#place").fill(TYPED)
    page.get_by_role("button", name="Show the place").click()
    expect(page.locator("[name='env.trees']")).to_have_value("34.5")
    expect(page.locator("#where-place")).to_be_checked()


def test_without_scripts_predict_answers_for_the_place_that_was_typed(visit: Visit) -> None:
    page = visit(f"/?species={SPECIES}", scripts=False, width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    expect(page.locator("#where-conditions")).to_be_checked()
    page.locator("#place").fill(TYPED)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".answer-place")).to_have_text("41.95° N, 2.55° E")
    expect(page.locator("[name='env.trees']")).to_have_value("34.5")


@pytest.mark.parametrize(("width", "height"), [(360, 800), (1366, 640)])
def test_the_place_fits(visit: Visit, width: int, height: int) -> None:
    page = visit(f"/?species={SPECIES}&lat=41.95&lon=2.55&scenario={WARMER}", width=width)
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width > 1000:
        for part in ("#place", "#scenario", "[name='env.bare_rock']", ".verdict-word", "#predict"):
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
    for name in ("bare_rock", "trees", "temperature"):
        box = page.locator(f"[name='env.{name}']")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
