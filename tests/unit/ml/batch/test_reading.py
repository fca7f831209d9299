"""Tables with rows that cannot be read: each costs itself alone."""

from __future__ import annotations

import pytest

from ml.batch.chunks import CHUNK_ROWS, RowsFile
from ml.batch.table import TableFile, look_through

HEADER = b"a,b,note\n"


def read(tmp_path, content: bytes) -> dict[str, str]:
    """Return the first cell of each row with its error, and check that numbers and lines agree with the text."""
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    table = TableFile(path, "in.csv")
    rows = {}
    lines = content.decode("latin-1").split("\n")
    for chunk in table.chunks():
        for position, cells in enumerate(chunk.rows):
            assert len(cells) == len(table.header)
            line = chunk.line_of(position)
            assert line is not None and lines[line - 1].startswith(cells[0].replace("\ufffd", "\xf6"))
            assert chunk.first + position == len(rows) + 1
            rows[cells[0]] = chunk.errors.get(position, "")
    return rows


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (b"x,1\n", "2 fields, but the header has 3 columns"),
        (b"x,1,2,3\n", "4 fields, but the header has 3 columns"),
        (b"x,1,2,3,4,5\n", "6 fields, but the header has 3 columns"),
        (b"x,1,K\xf6ln\n", "not utf-8: byte 0xf6; save the table as UTF-8"),
        (b"x,1,\xe2\x82\n", "not utf-8: byte 0xe2"),
        (b"x,1,a\x00b\n", "not text, it contains a null character"),
        (b'x,1,"open\n', "a quotation mark"),
        (b'x,"1,open\n', "a quotation mark"),
        (b'x,1,"closed"y\n', "text follows a closing quotation mark"),
        (b"x,1," + b"z" * 200_000 + b"\n", "a field is longer than"),
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_bad_row_costs_itself_alone(tmp_path, bad, text, place):
    good = [b"r%d,1.5,text\n" % number for number in range(6)]
    at = {"first": 0, "middle": 3, "last": 6}[place]
    rows = read(tmp_path, HEADER + b"".join([*good[:at], bad, *good[at:]]))
    assert list(rows) == [*(f"r{n}" for n in range(at)), "x", *(f"r{n}" for n in range(at, 6))]
    assert {name: error for name, error in rows.items() if name != "x"} == {f"r{n}": "" for n in range(6)}
    assert rows["x"].startswith(text)


def test_two_stray_quotation_marks_do_not_swallow_the_rows_between_them(tmp_path):
    rows = read(tmp_path, HEADER + b'a,"1,x\nb,2,y\nc,3,z\nd,4",u\ne,5,v\n')
    assert rows.pop("a").startswith("a quotation mark is missing or one too many")
    assert rows == {"b": "", "c": "", "d": "", "e": ""}


def test_an_open_quotation_mark_in_each_row_costs_each_row(tmp_path):
    rows = read(tmp_path, HEADER + b"".join(b'r%d,"1,x\n' % number for number in range(3_000)))
    # the next mark closes the field of the row before, and text follows
    assert len(rows) == 3_000 and all(rows.values())


def test_a_field_of_several_lines_is_one_row(tmp_path):
    rows = read(tmp_path, HEADER + b'x,1,"two, three\nfour, five"\ny,2,"' + b"line\n" * 900 + b'"\nz,3,\n')
    assert rows == {"x": "", "y": "", "z": ""}


def test_a_field_of_several_lines_in_a_row_that_does_not_fit_is_one_row(tmp_path):
    rows = read(tmp_path, HEADER + b'x,1,2,"two\nlines"\nz,3,\n')
    assert list(rows) == ["x", "z"] and rows["x"].startswith("4 fields") and rows["z"] == ""


def test_row_names_of_r_are_found_behind_a_bad_row(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text('"a","b"\n"1",1\n"2",5,6\n"3",7,8\n"3",7,8\n')
    (chunk,) = TableFile(path).chunks()
    assert [row for at, row in enumerate(chunk.rows) if at not in chunk.errors] == [["5", "6"], ["7", "8"]]
    assert list(chunk.errors) == [0, 3]


def test_bad_rows_do_not_decide_about_the_decimal_mark(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("a;b\n1,5;2\n1.5;2;3\n")
    assert look_through(TableFile(path), ["a"]).decimal == ","


def test_bad_rows_around_the_end_of_a_chunk_keep_their_numbers(tmp_path):
    path = tmp_path / "in.csv"
    bad = {0, CHUNK_ROWS - 1, CHUNK_ROWS, 2 * CHUNK_ROWS}
    n = 2 * CHUNK_ROWS + 1
    path.write_text("a,b\n" + "".join(f"{number},1{',2' * (number in bad)}\n\n" for number in range(n)))
    for skip in (0, 1, CHUNK_ROWS, CHUNK_ROWS + 1):
        errors = {
            (chunk.first + at, chunk.line_of(at)) for chunk in TableFile(path).chunks(skip) for at in chunk.errors
        }
        assert errors == {(number + 1, 2 + 2 * number) for number in bad if number >= skip}


def test_utf_16_with_half_a_character(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes("\ufeffa,b\n1,x\n2,".encode("utf-16-le") + b"\x00\xd8" + "\n3,z\n".encode("utf-16-le"))
    (chunk,) = TableFile(path).chunks()
    assert [cells[0] for cells in chunk.rows] == ["1", "2", "3"]
    assert list(chunk.errors) == [1] and "half a character" in chunk.errors[1]


@pytest.mark.parametrize("line", ["{}", "[1]", '["x", "y"]', "x", '{"cells": ["x"], "error": 1}', "null", ""])
def test_lines_that_are_no_rows_of_json_are_named(tmp_path, line):
    path = tmp_path / "in.jsonl"
    path.write_text(f'["a"]\n["1"]\n{line}\n')
    with pytest.raises(ValueError, match="line 3: not a list of 1 texts"):
        list(RowsFile(path, "rows").chunks())
    path.write_text(line + "\n")
    if line != '["x", "y"]':
        with pytest.raises(ValueError, match="does not begin with a list of columns"):
            RowsFile(path, "rows")
