"""Darwin Core files read as they say they are written; every dropped row has one reason."""

import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.records.cleaning import CleaningRules, OccurrenceError, clean, licence_class, read_archive, read_occurrences

TERMS = "http://rs.tdwg.org/dwc/terms/"
FIELDS = ("occurrenceID", "decimalLatitude", "decimalLongitude")


def meta(fields=FIELDS, extra="", core='encoding="UTF-8" fieldsTerminatedBy="\\t" fieldsEnclosedBy=""', name="o.txt"):
    lines = "".join(f'<field index="{i}" term="{TERMS}{f}"/>' for i, f in enumerate(fields))
    return (
        f'<archive xmlns="http://rs.tdwg.org/dwc/text/"><core {core} linesTerminatedBy="\\n" ignoreHeaderLines="1" '
        f'rowType="{TERMS}Occurrence"><files><location>{name}</location></files><id index="0"/>{lines}{extra}</core>'
        "</archive>"
    )


@pytest.fixture
def archive(tmp_path):
    def build(meta_xml, content=b"id\tlat\tlon\na\t1.5\t2.5\n", name="o.txt"):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            if meta_xml is not None:
                z.writestr("meta.xml", meta_xml)
            z.writestr(name, content)
        return path

    return build


def test_reads_the_core_file(archive):
    table = read_occurrences(archive(meta()))
    assert table.to_dict("records") == [{"occurrenceID": "a", "decimalLatitude": "1.5", "decimalLongitude": "2.5"}]


def test_defaults_encoding_quotes_and_column_order(archive):
    fields = f'<field index="2" default="unknown" term="{TERMS}recordedBy"/>'
    fields += f'<field default="WGS84" term="{TERMS}geodeticDatum"/>'
    core = 'encoding="ISO-8859-1" fieldsTerminatedBy=";" fieldsEnclosedBy="&quot;"'
    content = 'lat;lon;who\n1;2;"Müller; A."\n3;4;\n'.encode("latin-1")
    table = read_occurrences(archive(meta(("decimalLatitude", "decimalLongitude"), fields, core), content))
    assert list(table["recordedBy"]) == ["Müller; A.", "unknown"]
    assert list(table["geodeticDatum"]) == ["WGS84", "WGS84"]


def test_a_lone_quotation_mark_and_na_are_only_text(archive):
    table = read_archive(archive(meta(), b'h\th\th\n"reef\t1\t2\nNA\t3\t4\n'))
    assert list(table["occurrenceID"]) == ['"reef', "NA"]


def test_an_archive_without_rows(archive):
    assert len(read_occurrences(archive(meta(), b"id\tlat\tlon\n"))) == 0
    assert len(read_occurrences(archive(meta(), b""))) == 0


BOMB = "<!DOCTYPE a [<!ENTITY x 'y'>]>"


@pytest.mark.parametrize(
    ("meta_xml", "message"),
    [
        (None, "no decimalLatitude"),
        ("<archive", "cannot be read"),
        (BOMB + meta(), "DOCTYPE"),
        ((BOMB + meta()).encode("utf-16"), "DOCTYPE"),
        ("<archive/>", "no core"),
        (meta().replace("terms/Occurrence", "terms/Taxon"), "holds Taxon"),
        (meta(name="../../etc/passwd"), r"no \.\./\.\./etc/passwd in the archive"),
        (meta(FIELDS, f'<field index="7" term="{TERMS}year"/>'), "column 8"),
        (meta(("occurrenceID", "decimalLatitude")), "no decimalLongitude"),
        (meta(core='encoding="klingon" fieldsTerminatedBy="\\t"'), "unknown encoding"),
        (meta(core='fieldsTerminatedBy="||"'), "text format"),
        (meta(FIELDS, f'<field index="-1" term="{TERMS}year"/>'), "not a number"),
    ],
)
def test_bad_archives_say_what_is_wrong(archive, meta_xml, message):
    with pytest.raises(OccurrenceError, match=message):
        read_occurrences(archive(meta_xml))


def test_not_a_zip_not_there_and_damaged(tmp_path, archive):
    path = tmp_path / "b.zip"
    path.write_bytes(b"PK but no")
    with pytest.raises(OccurrenceError, match="not a zip"):
        read_occurrences(path)
    with pytest.raises(OccurrenceError, match="no such file"):
        read_occurrences(tmp_path / "none.csv")
    good = archive(meta(), b"h\th\th\n\xe9\t1\t2\n")
    with pytest.raises(OccurrenceError, match=r"o\.txt, line 2: not UTF-8, byte 7 is 0xe9"):
        read_occurrences(good)


def test_a_zip_bomb_is_not_unzipped(archive):
    path = archive(meta(), b"0" * 2_000_000)
    assert path.stat().st_size < 10_000
    with pytest.raises(OccurrenceError, match="2,000,000 bytes unzipped"):
        read_occurrences(path, max_uncompressed=1_000_000)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_plain_tables(tmp_path, delimiter):
    path = tmp_path / "r.csv"
    lines = [["dwc:decimalLatitude", "decimalLongitude", "species"], ["1", "2", "NA"], ["3", "4", ""]]
    path.write_text("\ufeff" + "\r\n".join(delimiter.join(line) for line in lines), encoding="utf-8")
    table = read_occurrences(path)
    assert list(table["decimalLatitude"]) == ["1", "3"]
    assert list(table["species"]) == ["NA", ""]


def test_plain_table_with_ragged_rows_or_twin_columns(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("decimalLatitude,decimalLongitude\n1,2\n1,2,3,4\n")
    with pytest.raises(OccurrenceError, match="line 3: 4 fields, but the header has 2"):
        read_occurrences(path)
    path.write_text("decimalLatitude,decimalLongitude,dwc:decimalLatitude\n1,2,3\n")
    with pytest.raises(OccurrenceError, match="columns 1 and 3 are both decimalLatitude"):
        read_occurrences(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CC_BY_4_0", "CC BY"),
        ("CC0_1_0", "CC0"),
        ("CC_BY_NC_4_0", "CC BY-NC"),
        ("http://creativecommons.org/licenses/by/4.0/legalcode", "CC BY"),
        ("https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC BY-NC"),
        ("http://creativecommons.org/publicdomain/zero/1.0/legalcode", "CC0"),
        ("CC-BY-SA 4.0", "CC BY-SA"),
        ("Creative Commons Attribution Non-Commercial", "CC BY-NC"),
        ("CC BY-ND", "CC BY-ND"),
        ("UNSPECIFIED", ""),
        ("all rights reserved", ""),
        ("All rights reserved. Reuse by permission only.", ""),
        ("https://creativecommons.org/licenses/by/4.0/, all rights reserved", ""),
        ("not CC BY", ""),
        ("CC BY or CC0", ""),
        ("BY", ""),
        ("NC", ""),
        ("Open Data Commons Attribution License", ""),
        ("https://creativecommons.org.example/licenses/by/4.0/", ""),
        ("https://creativecommons.org/licenses/by-xx/4.0/", ""),
        ("CC-BYNC", "CC BY-NC"),
        ("CCBYNCSA", "CC BY-NC"),
        ("CC BY 4.0 (non-commercial)", "CC BY-NC"),
        ("http://creativecommons.org/licenses/by/3.0/au/", "CC BY"),
        ("CC BY 3.0 AU", "CC BY"),
        ("This work is licensed under a Creative Commons Attribution (CC-BY) 4.0 License", "CC BY"),
        ("Public Domain Mark 1.0", "CC0"),
        (
            "To the extent possible under law, the publisher has waived all rights to these data and has dedicated "
            "them to the Public Domain (CC0 1.0)",
            "CC0",
        ),
        ("", ""),
    ],
)
def test_licences_however_written(text, expected):
    assert licence_class(text) == expected


GOOD = {
    "decimalLatitude": "10",
    "decimalLongitude": "20",
    "basisOfRecord": "HUMAN_OBSERVATION",
    "occurrenceStatus": "PRESENT",
    "license": "CC_BY_4_0",
    "coordinateUncertaintyInMeters": "",
    "hasGeospatialIssues": "false",
    "issue": "COORDINATE_ROUNDED",
    "informationWithheld": "",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"decimalLatitude": ""}, "no coordinates"),
        ({"decimalLongitude": "east"}, "coordinates unreadable"),
        ({"decimalLatitude": "10,5"}, "coordinates unreadable"),
        ({"decimalLatitude": "1_0"}, "coordinates unreadable"),
        ({"decimalLatitude": "NaN"}, "no coordinates"),
        ({"decimalLatitude": "91"}, "coordinates out of range"),
        ({"decimalLongitude": "inf"}, "coordinates unreadable"),
        ({"decimalLongitude": "1e999"}, "coordinates unreadable"),
        ({"decimalLongitude": "180"}, None),
        ({"decimalLatitude": "0", "decimalLongitude": "0.0"}, "coordinates at 0, 0"),
        ({"basisOfRecord": "FossilSpecimen"}, "fossil"),
        ({"basisOfRecord": "FOSSIL_SPECIMEN", "decimalLatitude": ""}, "no coordinates"),
        ({"occurrenceStatus": "absent"}, "recorded as absent"),
        ({"occurrenceStatus": "Not detected"}, "recorded as absent"),
        ({"occurrenceStatus": "not_observed"}, "recorded as absent"),
        ({"occurrenceStatus": "Absence"}, "recorded as absent"),
        ({"occurrenceStatus": "0"}, "recorded as absent"),
        ({"occurrenceStatus": "ausente"}, "recorded as absent"),
        ({"occurrenceStatus": "Present"}, None),
        ({"occurrenceStatus": "not rare"}, None),
        ({"individualCount": "0"}, "recorded as absent"),
        ({"individualCount": "0.0", "occurrenceStatus": "present"}, "recorded as absent"),
        ({"organismQuantity": "0"}, "recorded as absent"),
        ({"individualCount": "several"}, None),
        ({"license": "", "rights": "http://creativecommons.org/licenses/by/4.0/"}, None),
        ({"license": "", "rights": "All rights reserved"}, "licence not allowed"),
        ({"coordinateUncertaintyInMeters": "5000 m"}, "coordinate uncertainty unreadable"),
        ({"coordinateUncertaintyInMeters": "NA"}, None),
        ({"hasGeospatialIssues": "TRUE"}, "location flagged as suspect"),
        ({"hasGeospatialIssues": "1"}, "location flagged as suspect"),
        ({"issue": "COORDINATE_ROUNDED ZERO_COORDINATE"}, "location flagged as suspect"),
        ({"license": "CC_BY_NC_4_0"}, "licence not allowed"),
        ({"license": ""}, "licence not allowed"),
        ({"coordinateUncertaintyInMeters": "5001"}, "coordinate uncertainty above 5 km"),
        ({"coordinateUncertaintyInMeters": "5000"}, None),
        ({"hasGeospatialIssues": "true"}, "location flagged as suspect"),
        ({"issue": "COORDINATE_ROUNDED;ZERO_COORDINATE"}, "location flagged as suspect"),
        ({"informationWithheld": "Coordinate uncertainty increased to protect taxon"}, "coordinates obscured"),
        ({"informationWithheld": "collector's name"}, None),
    ],
)
def test_each_reason(change, reason):
    kept, dropped = clean(pd.DataFrame([GOOD | change]), CleaningRules(max_uncertainty_m=5000))
    assert dropped == ({} if reason is None else {reason: 1})
    assert len(kept) == (reason is None)


def test_rules_can_be_changed_and_missing_columns_skipped():
    rows = pd.DataFrame([GOOD | {"license": "CC_BY_NC_4_0"}])
    assert len(clean(rows, CleaningRules(allow_non_commercial=True))[0]) == 1
    kept, dropped = clean(pd.DataFrame({"decimalLatitude": ["1", "2"], "decimalLongitude": ["3", ""]}))
    assert list(kept["longitude"]) == [3.0]
    assert dropped == {"no coordinates": 1}
    with pytest.raises(OccurrenceError, match="decimalLatitude"):
        clean(pd.DataFrame({"decimalLongitude": ["1"]}))


def test_one_record_a_cell_the_first():
    rows = pd.DataFrame({"decimalLatitude": ["1", "1.1", "2"], "decimalLongitude": ["1", "1", "2"], "id": list("abc")})
    rules = CleaningRules(
        implausible=("too far", lambda lon, lat: lat > 1.5), cell_of=lambda lon, lat: np.floor(lat).astype(np.int64)
    )
    kept, dropped = clean(rows, rules)
    assert list(kept["id"]) == ["a"]
    assert dropped == {"too far": 1, "another record in the same cell": 1}


values = {
    "decimalLatitude": ["", "0", "5", "5.1", "95", "x", "nan"],
    "decimalLongitude": ["", "0", "7", "-181", "179.9"],
    "basisOfRecord": ["HUMAN_OBSERVATION", "FOSSIL_SPECIMEN"],
    "license": ["CC0_1_0", "CC_BY_NC_4_0", ""],
    "coordinateUncertaintyInMeters": ["", "10", "1e6", "big"],
    "issue": ["", "COORDINATE_INVALID"],
}


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries({k: st.sampled_from(v) for k, v in values.items()}), min_size=1, max_size=30))
def test_every_row_is_kept_or_counted_once(rows):
    table = pd.DataFrame(rows)
    rules = CleaningRules(max_uncertainty_m=1000, cell_of=lambda lon, lat: np.rint(lat).astype(np.int64))
    kept, dropped = clean(table, rules)
    assert len(kept) + sum(dropped.values()) == len(table)
    assert all(dropped.values())
    again, none = clean(kept[table.columns], rules)
    assert len(again) == len(kept)
    assert none == {}
