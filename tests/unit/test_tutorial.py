"""The tutorial names pages, links and columns that exist, and leads from each to the next."""

from __future__ import annotations

import re
from pathlib import Path

from ml.batch.answer_columns import COLUMNS, context_columns

PROJECT = Path(__file__).resolve().parents[2]
TUTORIAL = (PROJECT / "docs" / "tutorial" / "index.md").read_text(encoding="utf-8")
STEPS = re.split(r"^## ", re.sub(r"```.*?```", "", TUTORIAL, flags=re.S), flags=re.M)


def _shown() -> str:
    """Return the text of all templates and modules, with single spaces and without template expressions."""
    files = [
        path
        for suffix in ("html", "py")
        for folder in ("app", "ml")
        for path in (PROJECT / folder).rglob(f"*.{suffix}")
    ]
    text = " ".join(path.read_text(encoding="utf-8") for path in sorted(files))
    return " ".join(re.sub(r"\{\{.*?\}\}", "…", text, flags=re.S).split()).lower()


def test_every_name_in_italics_stands_on_a_page() -> None:
    names = {" ".join(name.split()) for name in re.findall(r"(?<![*\w])\*([^*]+)\*(?!\*)", "".join(STEPS))}
    shown = _shown()
    # the number of birds is that of the demo data
    parts = {part.strip().lower() for name in names for part in re.sub(r"\d+", "…", name).split("…")}
    assert len(names) > 15
    assert not {part for part in parts if part not in shown}


def test_the_comparison_begins_with_the_study_of_many_species() -> None:
    (step,) = (text for text in STEPS if text.startswith("5. Compare species"))
    first, way, study = re.findall(r"\*([^*]+)\*", step)[:3]
    # the answer of the steps before is that of a study with one species
    assert (first, " ".join(way.split())) == ("Compare", "Several species, one set of conditions")
    assert study.startswith("Mediterranean birds")


def test_the_number_of_columns_is_that_of_the_command() -> None:
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    match = re.search(r"Each row has (\w+) more columns", TUTORIAL)
    assert match
    assert words.index(match[1]) == len(COLUMNS) + len(context_columns((), of_places=False))
