from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.names import ENOUGH, NameTable, binomial, fold, grams_of_name, grams_of_query

WHEATEAR = ("Oenanthe hispanica", "black-eared wheatear", "Traquet oreillard")
WARBLER = ("Sylvia melanocephala", "Sardinian warbler", "Fauvette mélanocéphale")


def score(query, names):
    return NameTable(names).scores(query).max()


def test_fold():
    assert fold("  Mésange-À tête_NOIRE! ") == "mesange a tete noire"
    assert binomial("Oenanthe hispanica (Linnaeus, 1758)") == "Oenanthe hispanica"


@pytest.mark.parametrize(
    "query",
    ["onanthe hispanca", "wheatear", "whaetear", "blak-eared", "black eared", "hispanica", "oreilard", "oen", "whe"],
)
def test_found(query):
    assert score(query, WHEATEAR) >= ENOUGH
    assert score(query, WHEATEAR) > score(query, WARBLER)
    assert grams_of_query(query) & {gram for name in WHEATEAR for gram in grams_of_name(name)}


@pytest.mark.parametrize("query", ["zzz", "penguin", "", "!!"])
def test_not_found(query):
    assert score(query, WHEATEAR) < ENOUGH


def test_each_name_has_its_own_score():
    scores = NameTable(["Parus major", "", "!!", *WHEATEAR]).scores("oenanthe")
    assert list(scores[1:3]) == [0.0, 0.0]
    assert scores.argmax() == 3
    assert NameTable([]).scores("oenanthe").shape == (0,)


def test_beginnings_come_first():
    assert score("oenanthe", WHEATEAR) > score("hispanica", WHEATEAR) > score("hispanca", WHEATEAR)


@given(st.text(max_size=60))
def test_any_text_can_be_asked(query):
    assert 0 <= score(query, WHEATEAR) <= 300
    assert all(len(gram) == 3 for gram in grams_of_query(query) | grams_of_name(query))
