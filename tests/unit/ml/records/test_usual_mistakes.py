"""Values that are easily misread: datums, dates, decimal marks, remarks, archives and choices without effect."""

from __future__ import annotations

import time
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ml.own_data.files import inspect_file
from ml.own_data.samples import read_samples, report_samples
from ml.recipes.recipe import Recipe, RecordFile
from ml.recipes.reports import are_samples
from ml.records.audit import audit
from ml.records.checks import dates, has_unreadable_date, is_obscured, uncertainties, years
from ml.records.columns import TextColumn
from ml.records.datums import find_crs, to_wgs84
from ml.records.errors import OccurrenceError
from ml.records.reading import inspect_records, read_records
from ml.records.recount import decide, recount
from ml.records.rows import write_rows
from tests.unit.ml.records.own_records import GOOD, flags, table


def written(tmp_path, text, name="p.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def places(path, file=None):
    result = audit([read_records(path, file)], Recipe(title="t"), None)
    return result.longitude.tolist(), result.latitude.tolist()


def test_degrees_with_a_projected_datum_are_degrees_and_metres_are_projected():
    x, y = np.array([10.0, 500_000.0, -100.0]), np.array([60.0, 5_300_000.0, 40.0])
    result = to_wgs84(x, y, pd.Series(["EPSG:25833", "EPSG:32632", "EPSG:32633"]))
    assert result.longitude == pytest.approx([10.0, 9.0, -100.0], abs=1e-5)
    assert result.latitude == pytest.approx([60.0, 47.8533, 40.0], abs=1e-4)
    # Zone 13 of NAD27: the shift of its datum, some 40 m, and no projection.
    shifted = to_wgs84(np.array([-105.0]), np.array([40.0]), pd.Series(["EPSG:26713"]))
    assert 1e-4 < abs(shifted.longitude[0] + 105.0) < 2e-3
    # A CRS that the user states for the file holds for its numbers, whatever they are.
    small = to_wgs84(np.array([100.0]), np.array([50.0]), pd.Series(["EPSG:32632"]), "EPSG:32632")
    assert small.latitude[0] == pytest.approx(0.00045, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("North American Datum of 1927", "EPSG:4267"), ("Clarke 1866", "EPSG:4267"),
        ("WGS84 / UTM zone 32N", "EPSG:32632"), ("WGS 84 / UTM zone 5S", "EPSG:32705"), ("UTM 33T", "EPSG:32633"),
        ("ETRS89 / UTM zone 33N", "EPSG:25833"), ("NAD27 / UTM zone 13N", "EPSG:26713"), ("UTM zone 61N", None),
        ("The European Datum of 1950", "EPSG:4230"), ("banana", None),
    ],
)  # fmt: skip
def test_a_datum_in_words_is_known(text, code):
    assert find_crs(text) == code


def test_a_datum_that_is_not_recognised_is_flagged_and_drops_nothing():
    rows = [GOOD | {"geodeticDatum": text} for text in ("banana", "NAD27", "unknown", "")]
    report = recount(audit([table(rows)], Recipe(title="t"), None), Recipe(title="t"))
    assert flags(report)["datum_assumed"] == 1
    assert not next(reason for reason in report.reasons if reason.code == "datum_assumed").drops


def test_no_value_of_maxent_is_missing_and_few_whole_numbers_are_categories(tmp_path):
    rows = [f"{'Aa bb' if i < 20 else 'background'},{-9999 if i == 3 else 10 + i / 7:.2f},{i % 3}" for i in range(40)]
    path = written(tmp_path, "species,bio1,biome\n" + "\n".join(rows) + "\n", "swd.csv")
    report = inspect_file(tmp_path, "swd.csv")
    assert report.records.format == "swd-table" and are_samples([report])
    assert "column bio1: -9999 is read as a missing value in 1 row" in report.records.unsure
    samples = read_samples(tmp_path, Recipe(title="t"), [report])
    assert samples.dropped == {"a condition is missing": 1} and samples.n_background == 20
    assert samples.categories == ["biome"]
    problem = report_samples(samples, Recipe(title="t")).problems[0]
    assert not problem.blocking and "biome has only 3 different values" in problem.text
    assert read_records(path).frame["bio1"].isna().sum() == 1


@pytest.mark.parametrize(
    ("header", "rows", "conditions"),
    [
        ("species,longitude,latitude,presence,bio1,bio12", "Aa bb,1.5,40,{},12.5,800", ["bio1", "bio12"]),
        ("bio1,presence,lat,lon", "12.5,{},40,1.5", ["bio1"]),
        ("species,longitude,latitude,presence,date,bio1", "Aa bb,1.5,40,{},2020-01-01,12.5", []),
        ("id,species,longitude,latitude,presence,bio1", "7,Aa bb,1.5,40,{},12.5", []),
    ],
)
def test_a_column_of_presence_beside_coordinates_and_numbers_means_samples(tmp_path, header, rows, conditions):
    path = written(tmp_path, "\n".join([header, rows.format(1), rows.format(0)]) + "\n", "samples.csv")
    assert read_records(path).report.environment == conditions
    words = written(tmp_path, "\n".join([header, rows.format("present"), rows.format("absent")]) + "\n", "words.csv")
    assert read_records(words).report.environment == []


def test_absences_of_samples_are_background(tmp_path):
    rows = [f"Aa bb,{i / 10},40,{i % 2},{i / 7:.2f}" for i in range(40)]
    written(tmp_path, "species,longitude,latitude,presence,bio1\n" + "\n".join(rows) + "\n", "samples.csv")
    report = inspect_file(tmp_path, "samples.csv")
    samples = read_samples(tmp_path, Recipe(title="t"), [report])
    assert are_samples([report]) and samples.have_places
    assert (samples.counts, samples.n_background) == ({"Aa bb": 20}, 20)


def test_a_table_without_coordinates_and_background_is_no_samples(tmp_path):
    path = written(tmp_path, "species,bio1\nAa bb,1.5\nCc dd,2.5\n")
    assert inspect_records(path).format == "table"
    with pytest.raises(OccurrenceError, match="there is no decimalLatitude column"):
        read_records(path)


def test_conditions_with_decimal_commas_are_numbers(tmp_path):
    text = "species;bio1;bio12\nAa bb;1,5;1,234\nbackground;2,25;2,345\n"
    environment = read_records(written(tmp_path, text)).frame
    assert environment["bio1"].tolist() == [1.5, 2.25]
    # Three decimals in all rows may be thousands.
    assert "bio12" not in environment


@pytest.mark.parametrize(
    ("texts", "degrees", "values"),
    [
        (["100,5", "5,000"], "10,5", [100.5, 5.0]),
        (["100.5", "5.000"], "10,5", [100.5, 5.0]),
        (["5,000", "5.000"], "10.25", [5000.0, 5.0]),
        (["5.000", "7.000"], "10,25", [5000.0, 7000.0]),
        (["5.000", "5,000"], "10", [np.nan, np.nan]),
        (["1.234,5", "30"], "10", [1234.5, 30.0]),
        (["100,5", "100.5"], "10", [100.5, 100.5]),
        (["near", "-5"], "10", [np.nan, -5.0]),
    ],
)
def test_an_uncertainty_is_read_with_the_decimal_mark_of_the_table(texts, degrees, values):
    frame = pd.DataFrame({"coordinateUncertaintyInMeters": texts, "decimalLatitude": degrees, "decimalLongitude": "1"})
    result, unreadable = uncertainties(frame)
    np.testing.assert_array_equal(result, values)
    assert unreadable.tolist() == [not value >= 0 for value in values]


def test_three_decimals_after_a_comma_are_degrees_where_a_semicolon_separates(tmp_path):
    text = "species;lon;lat\nAa bb;10,111;45,073\nAa bb;x1;45,146\n"
    path = written(tmp_path, text)
    longitude, latitude = places(path)
    assert longitude[0] == 10.111 and latitude[0] == 45.073
    note = "line 3, column lon: 'x1' is unreadable: 'x' is not a hemisphere"
    assert any(one.startswith(note) for one in inspect_records(path).unsure)
    quoted = written(tmp_path, 'species,lon,lat\nAa bb,"10,111","45,073"\n', "q.csv")
    assert np.isnan(places(quoted)[0][0])


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2015-03-01", 2015), ("01/03/2015", 2015), ("1.3.2015", 2015), ("20150301", 2015), ("Mar 1990", 1990),
        ("2015-03-01/2015-04-02", 2015), ("2015/2016", 2015), ("2015-03-01T12:30:00Z", 2015), ("1 May 1855", 1855),
        ("01/03/15", 0), ("42064", 0), ("spring", 0), ("", 0), ("9999-01-01", 0), ("from 1990 or 1991", 0),
    ],
)  # fmt: skip
def test_the_year_of_a_date_is_read_where_it_is_certain(text, year):
    frame = pd.DataFrame({"eventDate": [text]})
    assert years(frame).tolist() == [year]
    assert has_unreadable_date(frame).tolist() == [bool(text) and not year]


def test_a_number_of_days_of_excel_is_a_date(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["species", "lon", "lat", "date"])
    # 42064 is 1 March 2015 in Excel.
    book.active.append(["Aa bb", 10.25, 45.5, 42064])
    book.active.append(["Aa bb", 10.25, 45.5, 1990])
    book.save(tmp_path / "b.xlsx")
    assert list(read_records(tmp_path / "b.xlsx").text("eventDate")) == ["2015-03-01", "1990"]


def test_duplicates_have_the_same_day_where_the_order_of_day_and_month_is_proved():
    proved = pd.DataFrame({"eventDate": ["03/04/2001", "2001-04-03", "20010403", "13/05/2001"]})
    assert len(set(dates(proved).tolist())) == 2
    unproved = proved.iloc[:3]
    assert len(set(dates(unproved).tolist())) == 2
    months = pd.DataFrame({"eventDate": ["Mar 1990", "Mar 1991"]})
    assert len(set(dates(months).tolist())) == 2


@pytest.mark.parametrize(
    ("text", "obscured"),
    [
        ("coordinates not obscured", False), ("Location data is not generalised", False),
        ("locality in Spanish", False), ("Coordinates were never generalized", False), ("geoprivacy: open", False),
        ("locality translated from Russian", False), ("unobscured", False),
        ("coordinates not obscured but rounded to 0.1", True),
        ("Coordinate uncertainty increased to 28km at the request of the observer", True),
        ("Further location information available on request", True), ("Coordinates rounded", True),
        ("Coordinates generalized to protect the taxon", True), ("location not given", True),
    ],
)  # fmt: skip
def test_a_remark_that_denies_it_does_not_obscure(text, obscured):
    assert is_obscured(pd.DataFrame({"informationWithheld": [text]})).tolist() == [obscured]


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"species,lon,lat\n" + b"a,1,1\n" * 20_000_000)
    begin = time.thread_time()
    with pytest.raises(OccurrenceError, match=r"bomb.zip: would be 120,000,016 bytes unpacked, more than 200 times"):
        read_records(tmp_path / "bomb.zip")
    assert time.thread_time() - begin < 2


def test_choices_without_effect_are_named():
    recipe = Recipe.model_validate(
        {
            "title": "t",
            "records": [{"name": "other.csv"}],
            "species": ["Lacerta schreiberi", "Nemo nemo"],
            "merge": {"Aa bb": "Lacerta schreiberi"},
            "rules": {"off": ["banana", "coordinates_missing"], "drop": ["fossil", "capital"]},
        }
    )
    problems = recount(audit([table([GOOD])], recipe, None), recipe).problems
    texts = [problem.text for problem in problems if problem.code == "no_effect"]
    words = ["banana", "coordinates_missing", "fossil", "other.csv", "Nemo nemo", "Aa bb"]
    assert len(texts) == len(words) and all(word in text for word, text in zip(words, texts, strict=True))
    assert not any(problem.blocking for problem in problems if problem.code == "no_effect")


def test_the_hemisphere_of_a_header_gives_the_sign(tmp_path):
    path = written(tmp_path, "species,Latitude (N),Longitude (W)\nAa bb,45.5,100.25\n")
    assert places(path) == ([-100.25], [45.5])
    assert "column Longitude (W) is read as degrees south or west" in inspect_records(path).unsure[0]
    signed = written(tmp_path, "species,lat_s,lon_w\nAa bb,45.5,100.25\nAa bb,44.5,-100.25\n", "s.csv")
    assert places(signed) == ([100.25, -100.25], [-45.5, -44.5])


def test_the_name_of_a_file_in_a_message_keeps_its_letters(tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        link = zipfile.ZipInfo("a.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "b.csv")
    assert inspect_file(tmp_path, "z.zip").sentence.startswith("a.csv is a link")


@pytest.mark.parametrize("spelling", ["{:d},{:06d}", "{:d}°{:02d}'30.5\"E"])
def test_coordinates_of_large_tables_are_numbers_while_they_are_read(spelling):
    column = TextColumn(axis="longitude")
    column.extend([spelling.format(i // 60 % 180, i % 60) for i in range(10_800)])
    column.extend([f"{i % 100},{i:06d}" for i in range(100_001)])
    column.extend(["", "x1", "10,500"])
    series = column.series()
    assert series.dtype == np.float64 and np.isnan(series.iloc[-3]) and np.isinf(series.iloc[-2])
    assert series.iloc[-1] == 10.5 and series.attrs["unreadable"] == {len(series) - 2: "x1"}
    assert series.iloc[61] in (1.000001, pytest.approx(1 + 1 / 60 + 30.5 / 3600))


def test_an_unreadable_text_of_a_large_table_is_written_as_it_was_read(tmp_path):
    lines = [f"Aa bb;{i % 100},{i:06d};45,5" for i in range(100_010)]
    path = written(tmp_path, "species;lon;lat\n" + "\n".join([*lines, "Aa bb;near;45,5"]) + "\n")
    read = read_records(path)
    assert read.frame["decimalLongitude"].dtype == np.float64
    result = audit([read], Recipe(title="t", records=[RecordFile(name="p.csv")]), None)
    assert result.mark("coordinates_unreadable").sum() == 1 and result.longitude[1] == 1.000001
    write_rows([read], result, decide(result, Recipe(title="t")), tmp_path / "out.csv", "dropped")
    assert "near" in (tmp_path / "out.csv").read_text().splitlines()[-1]
    assert any("line 100,012, column lon: 'near' is unreadable" in note for note in inspect_records(path).unsure)
