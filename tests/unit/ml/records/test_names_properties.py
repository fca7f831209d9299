"""Any text has a canonical name and a licence class, and equal meanings have equal ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml.records.licences import licence_class
from ml.records.names import canonical_name, species_slug

CLASSES = ["CC0", "CC BY", "CC BY-SA", "CC BY-NC", "CC BY-ND"]
PIECES = [
    "Parus", "major", "Bombus", "(Pyrobombus)", "pratorum", "(L.)", "Linnaeus, 1758", "var.", "subsp.", "SUBSP.", "f.",
    "×", "x", "sp.", "cf.", "aff.", "'Desiree'", "virus", "&", "et", "ex", "in", "d'urvillei", "MAJOR", "-", "?", "[",
    "1", "\u0301", "\ud800", "L", "auct. non", "nom. nud.", "sensu", "Müll.Arg.", "×Aus", "Aus-bus", "incertae sedis",
]  # fmt: skip
names = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join))
epithets = st.text("abcdefghilmnoprstuv", min_size=4, max_size=12)


@given(names)
@example("\x02SrrrrrrrrrrrrrrrrrrrrrrUBSP. OR")
def test_a_canonical_name_is_its_own_canonical_name(text):
    canonical = canonical_name(text)
    assert canonical_name(canonical) == canonical
    assert canonical == " ".join(canonical.split())
    assert species_slug(text) == species_slug(canonical)
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", species_slug(text))


@given(names, st.sampled_from([" ", "\t", "\u00a0", "\n", ";", " ,", "|"]))
def test_blanks_and_separators_around_a_name_do_not_matter(text, around):
    assert canonical_name(around + text + around) == canonical_name(text)


@pytest.mark.parametrize(
    "written", ["{} {}", "{} {} (L.)", "{} {} Linnaeus, 1758", "  {}  {} ", "{} {} (Dana, 1846)", "{} ({}) {} L., 1758"]
)
def test_authors_and_subgenus_are_left_out_of_any_binomial(written):
    @given(epithets, epithets)
    def check(genus, epithet):
        genus = genus.capitalize()
        name = written.format(genus, epithet) if written.count("{}") == 2 else written.format(genus, "Sub", epithet)
        assert canonical_name(name) in (f"{genus} {epithet}", " ".join(name.split()))

    check()


words = st.lists(
    st.sampled_from(
        ["CC", "BY", "NC", "ND", "SA", "4.0", "3.0 AU", "CC0", "license", "Attribution", "Non-Commercial", "(", ")",
         "https://creativecommons.org/licenses/by/4.0/", "creativecommons.org/publicdomain/zero/1.0/deed.de", "or",
         "Public Domain", "International", "Share Alike", "/", "_", "."]
    ),
    max_size=6,
).map(" ".join)  # fmt: skip
licences = st.one_of(st.text(), words)


@given(licences)
def test_a_class_is_its_own_class_and_blanks_do_not_matter(text):
    licence = licence_class(text)
    assert licence in [*CLASSES, ""]
    assert licence_class(licence) == licence
    assert licence_class(f" \t{text}\n") == licence


@given(words, st.sampled_from(["all rights reserved", "by permission only", "GPL", "xyz"]))
def test_a_text_with_other_words_is_not_recognised(text, more):
    assert licence_class(f"{text} {more}") == ""
    assert licence_class(f"{more} {text}") == ""


@given(words, st.sampled_from(["NC", "non-commercial", "Noncommercial"]))
def test_a_text_that_names_non_commercial_is_never_free(text, element):
    assert licence_class(f"{text} {element}") in ("CC BY-NC", "")
    assert licence_class(f"{element} {text}") in ("CC BY-NC", "")


# after # an address names a place within the page
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="#"), min_size=1, max_size=12))
def test_text_within_an_address_is_not_part_of_the_address(text):
    licence = licence_class(f"https://creativecommons.org/licenses/by/4.0/{text}-nc/")
    assert licence in ("CC BY-NC", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC BY 4.0 NC", "CC BY-NC"),
        ("CC BY 4.0 ND", "CC BY-ND"),
        ("CC BY 4.0 SA", "CC BY-SA"),
        ("CC0 1.0 NC", ""),
        ("https://creativecommons.org/licenses/by/4.0/nc", "CC BY-NC"),
        ("https://creativecommons.org/licenses/by/4.0\u00e0CC_BY_NC_4_0/legalcode", ""),
        ("https://creativecommons.org/licenses/by-sa/2.5/scotland/legalcode", "CC BY-SA"),
        ("https://creativecommons.org/licenses/by/4.0/deed.zh_TW", "CC BY"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode.txt", "CC BY"),
        ("https://creativecommons.org/licenses/by/4.0/?ref=chooser-v1", "CC BY"),
        ("https://creativecommons.org/licenses/by/3.0/igo/", "CC BY"),
    ],
)
def test_addresses_and_versions(text, expected):
    assert licence_class(text) == expected
