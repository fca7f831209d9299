"""Usual records, names and licences that a stricter reading must not lose."""

from __future__ import annotations

import zipfile

import pytest

from ml.records.absence import is_zero, says_absent
from ml.records.cleaning import clean
from ml.records.darwin_core import OccurrenceError, read_occurrences
from ml.records.licences import licence_class
from ml.records.names import canonical_name

TERMS = ("occurrenceID", "scientificName", "decimalLatitude", "decimalLongitude")


def archive(path, text, skip, terms=TERMS):
    fields = "".join(
        f'<field index="{i}" term="{term if "://" in term else "http://rs.tdwg.org/dwc/terms/" + term}"/>'
        for i, term in enumerate(terms)
    )
    meta = (
        '<archive xmlns="http://rs.tdwg.org/dwc/text/"><core rowType="http://rs.tdwg.org/dwc/terms/Occurrence" '
        f'fieldsTerminatedBy="\\t" fieldsEnclosedBy="" ignoreHeaderLines="{skip}"><files><location>o.txt</location>'
        f"</files>{fields}</core></archive>"
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("meta.xml", meta)
        file.writestr("o.txt", text)
    return path


@pytest.mark.parametrize(
    ("header", "skip"),
    [
        ("# a\n# b\n# c\n", 3),
        ("# a\nid\tname\tlat\tlon\n", 2),
        ("name\tlat\tlon\n", 1),
        ("id\tname\tlat\tlon\t\n", 1),
        ("", 0),
    ],
)
def test_lines_that_are_ignored_need_no_columns(tmp_path, header, skip):
    path = archive(tmp_path / "a.zip", header + "1\tParus major\t40\t3\n2\tParus major\t41\t4\n", skip)
    assert read_occurrences(path)["decimalLatitude"].tolist() == ["40", "41"]


def test_a_row_is_compared_with_the_header(tmp_path):
    text = "id\tname\tlat\tlon\n1\tParus\tmajor\t40\t3\n"
    with pytest.raises(OccurrenceError, match="line 2: 5 fields"):
        read_occurrences(archive(tmp_path / "a.zip", text, 1))


def test_terms_of_two_vocabularies_that_nothing_reads_are_accepted(tmp_path):
    both = ("http://purl.org/dc/terms/type", "http://purl.org/dc/elements/1.1/type")
    path = archive(tmp_path / "a.zip", "1\tParus major\t40\t3\tx\ty\n", 0, (*TERMS, *both))
    assert len(read_occurrences(path)) == 1
    with pytest.raises(OccurrenceError, match="are both type"):
        read_occurrences(archive(tmp_path / "b.zip", "1\tParus major\t40\t3\tx\ty\n", 0, (*TERMS, both[0], both[0])))


def test_the_word_none_is_no_status_and_no_count(tmp_path):
    (tmp_path / "a.csv").write_text(
        "scientificName,decimalLatitude,decimalLongitude,occurrenceStatus,individualCount\n"
        + "Parus major,40,3,None,None\n" * 2
    )
    kept, dropped = clean(read_occurrences(tmp_path / "a.csv"))
    assert (len(kept), dropped) == (2, {})


@pytest.mark.parametrize(
    "status",
    [
        "heard, not seen",
        "not recorded before",
        "present, not recorded since 1990",
        "found dead; not observed alive",
        "present (not detected in 2019)",
        "not recorded by sex",
        "present, not observed singing",
    ],
)
def test_a_presence_with_a_remark_is_a_presence(status):
    assert not says_absent(status)


@pytest.mark.parametrize(
    "status",
    [
        "excluded",
        "non-detection",
        "nondetection",
        "no evidence",
        "negativo",
        "fehlt",
        "poissa",
        "nieobecny",
        "отсутствует",
    ],
)
def test_an_absence_in_another_language(status):
    assert says_absent(status)


@pytest.mark.parametrize(
    "count", ["0 individual(s)", "0 ind./m2", "0 indiv. / m2", "0 (not seen)", "no individuals", "0"]
)
def test_a_count_of_zero_with_its_unit(count):
    assert is_zero(count)


@pytest.mark.parametrize("count", ["0 to 5", "0-5", "0 or 1", "05", "10 birds", "0.5 m2", "1", "none", "no", "many"])
def test_other_counts_are_not_zero(count):
    assert not is_zero(count)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("CC0 - No rights reserved", "CC0"),
        ("Creative Commons Attribution 3.0 Australia", "CC BY"),
        ("CC BY 4.0 Austria", "CC BY"),
        ("https://creativecommons.org/licenses/by/4.0/legalcode#s3a", "CC BY"),
        ("https://creativecommons.org/share-your-work/public-domain/cc0/", "CC0"),
        ("These data are licensed under CC BY 4.0", "CC BY"),
        (
            'This work is licensed under a <ulink url="http://creativecommons.org/licenses/by-nc/4.0/legalcode"><citetitle>'
            "Creative Commons Attribution Non Commercial (CC-BY-NC) 4.0 License</citetitle></ulink>.",
            "CC BY-NC",
        ),
        ("CC BY - no rights reserved", ""),
        ("Creative Commons Attribution 3.0 Australia, not for resale", ""),
    ],
)
def test_licences_as_publishers_write_them(text, short):
    assert licence_class(text) == short


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Poa alpina L. subsp. alpina var. vivipara L.", "Poa alpina vivipara"),
        ("Aloe vera (L.) Burm.f.", "Aloe vera"),
        ("Boletus edulis Bull.", "Boletus edulis"),
        ("Homo sapiens Linnaeus, 1758", "Homo sapiens"),
        ("Argynnis paphia [Denis & Schiffermüller], 1775", "Argynnis paphia"),
    ],
)
def test_determined_names_in_usual_forms(name, canonical):
    assert canonical_name(name) == canonical
