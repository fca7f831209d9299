"""Check records and check layers: switches, focus, width, accessibility, and the pages without JavaScript."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.contract.own_screens.conftest import make_files
from tests.variants import thorough

Visit = Callable[..., Page]
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_LONG_MS = 120_000


def _send(url: str, method: str, data: bytes, kind: str) -> dict[str, object]:
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=120) as response:
        return dict(json.load(response))


@pytest.fixture(scope="module")
def own_study(url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A study with small files, uploaded to the running site."""
    files = make_files(tmp_path_factory.mktemp("own"))
    title = json.dumps({"title": "Browser lizards"}).encode()
    slug = str(_send(f"{url}/api/v1/studies", "POST", title, "application/json")["slug"])
    for path in files:
        address = f"{url}/api/v1/studies/{slug}/files/{path.name}"
        _send(address, "PUT", path.read_bytes(), "application/octet-stream")
    for part in ("records", "layers"):
        urllib.request.urlopen(f"{url}/api/v1/studies/{slug}/{part}", timeout=120).close()
    return f"/studies/{slug}"


def test_a_switch_counts_at_once_and_keeps_the_focus(visit: Visit, own_study: str) -> None:
    page = visit(f"{own_study}/records")
    sentence = page.locator("#records-sentence")
    expect(sentence).to_contain_text("29 of 42 records kept in 29 cells.")
    box = page.locator("#drop-fossil")
    box.focus()
    page.keyboard.press("Space")
    expect(sentence).to_contain_text("30 of 42 records kept", timeout=_LONG_MS)
    expect(page.locator("#status")).to_contain_text("30 of 42 records kept")
    expect(box).to_be_focused()
    page.keyboard.press("Space")
    expect(sentence).to_contain_text("29 of 42 records kept", timeout=_LONG_MS)


def test_two_quick_switches_are_both_stored(visit: Visit, own_study: str) -> None:
    page = visit(f"{own_study}/records")
    page.locator("#drop-fossil").uncheck()
    page.locator("#licence-2").check()
    expect(page.locator("#records-sentence")).to_contain_text("40 of 42 records kept", timeout=_LONG_MS)
    page.reload()
    expect(page.locator("#drop-fossil")).not_to_be_checked()
    expect(page.locator("#licence-2")).to_be_checked()
    page.locator("#drop-fossil").check()
    page.locator("#licence-2").uncheck()
    expect(page.locator("#records-sentence")).to_contain_text("29 of 42 records kept", timeout=_LONG_MS)


def test_without_javascript(visit: Visit, own_study: str) -> None:
    page = visit(f"{own_study}/records", scripts=False)
    page.locator("#drop-fossil").uncheck()
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.locator("#records-sentence")).to_contain_text("30 of 42 records kept")
    page.locator("#drop-fossil").check()
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.locator("#records-sentence")).to_contain_text("29 of 42 records kept")


def test_a_refused_value_stands_beside_its_field(visit: Visit, own_study: str) -> None:
    page = visit(f"{own_study}/records")
    page.locator("#limits > summary").click()
    page.locator("#thin").fill("ten")
    page.locator("#thin").press("Enter")
    expect(page.locator("#thin-error")).to_contain_text("must be a number")
    expect(page.locator("#thin")).to_have_value("ten")


def test_a_role_changes_the_cells(visit: Visit, own_study: str) -> None:
    page = visit(f"{own_study}/layers")
    sentence = page.locator("#layers-sentence")
    expect(sentence).to_contain_text("396 cells")
    role = page.get_by_label("Role of bio12", exact=True)
    role.select_option("unused")
    expect(sentence).to_contain_text("400 cells", timeout=_LONG_MS)
    page.locator("summary", has_text="Not used").click()
    page.get_by_label("Role of bio12", exact=True).select_option("static")
    expect(sentence).to_contain_text("396 cells", timeout=_LONG_MS)
    expect(page.locator(".scenarios tbody tr")).to_contain_text("bio12")


@pytest.mark.parametrize("dark", [False, thorough(True)], ids=["light", "dark"])
@pytest.mark.parametrize("part", ["records", "layers"])
def test_accessible(visit: Visit, own_study: str, part: str, dark: bool) -> None:
    page = visit(f"{own_study}/{part}", dark=dark)
    for fold in page.locator("details > summary").all():
        if fold.is_visible():
            fold.click()
    result = Axe().run(page, options={"runOnly": _TAGS, "resultTypes": ["violations"]})
    violations = result.response["violations"]
    assert [(v["id"], [n["html"][:160] for n in v["nodes"]][:4]) for v in violations] == []


@pytest.mark.parametrize("part", ["records", "layers"])
def test_fits_a_small_phone(visit: Visit, own_study: str, part: str) -> None:
    page = visit(f"{own_study}/{part}", width=360)
    for fold in page.locator("details > summary").all():
        if fold.is_visible():
            fold.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.evaluate(
        "[...document.querySelectorAll('.own-data form :is(button, select, label.switch, summary, input[type=text])')]"
        ".filter((e) => e.offsetParent && !e.closest('.visually-hidden') && !e.matches('.visually-hidden'))"
        ".filter((e) => e.getBoundingClientRect().height < 43.5).map((e) => e.outerHTML.slice(0, 90))"
    )
    assert small == []
