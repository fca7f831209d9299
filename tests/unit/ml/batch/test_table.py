"""Tables read in chunks: decimal marks, indices, and lines."""

from __future__ import annotations

import pytest

from ml.batch.chunks import CHUNK_ROWS, ListedRows
from ml.batch.table import TableFile, look_through
from ml.spreadsheets import without_formula


def write(tmp_path, text: str) -> TableFile:
    path = tmp_path / "in.csv"
    path.write_text(text, newline="")
    return TableFile(path, "in.csv")


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["15,5", "2"], ","),
        (["15,5", "15.5"], "."),
        (["5,000"], "."),
        (["5,000", "0,5"], ","),
        (["5", "6"], "."),
        (["1.234,5"], "."),
        (["1e3", "1,5"], ","),
    ],
)
def test_the_decimal_mark_is_a_comma_only_where_it_is_certain(tmp_path, cells, mark):
    table = write(tmp_path, "\n".join(["a;b", *(f"{cell};1" for cell in cells)]))
    assert look_through(table, ["a", "b"]).decimal == mark


def test_a_number_in_the_last_chunk_decides_for_the_first(tmp_path):
    lines = ["a;b", *("1,5;2" for _ in range(CHUNK_ROWS + 5)), "1.5;2"]
    assert look_through(write(tmp_path, "\n".join(lines)), ["a"]).decimal == "."


def test_chunks_have_all_rows_once_with_their_lines(tmp_path):
    n = 2 * CHUNK_ROWS + 3
    table = write(tmp_path, "a,b\n" + "".join(f"{number},x\n\n" for number in range(n)))
    for skip in (0, 1, CHUNK_ROWS, CHUNK_ROWS + 1, n, n + 1):
        chunks = list(table.chunks(skip))
        assert [cells[0] for chunk in chunks for cells in chunk.rows] == [str(number) for number in range(skip, n)]
        # every second line is empty
        assert [line for chunk in chunks for line in chunk.lines] == [2 + 2 * number for number in range(skip, n)]


@pytest.mark.parametrize("index", [range(400), range(1, 401), [f"x{n}" for n in range(400)], range(400, 0, -1)])
def test_an_index_is_left_out(tmp_path, index):
    table = write(tmp_path, ",a\n" + "".join(f"{name},1\n" for name in index))
    assert look_through(table, ["a"]).n_rows == 400
    assert table.header == ["a"]


@pytest.mark.parametrize("index", [[1, 2, 3, 2], [0, 1, 0], ["x", "x"], [3, 4, 3], [1, 1]])
def test_values_without_a_name_are_refused(tmp_path, index):
    table = write(tmp_path, ",a\n" + "".join(f"{name},1\n" for name in index))
    with pytest.raises(ValueError, match="column 1 has values but no name"):
        look_through(table, ["a"])


def test_a_quoted_line_break_counts_as_one_row(tmp_path):
    table = write(tmp_path, 'a,note\n1,"two\nlines"\n2,x\n')
    (chunk,) = table.chunks()
    assert (chunk.lines, chunk.columns["note"]) == ([2, 4], ("two\nlines", "x"))


def test_rows_in_memory_are_chunks_too():
    rows = ListedRows(["a"], [(str(number),) for number in range(CHUNK_ROWS + 2)])
    assert [len(chunk) for chunk in rows.chunks()] == [CHUNK_ROWS, 2]
    assert look_through(rows, ["a"]).n_rows == CHUNK_ROWS + 2


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("@x", "'@x"),
        ("-", "'-"),
        ("-5.2", "-5.2"),
        ("+1,5", "+1,5"),
        ("-inf", "'-inf"),
        ("x=1", "x=1"),
        ("", ""),
    ],
)
def test_texts_that_a_spreadsheet_runs_are_guarded_and_numbers_are_not(text, guarded):
    assert without_formula(text) == guarded


def test_chunks_of_wide_or_long_rows_are_small(tmp_path):
    wide = write(tmp_path, ",".join(f"c{number}" for number in range(1500)) + "\n" + ("1," * 1499 + "1\n") * 600)
    assert max(len(chunk) for chunk in wide.chunks()) * 1500 <= 400_000
    assert look_through(wide, ["c0"]).n_rows == 600
    long = write(tmp_path, "a,b\n" + f"1,{'x' * 100_000}\n" * 200)
    assert next(len(chunk) for chunk in long.chunks()) < 100
    assert look_through(long, ["a"]).n_rows == 200
