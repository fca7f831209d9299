"""Records of Excel workbooks, as the text that a person sees."""

from __future__ import annotations

import datetime
import zipfile

import openpyxl
import pytest

from ml.recipes.recipe import RecordFile
from ml.records import workbooks
from ml.records.errors import OccurrenceError
from ml.records.reading import inspect_records, read_records

HEADER = ["scientificName", "Latitude", "Longitude"]


def workbook(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


def test_numbers_and_dates_become_text(tmp_path):
    rows = [
        [*HEADER, "taxonKey", "eventDate", "year", "issue"],
        ["Larus fuscus", 1.25, -3, 858029749.0, datetime.datetime(2001, 2, 3), 2001, True],
        ["Larus fuscus", "1,5", "10°30'W", "007", "2001-02", None, None],
        [None] * 7,
        ["Larus fuscus", 0.1, 2, 1e20, datetime.datetime(2001, 2, 3, 4, 5), 1999, "x"],
    ]
    table = read_records(workbook(tmp_path / "r.xlsx", Sheet=rows))
    assert table.format == "workbook" and table.lines.tolist() == [2, 3, 5]
    assert table.frame.astype(str)[["decimalLatitude", "decimalLongitude", "taxonKey", "year"]].values.tolist() == [
        ["1.25", "-3", "858029749", "2001"],
        ["1,5", "10°30'W", "007", ""],
        ["0.1", "2", "1e+20", "1999"],
    ]
    assert list(table.text("eventDate")) == ["2001-02-03", "2001-02", "2001-02-03"]
    assert table.report.unsure == [] and table.report.encoding == ""


def test_the_sheet_with_coordinates_is_read(tmp_path):
    path = workbook(
        tmp_path / "r.xlsx",
        Readme=[["About", "this file"], ["a", "b"]],
        Points=[["Records of 2020"], [], HEADER, ["A b", 1, 2]],
        More=[HEADER, ["A b", 1, 2], ["A b", 3, 4]],
    )
    report = inspect_records(path)
    assert report.n == 1 and report.unsure == ["sheets Points and More have coordinates; Points is read"]
    assert read_records(path).lines.tolist() == [4]
    assert inspect_records(path, RecordFile(name="r.xlsx", sheet="More")).n == 2
    with pytest.raises(OccurrenceError, match=r"^r\.xlsx has no sheet 'Less'; its sheets are Readme, Points, More"):
        read_records(path, RecordFile(name="r.xlsx", sheet="Less"))
    with pytest.raises(OccurrenceError, match="no decimalLatitude column; the columns are About, this file"):
        read_records(path, RecordFile(name="r.xlsx", sheet="Readme"))


def test_a_workbook_is_recognised_by_its_content(tmp_path):
    workbook(tmp_path / "r.xlsx", Points=[HEADER, ["A b", 1, 2]])
    (tmp_path / "r.xlsx").rename(tmp_path / "r.csv")
    assert read_records(tmp_path / "r.csv").lines.tolist() == [2]


def test_a_formula_without_a_stored_result_is_mentioned(tmp_path):
    report = inspect_records(workbook(tmp_path / "r.xlsx", Points=[HEADER, ["A b", "=45+0.5", 2], ["A b", 3, 4]]))
    assert report.unsure == [
        "the formula of cell B2 has no stored result, so the cell is read as empty: open and save the workbook in a "
        "spreadsheet program"
    ]


def test_an_error_of_a_formula_is_refused_with_its_cell(tmp_path):
    rows = [[*HEADER, "note", "year"], ["A b", 1, 2, "#REF!", 2001], ["A b", 3, "#DIV/0!", None, 2002]]
    with pytest.raises(OccurrenceError, match=r"^r\.xlsx, sheet S, cell C3: its formula gives #DIV/0!; correct"):
        read_records(workbook(tmp_path / "r.xlsx", S=rows))
    # A column that nothing reads may have errors.
    assert len(read_records(workbook(tmp_path / "r.xlsx", S=rows[:2])).frame) == 1


def test_a_value_outside_the_header_is_refused(tmp_path):
    with pytest.raises(
        OccurrenceError, match=r"^r\.xlsx, sheet S, cell E2: it has a value, but its column has no name"
    ):
        read_records(workbook(tmp_path / "r.xlsx", S=[HEADER, ["A b", 1, 2, None, "x"]]))


def test_merged_cells_are_mentioned(tmp_path):
    path = workbook(tmp_path / "r.xlsx", S=[HEADER, ["A b", 1, 2], [None, 3, 4]])
    book = openpyxl.load_workbook(path)
    book["S"].merge_cells("A2:A3")
    book.save(path)
    assert inspect_records(path).unsure == [
        "the workbook has merged cells, as A2:A3: only the first one of them has a value"
    ]


def test_empty_damaged_and_large_workbooks(tmp_path, monkeypatch):
    with pytest.raises(OccurrenceError, match=r"^r\.xlsx has no table: its sheets are empty"):
        read_records(workbook(tmp_path / "r.xlsx", S=[]))
    path = workbook(tmp_path / "r.xlsx", S=[HEADER, ["A b", 1, 2]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    with zipfile.ZipFile(tmp_path / "d.xlsx", "w") as archive:
        for name, content in {**parts, "xl/worksheets/sheet1.xml": sheet[: len(sheet) // 2]}.items():
            archive.writestr(name, content)
    with pytest.raises(OccurrenceError, match=r"^d\.xlsx is a damaged workbook"):
        read_records(tmp_path / "d.xlsx")
    monkeypatch.setattr(workbooks, "MAX_WORKBOOK", 100)
    with pytest.raises(
        OccurrenceError, match=r"^r\.xlsx would be .* bytes unzipped; at most 100 of a workbook are read"
    ):
        read_records(path)
