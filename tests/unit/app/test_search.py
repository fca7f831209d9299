"""Search in memory: which species are scored, and in which order they are returned."""

from __future__ import annotations

import pytest

from app.catalogue import search
from app.catalogue.entries import SpeciesEntry, StudyEntry
from app.catalogue.search import SearchIndex

BIRDS, TREES = StudyEntry("birds", "Birds"), StudyEntry("trees", "Trees")


def entry(id, slug, scientific, vernacular="", *other, study=BIRDS):
    return SpeciesEntry(id, slug, scientific, vernacular, study, None, other)


SPECIES = [
    entry(3, "oenanthe-hispanica", "Oenanthe hispanica", "black-eared wheatear", "Traquet oreillard"),
    entry(1, "oenanthe-oenanthe", "Oenanthe oenanthe", "northern wheatear", "Traquet motteux"),
    entry(2, "parus-major", "Parus major", "great tit", "Mésange charbonnière"),
    entry(4, "quercus-ilex", "Quercus ilex", "holm oak", "Chêne vert", study=TREES),
    entry(5, "nameless", "!!", ""),
]


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("oenanthe", ["oenanthe-oenanthe", "oenanthe-hispanica"]),
        ("whaetear northern", ["oenanthe-oenanthe"]),
        ("mesange", ["parus-major"]),
        ("CHENE VERT", ["quercus-ilex"]),
        ("oreilard", ["oenanthe-hispanica"]),
        ("zzzzqq", []),
        ("", []),
        ("!!", []),
    ],
)
def test_matches_in_order(query, slugs):
    assert [match.slug for match in SearchIndex(SPECIES).search(query)] == slugs


def test_one_study():
    index = SearchIndex(SPECIES)
    assert [match.slug for match in index.search("quercus", "trees")] == ["quercus-ilex"]
    assert index.search("quercus", "birds") == []
    assert index.search("quercus", "none") == []


def test_no_species():
    assert SearchIndex([]).search("oenanthe") == []


def test_of_equal_candidates_those_with_the_lowest_ids_are_scored(monkeypatch):
    monkeypatch.setattr(search, "MOST_CANDIDATES", 2)
    alike = [entry(number, f"parus-{9 - number}", "Parus major") for number in range(5)]
    assert [match.slug for match in SearchIndex(alike).search("parus major")] == ["parus-8", "parus-9"]
