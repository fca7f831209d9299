"""A map from the form to the answer for a place, in the browser."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.stored_layers import WARMER, write_hills
from tools import live

SPECIES = "parus-major"
# a worker starts two programs, on a busy machine
MAP_MS = 180_000


@pytest.fixture(scope="module")
def site(prepared: Path, workroom: Path, model_tree: Path) -> Iterator[str]:
    if not (live.PROJECT / "app/static/vendor/leaflet.js").exists():
        pytest.fail("app/static/vendor/leaflet.js is missing; get it with `make fetch`")
    environ = live.copy_site(prepared, workroom / "maps")
    (card,) = model_tree.glob(f"*/{SPECIES}/*/card.json")
    write_hills(Path(environ["DATA_DIR"]) / "layers", [json.loads(card.read_text())["training"]["data_fingerprint"]])
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "jobs", "work"]
    with live.serving(environ) as running:
        worker = subprocess.Popen(
            command, cwd=live.PROJECT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield running.url
        finally:
            worker.terminate()
            worker.wait(20)


def _sideways(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextlib.contextmanager
def _before_scripts(browser: Browser, address: str) -> Iterator[tuple[Page, Callable[[], None]]]:
    """Open the page of maps without its scripts; return it, and what lets them come."""
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.set_default_timeout(20_000)
    held: list[Route] = []
    page.route("**/htmx.min.js*", lambda route: held.append(route))
    page.goto("/map", wait_until="commit")
    page.locator("footer").first.wait_for()
    yield page, lambda: held[0].continue_()
    context.close()


def test_a_species_chosen_before_the_scripts_are_there_has_its_scenarios(site: str, browser: Browser) -> None:
    with _before_scripts(browser, site) as (page, let_scripts_come):
        page.locator("#map-species").select_option(SPECIES)
        assert page.locator("#map-scenario option").all_text_contents() == ["those of the training (today)"]
        let_scripts_come()
        expect(page.locator(f"#map-scenario option[value='{WARMER}']")).to_be_attached()
        expect(page.locator("#map-species")).to_have_value(SPECIES)


CONTROLS = """<form id="early"><input type="checkbox" id="unticked" checked><input type="checkbox" id="ticked">
<input type="checkbox" id="kept" checked>
<input type="radio" name="r" id="radio"><input type="radio" name="r" checked id="left">
<select id="chosen"><option>a<option>b</select><select id="untouched"><option>a<option selected>b</select>
<select id="first-disabled"><option disabled>a<option>b</select><select id="long" size="3"><option>a<option>b</select>
<select id="several" multiple><option selected>a<option>b</select></form>"""


def test_only_what_was_changed_before_the_scripts_are_there_is_noticed(url: str, browser: Browser) -> None:
    with _before_scripts(browser, url) as (page, let_scripts_come):
        page.evaluate(
            """html => {
                document.querySelector("main").insertAdjacentHTML("beforeend", html);
                document.querySelector("#early").reset();
            }""",
            CONTROLS,
        )
        page.locator("#unticked").uncheck()
        page.locator("#ticked").check()
        page.locator("#radio").check()
        page.locator("#chosen").select_option("b")
        page.evaluate("""() => {
            window.noticed = [];
            const form = document.querySelector("#early");
            form.addEventListener("change", (event) => window.noticed.push(event.target.id));
        }""")
        let_scripts_come()
        page.wait_for_function("() => window.noticed.length >= 4")
        assert page.evaluate("window.noticed") == ["unticked", "ticked", "radio", "chosen"]


def test_from_the_form_to_the_answer_for_a_place(site: str, browser: Browser) -> None:
    said: list[str] = []
    context = browser.new_context(base_url=site, viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.goto("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Map").click()
    page.locator("#map-species").select_option(SPECIES)
    page.locator("#map-scenario").select_option(WARMER)
    expect(page.locator("#map-scenario-note")).to_have_text("4 °C warmer.")
    page.get_by_role("button", name="Make the map").click()
    expect(page.locator("#map-beyond")).to_be_visible(timeout=MAP_MS)
    expect(page.locator("#map-picture")).to_be_hidden()
    expect(page.locator("#map .leaflet-tile-loaded").first).to_be_visible()
    assert page.locator("#map .leaflet-tile-loaded").first.evaluate("tile => tile.naturalWidth") == 256

    page.locator("#map-quantity").select_option("verdict")
    expect(page.locator("[data-legend=verdict]")).to_be_visible()
    expect(page.locator("[data-legend=suitability]")).to_be_hidden()
    assert page.url.endswith("quantity=verdict")
    expect(page.locator("#status")).to_have_text("The map shows Verdict")
    # addresses and pictures are those of the shown quantity; the GeoTIFFs are all listed
    for part in page.locator(".map-address").all():
        assert (part.text_content() or "").endswith("quantity=verdict")
    for name in ("Picture with legend (PNG)", "Picture without legend (PNG)"):
        assert "quantity=verdict" in (page.get_by_role("link", name=name).get_attribute("href") or "")
    tif = page.get_by_role("link", name="Suitability (GeoTIFF)")
    assert (tif.get_attribute("href") or "").endswith("quantity=suitability")

    # the records of the training as points
    expect(page.locator("#map .map-record")).to_have_count(0)
    page.locator("#map-points").check()
    expect(page.locator("#map .map-record").first).to_be_attached()
    assert "points=1" in page.url
    page.locator("#map-points").uncheck()
    expect(page.locator("#map .map-record")).to_have_count(0)

    # a click, and the same place by its coordinates
    page.locator("#map").click()
    expect(page.locator("#map-answer .verdict-word")).to_be_visible()
    expect(page.locator("#map-answer [data-store-note]")).to_contain_text("“This answer on the Predict page”")
    expect(page.locator("#map-answer [data-copy-link]")).to_have_count(0)
    clicked = page.locator("#map-place-text").input_value()
    page.locator("#map-place-text").fill("41.95, 2.55")
    page.locator("#map-place button").click()
    expect(page.locator("#map-answer .answer-place")).to_contain_text("41.95° N, 2.55° E")
    expect(page.locator("#map-answer .answer-place")).to_contain_text(WARMER)
    assert clicked != "41.95, 2.55"
    ring = "document.querySelector('#map .map-asked').getBoundingClientRect().x"
    before = page.evaluate(ring)
    # as people write it; the ring is at the place that the server has read, and the answer comes into view
    page.evaluate("scrollTo(0, 0)")
    page.locator("#map-place-text").fill("42°9′N 3°21′E")
    page.locator("#map-place-text").press("Enter")
    expect(page.locator("#map-answer .answer-place")).to_contain_text("42.15° N, 3.35° E")
    assert page.evaluate(ring) > before + 10
    expect(page.locator("#map-answer .verdict-word")).to_be_in_viewport()
    expect(page.locator("#map-place-text")).to_be_focused()
    # a refused place has no ring, and the map stays where it is
    tile = "document.querySelector('#map .leaflet-map-pane').style.transform"
    before = page.evaluate(tile)
    page.locator("#map-place-text").fill("0, 0")
    page.locator("#map-place button").click()
    expect(page.locator("#map-answer")).to_contain_text("lies outside the layers")
    expect(page.locator("#map .map-asked")).to_have_count(0)
    assert page.evaluate(tile) == before
    # with the keyboard: the place in the middle
    page.locator("#map").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#map-place-text")).not_to_have_value("0, 0")
    # a cross marks it, and Shift makes small steps
    assert page.evaluate("getComputedStyle(document.getElementById('map'), '::before').width") == "23px"
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate(tile) != before
    shifted = page.evaluate(
        "new DOMMatrix(getComputedStyle(document.querySelector('#map .leaflet-map-pane')).transform).m41"
    )
    page.keyboard.press("Shift+ArrowRight")
    moved = page.evaluate(
        "new DOMMatrix(getComputedStyle(document.querySelector('#map .leaflet-map-pane')).transform).m41"
    )
    assert shifted - moved == 8

    # the complete map is visible without scrolling
    page.set_viewport_size({"width": 1280, "height": 640})
    page.reload()
    box = page.locator("#map").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 640

    address = page.url
    page.set_viewport_size({"width": 360, "height": 800})
    assert _sideways(page) == 0
    # the refused place is an error in Chromium's console
    assert [text for text in said if "status of 422" not in text] == []
    context.close()
    _without_scripts(browser, site, address)


def _without_scripts(browser: Browser, site: str, address: str) -> None:
    """The same map as a picture, with the same legend; a place is a form."""
    context = browser.new_context(base_url=site, java_script_enabled=False, viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto(address)
    picture = page.locator("#map-picture img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 100
    expect(page.locator("[data-legend=verdict]")).to_be_visible()
    page.locator("#map-quantity").select_option("mess")
    page.locator("#map-show").click()
    expect(page.locator("[data-legend=mess]")).to_be_visible()
    page.locator("#map-points").check()
    page.locator("#map-show").click()
    expect(page.locator("#map-picture img[src$='quantity=mess&points=1']")).to_be_visible()
    page.locator("#map-place-text").fill("41.95, 2.55")
    page.locator("#map-place button").click()
    expect(page.locator(".answer-place")).to_contain_text("41.95° N, 2.55° E")
    page.goto(address)
    # deletion has a second step
    button = page.get_by_role("button", name="Delete this map now")
    expect(button).to_be_hidden()
    page.get_by_text("Delete the map", exact=True).click()
    button.click()
    expect(page).to_have_url(f"{site}/map")
    context.close()
