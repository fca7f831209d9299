"""Zip files and the terms of their columns: usual packaging is read, damage is refused with one error."""

from __future__ import annotations

import random
import zipfile

import pytest

from ml.records.darwin_core import read_occurrences
from ml.records.errors import OccurrenceError
from ml.records.terms import choose_columns, split_term
from tests.unit.ml.records.test_cleaning import TERMS, meta

DATA = b"id\tlat\tlon\na\t1.5\t2.5\n"


def make(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("names", "location"),
    [
        (("meta.xml", "o.txt"), "o.txt"),
        (("data/meta.xml", "data/o.txt"), "o.txt"),
        (("data\\meta.xml", "data\\o.txt"), "./o.txt"),
        (("./meta.xml", "./o.txt"), "o.txt"),
        (("a/META.XML", "a/b/o.txt"), "b\\o.txt"),
    ],
)
def test_an_archive_may_lie_in_a_folder(tmp_path, names, location):
    path = make(tmp_path / "a.zip", [(names[0], meta(name=location)), (names[1], DATA), ("__MACOSX/._o.txt", b"")])
    assert read_occurrences(path)["decimalLatitude"].tolist() == ["1.5"]


def test_a_zip_with_one_table_is_read_as_that_table(tmp_path):
    table = b"gbifID\tdecimalLatitude\tdecimalLongitude\n1\t10.5\t20.5\n"
    assert len(read_occurrences(make(tmp_path / "a.zip", [("0001.csv", table), ("notes.pdf", b"")]))) == 1
    with pytest.raises(OccurrenceError, match=r"no meta\.xml.* 2 tables, not one"):
        read_occurrences(make(tmp_path / "b.zip", [("a.csv", table), ("b.csv", table)]))
    with pytest.raises(OccurrenceError, match="no table"):
        read_occurrences(make(tmp_path / "c.zip", [("a.pdf", b"")]))


def test_the_stated_line_end_does_not_matter(tmp_path):
    path = make(tmp_path / "a.zip", [("meta.xml", meta()), ("o.txt", DATA.replace(b"\n", b"\r"))])
    assert len(read_occurrences(path)) == 1


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_raises_no_other_error(tmp_path, method):
    rows = "".join(f"{i}\t{i % 90}.{i}\t{i % 180}.5\n" for i in range(300)).encode()
    good = make(tmp_path / "a.zip", [("meta.xml", meta()), ("o.txt", DATA + rows)], method).read_bytes()
    assert len(read_occurrences(tmp_path / "a.zip")) == 301
    numbers, refused = random.Random(7), 0
    for _ in range(300):
        content = bytearray(good)
        for _ in range(numbers.randint(1, 4)):
            content[numbers.randrange(len(content))] = numbers.randrange(256)
        if numbers.random() < 0.2:
            del content[numbers.randrange(len(content)) :]
        (tmp_path / "b.zip").write_bytes(content)
        try:
            read_occurrences(tmp_path / "b.zip")
        except OccurrenceError:
            refused += 1
    assert refused > 100


def test_darwin_core_wins_over_other_namespaces():
    assert split_term("dwc:decimalLatitude") == split_term("decimallatitude") == (TERMS, "decimalLatitude")
    assert split_term("https://rs.tdwg.org/dwc/terms/decimalLatitude") == (TERMS, "decimalLatitude")
    assert split_term("note: seen") == (TERMS, "note: seen")
    other = "http://gbif.org/dwc/terms/decimalLatitude"
    assert choose_columns([other, f"{TERMS}decimalLatitude", ""], "t") == {"decimalLatitude": 1}
    assert choose_columns([other, "year"], "t") == {"decimalLatitude": 0, "year": 1}


@pytest.mark.parametrize(
    "terms",
    [
        ["decimalLatitude", "dwc:decimalLatitude"],
        ["decimallatitude", "DecimalLatitude"],
        [f"{TERMS}year", "year"],
        ["gbif:year", "idigbio:year"],
    ],
)
def test_two_columns_of_one_term_are_refused(terms):
    with pytest.raises(OccurrenceError, match="columns 1 and 2 are both"):
        choose_columns(terms, "t")


def test_an_index_beyond_reason_is_refused(tmp_path):
    path = make(tmp_path / "a.zip", [("meta.xml", meta().replace('index="2"', 'index="999999"')), ("o.txt", DATA)])
    with pytest.raises(OccurrenceError, match="column 1,000,000; at most 2,000"):
        read_occurrences(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b01_trailing_comma.csv", ["10.5", "11.5"]),
        ("b06_lowercase.csv", ["10.5"]),
        ("b09_utf16.csv", ["1.5"]),
        ("b12_simple_csv.zip", ["10.5"]),
        ("b13_subdir.zip", ["10.5", "11.5"]),
        ("b21_line_end_declared_lf_is_cr.zip", ["10.5", "11.5"]),
        ("e12_r_write_table.csv", ["10.5", "11.5"]),
        ("f04_two_namespaces.zip", ["10.5"]),
    ],
)
def test_files_of_bug_reports_are_read(cases, name, expected):
    assert read_occurrences(cases / name)["decimalLatitude"].tolist() == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("b28_damaged_stream.zip", "damaged"),
        ("e03_unclosed_quote.csv", "line 2"),
        ("f01_two_latitudes.csv", "columns 1 and 4 are both decimalLatitude"),
    ],
)
def test_files_of_bug_reports_are_refused(cases, name, message):
    with pytest.raises(OccurrenceError, match=message):
        read_occurrences(cases / name)
