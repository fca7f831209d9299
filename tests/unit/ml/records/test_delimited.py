"""Delimited text: rows that do not fit their header, quotation marks, line ends and encodings."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.records.delimited import read_table
from ml.records.dialect import decode, find_delimiter
from ml.records.errors import OccurrenceError


def read(text, delimiter=",", quote='"'):
    header, columns, lines = read_table(text, delimiter, quote, "t.csv")
    return header, [list(row) for row in zip(*columns, strict=True)], list(lines)


def test_an_empty_field_at_the_end_of_a_row_moves_no_column():
    assert read("a,b\n1,2,\n3,4,,\n") == (["a", "b"], [["1", "2"], ["3", "4"]], [2, 3])
    assert read("a,b,\n1,2,\n") == (["a", "b"], [["1", "2"]], [2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 fields, but the header has 2 columns.*row.names = FALSE"),
        ("a,b\n1,2\n1\n", "line 3: 1 fields"),
        ("a,b\n10,5,20,5\n", "line 2: 4 fields"),
        ("a,b\n1,2,,x\n", "line 2: 4 fields"),
        ("a,,c\n1,2,3\n", "column 2 has values but no name"),
        ('a,b\n1,"open\n2,x\n', "line 2: a quotation mark opens a field and is never closed"),
        ('a,b\n1,"the rock,5\n2,"b",6\n', "line 2: text follows a closing quotation mark"),
        ('a,b\n\n\n1,2\n3,"x"y\n', "line 5: text follows"),
        ("a\n" + "x" * 200_000 + "\n", "line 2: a field is longer than 131,072 characters"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_line(text, message):
    with pytest.raises(OccurrenceError, match="^t.csv.*" + message):
        read(text)


def test_row_names_of_r_are_recognised_by_their_quotation_marks():
    assert read('"a","b"\n"1","x",10.5\n"7","y",11\n')[1] == [["x", "10.5"], ["y", "11"]]
    with pytest.raises(OccurrenceError, match="line 3: the rows before begin with a row name"):
        read('"a","b"\n"1","x",10.5\n"1","y",11\n')
    # without marks the first field may be half of a number with a decimal comma
    with pytest.raises(OccurrenceError, match="line 2: 3 fields"):
        read("lat,lon\n1,5,20\n2,5,21\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_separates_rows(end):
    assert read(f"a,b{end}1,2{end}3,4{end}")[1] == [["1", "2"], ["3", "4"]]


def test_a_carriage_return_within_a_row_is_part_of_a_field():
    assert read("a\tb\n1\rx\t2\n", "\t", "")[1] == [["1 x", "2"]]


def test_the_delimiter_is_the_most_frequent_one_of_the_header():
    assert [find_delimiter(text) for text in ("a\tb,c\td", "a;b;c,d", "a|b", "a", "")] == ["\t", ";", "|", ",", ","]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_overrides_the_stated_encoding(encoding):
    assert decode("é,b".encode(encoding), "UTF-8", "t.csv") == "é,b"


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a\nb\xff", "UTF-8", "line 2: not UTF-8, byte 4 is 0xff"),
        (b"a", "klingon", "unknown encoding"),
        (b"00", "hex", "not a text encoding|is not hex|unknown encoding"),
        (b"\xff\xfea", "UTF-8", "not utf-16"),
        (b"a", "utf-8\x00", "is not utf-8"),
    ],
)
def test_a_text_in_another_encoding_is_refused(content, encoding, message):
    with pytest.raises(OccurrenceError, match=message):
        decode(content, encoding, "t.csv")


CELLS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), max_size=8)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6)))
def test_what_csv_writes_is_read_back(rows):
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    header = [f"column {i}" for i in range(len(rows[0]))]
    writer.writerows([header, *rows])
    assert read(text.getvalue())[:2] == (header, rows)
