"""Tables as R, pandas, Excel and data publishers write them, and tables whose rows would be lost."""

from __future__ import annotations

import zipfile

import pytest

from ml.records import collecting, delimited
from ml.records.darwin_core import read_occurrences
from ml.records.errors import OccurrenceError
from tests.unit.ml.records.test_archives import make
from tests.unit.ml.records.test_cleaning import meta

TWO = [("10.5", "20.5"), ("11.5", "21.5")]
HEADER = "decimalLatitude,decimalLongitude"
TABLE = f"{HEADER}\n10.5,20.5\n"


def read(tmp_path, content):
    (tmp_path / "r.csv").write_bytes(content.encode())
    table = read_occurrences(tmp_path / "r.csv")
    return list(zip(table["decimalLatitude"], table["decimalLongitude"], strict=True))


@pytest.mark.parametrize(
    "content",
    [
        '"","decimalLatitude","decimalLongitude"\n"1",10.5,20.5\n"2",11.5,21.5\n',
        ",decimalLatitude,decimalLongitude\n0,10.5,20.5\n1,11.5,21.5\n",
        '"decimalLatitude"\t"decimalLongitude"\n"1"\t10.5\t20.5\n"2"\t11.5\t21.5\n',
        '"decimalLatitude"\t"decimalLongitude"\n10.5\t20.5\n11.5\t21.5\n',
        '"decimalLatitude","decimalLongitude"\r"99999",10.5,20.5\r"1e+05",11.5,21.5\r',
        '"decimalLatitude" "decimalLongitude"\n'.replace(" ", ",") + '"1",10.5,20.5\n"2",11.5,21.5\n',
        "sep=;\ndecimalLatitude;decimalLongitude\n10.5;20.5\n11.5;21.5\n",
        '\ufeff"sep=,"\r\ndecimalLatitude,decimalLongitude\r\n10.5,20.5\r\n11.5,21.5\r\n',
        f"{HEADER}\n10.5,20.5\n   \n11.5,21.5\n\t\n\x1a",
        '"note; a; b; c",decimalLatitude,decimalLongitude\nx,10.5,20.5\ny,11.5,21.5\n',
        '"note; a\nb; c",decimalLatitude,decimalLongitude\nx,10.5,20.5\ny,11.5,21.5\n',
        'note,decimalLatitude,decimalLongitude\n"a, b\n\nc",10.5,20.5\ny,11.5,21.5\n',
        'decimalLatitude,decimalLongitude,note\n10.5,20.5,"a\nb"\n11.5,21.5,"c\nd\ne"\n',
    ],
)
def test_usual_tables_have_the_same_records(tmp_path, content):
    assert read(tmp_path, content) == TWO


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            f'species,{HEADER}\nA b,10.5,20.5\n"C d,11.5,21.5\nE f,12.5,22.5\nG h",13.5,23.5\n',
            "lines 3 to 5: a quotation mark is missing or one too many",
        ),
        (f'{HEADER},species\n10.5,20.5,"A b\n11.5,21.5,C d"\n', "lines 2 to 3"),
        ('"decimalLatitude","decimalLongitude"\n"10","5","20.1"\n"11","5","21.1"\n', "line 2: 3 fields"),
        (f",{HEADER}\n1,10.5,20.5\n1,11.5,21.5\n", "column 1 has values but no name"),
        ("lat,lon\n1,2\n", "no decimalLatitude column; the columns are lat, lon$"),
        (",".join(f"c{i}" for i in range(12)) + "\n", "c8, c9 and 2 more$"),
        (",".join(["decimalLatitude"] * 1500) + "\n", "columns 1 and 2 and 3 and 4 and 5 and 1,495 more are both"),
        (",".join(["decimalLatitude"] * 400_000) + "\n", "has 400,000 columns; at most 2,000"),
        ("," * 1_500_000 + "\n", "line 1: more than 1,000,000 delimiters"),
    ],
)
def test_tables_that_would_be_misread_are_refused(tmp_path, content, message):
    with pytest.raises(OccurrenceError, match=f"^r.csv.*{message}") as refusal:
        read(tmp_path, content)
    assert len(str(refusal.value)) < 500


def test_a_table_of_too_many_cells_or_records_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "MAX_CELLS", 6)
    monkeypatch.setattr(collecting, "MAX_ROWS", 2)
    assert len(read(tmp_path, f"{HEADER}\n1,2\n3,4\n")) == 2
    with pytest.raises(OccurrenceError, match=r"r\.csv has more than 2 records; split it"):
        read(tmp_path, f"{HEADER}\n1,2\n3,4\n5,6\n")
    with pytest.raises(OccurrenceError, match="4 lines and 2 columns; at most 6 cells"):
        delimited.read_table(f"{HEADER}\n1,2\n3,4\n5,6\n", ",", '"', "t.csv")


def test_equal_values_of_a_column_are_one_object():
    _, columns, lines = delimited.read_table("a,b\n" + "value,other\n" * 3, ",", '"', "t.csv")
    assert columns == [["value"] * 3, ["other"] * 3] and list(lines) == [2, 3, 4]
    assert len({id(value) for value in columns[0]}) == 1


def test_an_empty_line_counts_as_a_line_of_the_header(tmp_path):
    path = make(tmp_path / "a.zip", [("meta.xml", meta()), ("o.txt", "\na\t1.5\t2.5\n")])
    assert read_occurrences(path)["occurrenceID"].tolist() == ["a"]
    quoted = meta(core='fieldsTerminatedBy="," fieldsEnclosedBy="&quot;"')
    path = make(tmp_path / "b.zip", [("meta.xml", quoted), ("o.txt", '"id","lat","long\nitude"\na,1.5,2.5\n')])
    assert read_occurrences(path)["occurrenceID"].tolist() == ["a"]


def test_two_cores_are_refused_and_an_empty_encoding_is_utf_8(tmp_path):
    text = meta()
    core = text[text.index("<core") : text.index("</core>") + len("</core>")]
    path = make(tmp_path / "a.zip", [("meta.xml", text.replace(core, core * 2)), ("o.txt", "id\tlat\tlon\n")])
    with pytest.raises(OccurrenceError, match=r"^a\.zip: meta\.xml describes 2 core files"):
        read_occurrences(path)
    empty = meta(core='encoding="" fieldsTerminatedBy="\\t" fieldsEnclosedBy=""')
    path = make(tmp_path / "b.zip", [("meta.xml", empty), ("o.txt", "id\tlat\tlon\n\u00e9\t1.5\t2.5\n")])
    assert read_occurrences(path)["occurrenceID"].tolist() == ["\u00e9"]


@pytest.mark.parametrize(
    "other",
    [("README.txt", "read, me\n"), (".records.csv", TABLE), ("a/.x.csv", TABLE), ("taxa.csv", "species,rank\nA b,s\n"),
     ("utf16.txt", "note\tx\n".encode("utf-16")), ("data.csv", b"\xff\x00")],
)  # fmt: skip
def test_the_table_with_coordinates_is_the_table_of_a_zip_file(tmp_path, other):
    rest = "1,2\n" * 50_000
    assert len(read_occurrences(make(tmp_path / "a.zip", [("records.csv", TABLE + rest), other]))) == 50_001


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_large_table_beside_a_text_is_recognised_in_any_encoding(tmp_path, encoding):
    table = f"{HEADER},note\n" + "1,2,\u00e9\u5927\n" * 50_000
    path = make(tmp_path / "a.zip", [("a.csv", table.encode(encoding)), ("README.txt", "x")])
    assert len(read_occurrences(path)) == 50_000


def test_two_tables_with_coordinates_are_refused(tmp_path):
    path = make(tmp_path / "a.zip", [("a.csv", TABLE), ("b.txt", TABLE), ("README.txt", "x")])
    with pytest.raises(OccurrenceError, match=r"^a\.zip: no meta\.xml.* 2 tables, not one"):
        read_occurrences(path)


@pytest.mark.parametrize(
    ("meta_xml", "content", "message"),
    [
        (meta(name="p.txt"), "", "there is no p.txt in the archive"),
        (meta().replace("terms/Occurrence", "terms/Taxon"), "", "the core holds Taxon"),
        (meta(), "id\tlat\tlon\na\t1.5\n", "o.txt, line 2: 2 fields"),
    ],
)
def test_messages_about_an_archive_name_it(tmp_path, meta_xml, content, message):
    path = make(tmp_path / "a.zip", [("meta.xml", meta_xml), ("o.txt", content)], zipfile.ZIP_STORED)
    with pytest.raises(OccurrenceError, match=rf"^a\.zip: {message}"):
        read_occurrences(path)
