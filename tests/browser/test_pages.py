"""Every page is accessible in the light and the dark scheme, and no wider than a small phone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.variants import thorough

Visit = Callable[..., Page]
PAGES = {
    "predict": "/",
    "species chosen": "/?species=parus-major",
    "answered": "answered",
    "permalink": "permalink",
    "refused": "refused",
    "species list": "/species",
    "nothing found": "/species?q=zzzzzz",
    "species sorted": "/species?sort=-presences&study=test-hills",
    "species": "/species/parus-major",
    "response curves": "/species/parus-major/response-curves?start=1",
    "models": "/models",
    "model": "model",
    "report": "report",
    "analytics": "/analytics",
    "observations": "/observations?bbox=1",
    "live accuracy": "/accuracy",
    "compare": "/compare",
    "compare species": "/compare/species?env.trees=5&env.bare_rock=60&env.temperature=50&env.soil=clay",
    "compare conditions": "/compare/conditions",
    "compare conditions refused": "/compare/conditions?env.1.trees=x",
    "compare versions": "/compare/models",
    "docs": "/docs",
    "not found": "/nothing-here",
}
# the parts of these pages are on others; /docs has one part, which takes long
THOROUGH = ("answered", "compare conditions refused", "docs", "not found", "permalink", "species sorted")
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# what a colour scheme can break
_OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


def _open(visit: Visit, where: str, **how: object) -> Page:
    if where in ("model", "report"):
        page = visit("/models", **how)
        page.locator("tbody th a").first.click()
        page.wait_for_url("**/models/*")
        if where == "report":
            page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        return page
    if where.startswith("/"):
        page = visit(where, **how)
        page.wait_for_load_state("networkidle")
        return page
    page = visit("/?species=parus-major", **how)
    wrong = where == "refused"
    with page.expect_response(lambda r: r.request.method == "POST" and r.status == (422 if wrong else 200)):
        page.locator("[name='env.trees']").fill("x" if wrong else "33")
        # not by a click: a preview that arrives meanwhile moves the button, so that the click may miss it
        page.locator("[name='env.trees']").press("Enter")
    if wrong:
        page.wait_for_selector("[aria-invalid=true]")
        return page
    link = page.locator("#answer a", has_text="Permanent link to this answer")
    link.wait_for()
    if where == "permalink":
        link.click()
        page.wait_for_url("**/predictions/*")
    return page


@pytest.mark.parametrize("name", [thorough(name) if name in THOROUGH else name for name in PAGES])
def test_fits_a_small_phone_and_is_accessible(visit: Visit, name: str) -> None:
    page = _open(visit, PAGES[name], width=360)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360, f"{width} px wide"
    page.set_viewport_size({"width": 1280, "height": 900})
    # Swagger UI's own markup is not ours to mend; the page around it is
    context = {"exclude": [["#swagger-ui"]]} if name == "docs" else None
    assert _violations(page, context, _TAGS) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert _violations(page, context, _OF_COLOURS) == []


def _violations(page: Page, context: object, rules: object) -> list[tuple[str, list[str]]]:
    found = Axe().run(page, context=context, options={"runOnly": rules, "resultTypes": ["violations"]})
    assert found.response["testEngine"]["name"] == "axe-core"
    return [(one["id"], [node["html"][:160] for node in one["nodes"]][:4]) for one in found.response["violations"]]


@pytest.mark.parametrize("name", ["analytics", "species", "models"])
def test_tables_have_headings_also_where_rows_are_blocks(visit: Visit, name: str) -> None:
    if name == "analytics":
        # it has a table where there are answers
        _open(visit, "answered")
    page = _open(visit, f"/{name}", width=360)
    found = Axe().run(page, options={"runOnly": _TAGS, "resultTypes": ["violations"]})
    assert [one["id"] for one in found.response["violations"]] == []
    assert page.locator("thead .heading-name").first.inner_text()
    assert not page.locator("thead a").first.is_visible()
