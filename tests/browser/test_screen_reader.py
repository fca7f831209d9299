"""The answer in a screen reader: the accessibility tree of the fragment, in reading order, without noise."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Visit = Callable[..., Page]

ANSWERED = """
- region /^Oenanthe hispanica/:
  - heading /Oenanthe hispanica/ [level=2]
  - paragraph: /^(Probably suitable|Probably unsuitable|Suitable|Unsuitable)$/
  - paragraph: /suitability 0\\.\\d\\d ?, interval 0\\.\\d\\d to [01]\\.\\d\\d/
  - paragraph: /of two places it ranks the right one first \\d+ times in 100/
  - paragraph: /threshold of 0\\.\\d\\d.* surveys like those of the study/
  - figure:
    - 'img /Suitability 0\\.\\d\\d on a scale from 0 to 1 Interval .* The line that .*/'
    - text: /Dashed. the line that/
  - heading "Why" [level=3]
  - paragraph: /moved the answer/
  - table /How much each condition moved the answer/:
    - rowgroup:
      - row:
        - columnheader "Condition and your value"
        - columnheader "Effect on suitability"
        - columnheader "Response curve"
    - rowgroup:
      - row:
        - rowheader /Trees|Bare rock|Temperature|Soil/
        - cell /[+−]?0\\.\\d\\d/
        - cell /Between .* highest at|hardly changes/
  - paragraph:
    - text: /Without knowing any condition the model says 0\\.\\d\\d/
    - link "The curves large, with figures"
  - heading "Trust" [level=3]
  - term: Conditions
  - definition: /Inside the area of applicability/
  - term: Interval
  - definition: /Nine in ten such intervals should contain the observed share/
  - term: Threshold
  - definition: /Suitable means .* does not mean that the species is there/
  - term: Cross-validated AUC
  - definition: /0\\.\\d\\d|1\\.00/
  - term: Records
  - definition: /Learnt from \\d+ presences/
  - heading "Go on" [level=3]
  - paragraph:
    - link "Permanent link to this answer"
    - link "Statement on one page"
    - link "JSON"
"""


def _predict(page: Page) -> None:
    with page.expect_response(lambda r: r.request.method == "POST"):
        page.locator("#predict").click()
    expect(page.locator("#answer a", has_text="Permanent link")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["fragment", "page"])
def test_the_answer_reads_in_order(visit: Visit, scripts: bool) -> None:
    page = visit("/?species=oenanthe-hispanica", scripts=scripts)
    _predict(page)
    expect(page.locator("#answer")).to_match_aria_snapshot(ANSWERED)


def test_nothing_in_the_answer_is_read_without_a_name(visit: Visit) -> None:
    page = visit("/?species=oenanthe-hispanica")
    _predict(page)
    tree = page.locator("#answer").aria_snapshot()
    for line in tree.splitlines():
        # an empty cell, an unnamed image or button is a stumble
        assert not re.fullmatch(r"\s*- (cell|img|button|link|rowheader|columnheader|row|table)", line), line
    assert "undefined" not in tree
    assert "None" not in tree


def test_the_status_line_tells_the_answer_in_one_sentence(visit: Visit) -> None:
    page = visit("/?species=oenanthe-hispanica")
    _predict(page)
    said = page.get_by_role("status").inner_text()
    assert re.fullmatch(
        r"Oenanthe hispanica: [A-Za-z ]+, suitability 0\.\d\d, interval 0\.\d\d to [01]\.\d\d\.", said
    ), said


def test_a_warning_is_read_before_the_figures_of_trust(visit: Visit) -> None:
    page = visit("/?species=oenanthe-hispanica")
    page.locator("[name='env.temperature']").fill("60")
    expect(page.locator("#answer .notice-warning")).to_be_visible()
    expect(page.locator("#answer")).to_match_aria_snapshot("""
- region:
  - paragraph: Cannot say
  - paragraph: /of two places/
  - paragraph: /lies outside the range seen in training.* no basis for a decision/
  - heading "Trust" [level=3]
  - paragraph:
    - strong: Outside the conditions this model has seen.
  - list:
    - listitem: /Temperature. 60/
  - term: Conditions
  - definition: /Beyond the range of the records/
""")


def test_a_refusal_is_read_with_its_reason(visit: Visit) -> None:
    page = visit("/?species=oenanthe-hispanica")
    page.get_by_text("Threshold and extrapolation").click()
    page.get_by_label("Outside what was seen").select_option("refuse")
    with page.expect_response(lambda r: r.status == 409):
        page.locator("[name='env.temperature']").fill("60")
    expect(page.locator("#answer")).to_match_aria_snapshot("""
- region "Not answered, as you asked":
  - heading "Not answered, as you asked" [level=2]
  - list:
    - listitem: /Temperature. 60 °C lies outside/
""")
    assert "Not answered" in page.get_by_role("status").inner_text()
