"""Checklist and threat model: a row for each requirement, tests that are named exist, links lead somewhere."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_documents import DOCS, PROJECT, headings

SECURITY, CHECKLIST = PROJECT / "SECURITY.md", DOCS / "reference" / "asvs.md"
THREATS = DOCS / "explanation" / "threat-model.md"
STATES = ("met", "part", "not met", "untested", "n/a")
#: Requirements of the levels 1 and 2 in each section of ASVS 5.0.0. They come before those of level 3.
SECTIONS = """
1.1:2 1.2:9 1.3:11 1.4:3 1.5:2 2.1:3 2.2:3 2.3:4 2.4:1 3.2:2 3.3:4 3.4:6 3.5:5 3.7:2 4.1:3 4.2:1 4.3:2 4.4:4 5.1:1 5.2:3
5.3:2 5.4:3 6.1:3 6.2:12 6.3:4 6.4:4 6.5:5 6.6:3 6.8:4 7.1:3 7.2:4 7.3:2 7.4:5 7.5:2 7.6:2 8.1:2 8.2:3 8.3:1 8.4:1 9.1:3
9.2:4 10.1:2 10.2:2 10.3:4 10.4:11 10.5:5 10.6:2 10.7:3 11.1:2 11.2:3 11.3:3 11.4:4 11.5:1 11.6:1 12.1:3 12.2:2 12.3:4
13.1:1 13.2:5 13.3:2 13.4:5 14.1:2 14.2:4 14.3:3 15.1:3 15.2:3 15.3:7 16.1:1 16.2:5 16.3:4 16.4:3 16.5:3 17.1:1 17.2:4
17.3:2
"""
LEVEL_1 = """
1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3
4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2 7.2.1
7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 11.3.1
11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
"""
ALL = [
    f"{section}.{number}"
    for section, last in (pair.split(":") for pair in SECTIONS.split())
    for number in range(1, int(last) + 1)
]


def rows() -> list[tuple[str, str, str]]:
    """Requirements, state and text of each row of the checklist."""
    return re.findall(r"^\| (\d[\d., to]*) \| ([^|]+) \| (.*) \|$", CHECKLIST.read_text(encoding="utf-8"), re.MULTILINE)


def expanded(text: str) -> Iterator[str]:
    """The requirements of a row, which may be ranges such as "1.2.6 to 1.2.9"."""
    for part in text.split(", "):
        first, _, last = part.partition(" to ")
        yield from ALL[ALL.index(first) : ALL.index(last or first) + 1]


def missing(text: str, root: Path) -> list[str]:
    """The tests that a text names and that do not exist below a folder."""
    return [
        f"{path}::{name}"
        for path, name in re.findall(r"\b(tests/[\w/.-]+)::(\w+)", text)
        if name not in functions(root / path)
    ]


def functions(file: Path) -> set[str]:
    """Names of the tests in a file, which is parsed and not imported."""
    if not file.is_file():
        return set()
    body = ast.parse(file.read_text(encoding="utf-8")).body
    found = {item.name for item in body if isinstance(item, ast.FunctionDef)}
    return {name for name in found if name.startswith("test_")}


@pytest.mark.parametrize("document", [SECURITY, CHECKLIST, THREATS], ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    assert missing(document.read_text(encoding="utf-8"), PROJECT) == []


def test_names_of_tests_are_written_in_full() -> None:
    """So that none escapes the comparison."""
    for document in (SECURITY, CHECKLIST, THREATS):
        for span in re.findall(r"`([^`\n]*\btests?[/_][^`\n]*)`", document.read_text(encoding="utf-8")):
            assert re.fullmatch(r"tests/[\w/]+\.py(::test_\w+)?", span), span
            assert (PROJECT / span.partition("::")[0]).is_file(), span


def test_a_test_that_is_renamed_or_moved_is_missed(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "unit" / "test_x.py"
    file.parent.mkdir(parents=True)
    file.write_text("def test_one():\n    def test_inner(): ...\n\n\ndef helper(): ...\n")
    named = ["tests/unit/test_x.py::" + name for name in ("test_one", "test_inner", "helper", "test_on")]
    assert missing(" ".join(f"`{name}`" for name in named), tmp_path) == named[1:]
    file.write_text("def test_two():\n    ...\n")
    assert missing(f"`{named[0]}`", tmp_path) == named[:1]
    file.rename(file.with_name("test_y.py"))
    assert missing(f"`{named[0]}`", tmp_path) == named[:1]


def test_each_requirement_has_one_row_in_order() -> None:
    assert len(ALL) == 253
    assert [one for numbers, _, _ in rows() for one in expanded(numbers)] == ALL


def test_each_row_has_a_state_and_what_is_met_a_proof() -> None:
    for numbers, state, text in rows():
        assert state in STATES, numbers
        has_proof = "::test_" in text or "](" in text
        assert has_proof or state != "met", numbers
        assert state != "n/a" or "::test_" not in text, numbers


def test_the_numbers_of_requirements_are_true() -> None:
    level_1 = set(LEVEL_1.split())
    assert len(level_1) == 70
    states = {one: state for numbers, state, _ in rows() for one in expanded(numbers)}
    text = CHECKLIST.read_text(encoding="utf-8")
    for name, chosen in (("level 1", level_1), ("level 2", set(ALL) - level_1), ("both", set(ALL))):
        counts = Counter(states[one] for one in chosen)
        line = " | ".join(str(number) for number in (*(counts[state] for state in STATES), len(chosen)))
        assert f"\n| {name} | {line} |\n" in text
    met, part, not_met, untested, other = (Counter(states.values())[state] for state in STATES)
    words = " ".join(SECURITY.read_text(encoding="utf-8").split())
    assert (
        f"Of {len(ALL)} requirements {met} are met, {part} in part, {not_met} are not met, {untested} are done but not "
        f"proved by a test, and {other} do not apply."
    ) in words


def test_each_threat_has_a_kind_a_measure_and_a_proof() -> None:
    text = THREATS.read_text(encoding="utf-8").partition("\n## Threats\n")[2].partition("\n## What remains\n")[0]
    threats = re.findall(r"^\| (\w) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    assert len(threats) == len(re.findall(r"^\| \w", text, re.MULTILINE)) > 40
    assert {kind for kind, *_ in threats} == set("STRIDE")
    assert [threat for _, threat, _, proof in threats if "::test_" not in proof] == []


def test_links_of_the_security_page_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", SECURITY.read_text(encoding="utf-8"))
    assert len(targets) > 10
    for target in targets:
        path, _, anchor = target.partition("#")
        assert (PROJECT / path).is_file(), target
        assert not anchor or anchor in headings(PROJECT / path), target


def test_the_security_page_is_a_page() -> None:
    assert len(SECURITY.read_text(encoding="utf-8").split()) <= 600
