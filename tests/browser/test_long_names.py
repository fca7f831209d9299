"""Layers of own data have long names without a place to break; screens are as narrow as 320 px."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.contract.conftest import WHEATEAR
from tests.variants import thorough

CONDITIONS = {"bare_rock": 60.123456789, "trees": 5.0, "temperature": 16.0, "soil": "clay"}
LONG = "mean_annual_land_surface_temperature_of_the_warmest_quarter_2000_2025_modis_aggregated_v2"
#: Every label of the study becomes a long name; everything that folds is opened.
LENGTHEN = """([labels, long]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    labels.forEach((label, i) => { node.data = node.data.split(label).join(long.slice(0, 60 + 5 * i)); });
  for (const fold of document.querySelectorAll("details")) fold.open = true;
}"""
PAGES = (
    f"/?species={WHEATEAR}",
    "/predictions/{id}",
    "/predictions/{id}/statement",
    "/predictions/{id}/explanation",
    f"/species/{WHEATEAR}",
    f"/species/{WHEATEAR}/response-curves",
    f"/compare/conditions?species={WHEATEAR}",
    "/compare/species",
    "/compare/models",
    "/studies/test-hills",
)


@pytest.fixture(scope="module")
def answer_id(url):
    body = json.dumps({"species": WHEATEAR, "environment": CONDITIONS}).encode()
    request = urllib.request.Request(f"{url}/api/v1/predictions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["id"]


@pytest.fixture(scope="module")
def labels(url):
    with urllib.request.urlopen(f"{url}/api/v1/species/{WHEATEAR}") as response:
        return sorted((one["label"] for one in json.load(response)["predictors"]), key=len, reverse=True)


@pytest.mark.parametrize("width", [320, *map(thorough, [360, 1280])])
def test_no_page_scrolls_sideways_with_long_names(visit, answer_id, labels, width):
    for path in PAGES:
        page = visit(path.format(id=answer_id), width=width)
        page.evaluate(LENGTHEN, [labels, LONG])
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", [320, 360])
def test_on_a_phone_names_are_whole_and_numbers_are_not_cut(visit, width):
    page = visit(f"/?species={WHEATEAR}", width=width)
    cut = "(e) => e.scrollWidth > e.clientWidth + 1 || getComputedStyle(e).textOverflow === 'ellipsis'"
    title = page.locator("#answer-title")
    assert not title.evaluate(cut)
    assert title.locator(".answer-vernacular").is_visible()
    box = page.locator("#env-bare_rock")
    box.fill("0.4951")
    assert not box.evaluate(cut)
    right = "(e) => e.getBoundingClientRect().right"
    assert page.locator("#brief").evaluate(right) <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width
