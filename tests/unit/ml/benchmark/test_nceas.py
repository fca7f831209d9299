"""The NCEAS benchmark's files: read as published, and every way of being spoilt named."""

import bz2
import gzip
import lzma
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdata

from ml.__main__ import main
from ml.benchmark.nceas import NceasError, are_degrees, read_region, read_survey
from ml.benchmark.run import blocks_of
from ml.training.folds import choose_folds
from tests.unit.ml.benchmark.fake_regions import AWT, N_BACKGROUND, make_regions, read, write


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return make_regions(tmp_path_factory.mktemp("nceas") / "data")


@pytest.fixture
def data(published, tmp_path):
    """A copy that a test may spoil."""
    return Path(shutil.copytree(published, tmp_path / "data"))


def _refused(data, output, capsys):
    """The command's one line on what it does not take."""
    assert main(["benchmark", "--data", str(data), "--regions", "NZ", "--output", str(output), "--jobs", "1"]) == 2
    assert not output.exists()
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("python -m ml benchmark: ")
    return line


def test_a_group_is_read_as_published(published):
    bird, plant = read_region(published, "AWT")
    assert (bird.name, plant.name) == ("bird", "plant")
    assert bird.species == list(AWT["bird"])
    assert bird.n_presences == list(AWT["bird"].values())
    assert bird.predictors == ["warmth", "rain"]
    assert bird.records.recorded.sum(axis=0).tolist() == bird.n_presences
    assert bird.records.rows.shape == bird.places.shape == (73 + N_BACKGROUND, 2)
    assert not bird.records.recorded[73:].any()
    assert not bird.geographic
    folds = blocks_of(bird)
    assert len(folds) == 73 + N_BACKGROUND and len(np.unique(folds)) > 1
    [only] = read_region(published, "NZ")
    assert only.records.categorical == (2,)
    assert set(only.records.rows[:, 2]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([[-80.8, -32.2], [-35.0, 11.3]], True),
        # across the antimeridian, as some files write it
        ([[170.0, -90.0], [190.0, 90.0]], True),
        ([[282790.9, 7844018.0], [499060.0, 8296820.5]], False),
        # metres near the origin of a projection, all but one place
        ([[20.0, 50.0], [2500.0, 60.0]], False),
    ],
)
def test_degrees_are_told_from_metres(places, expected):
    assert are_degrees(np.array(places)) is expected


@pytest.mark.parametrize("region", ["CAN", "NSW"])
def test_a_region_in_degrees_gets_blocks_on_the_sphere(data, region):
    """Whatever its name is."""
    for file in data.glob("NZ*"):
        shutil.copy(file, data / file.name.replace("NZ", region))
    for kind in ("train_po", "train_bg"):
        file = data / f"{region}{kind}.rds"
        table = read(file)
        write(table.assign(x=140 + table["x"] / table["x"].max(), y=-30 + table["y"] / table["y"].max()), file)
    (group,) = read_region(data, region)
    assert group.geographic
    visited = group.records.recorded.any(axis=1).astype(np.int64)
    sphere, _ = choose_folds(group.places, visited, 5, 0, True)
    plane, _ = choose_folds(group.places, visited, 5, 0, False)
    assert np.array_equal(blocks_of(group), sphere)
    assert not np.array_equal(sphere, plane)


def test_species_recorded_at_one_place_share_a_row(data):
    table = read(data / "NZtrain_po.rds")
    places = ["x", "y", "warmth", "rain", "age"]
    table.loc[table["spid"] == "nz02", places] = table.loc[:8, places].to_numpy()
    write(table, data / "NZtrain_po.rds")
    [group] = read_region(data, "NZ")
    assert len(group.records.rows) == 20 + N_BACKGROUND
    assert (group.records.recorded.sum(axis=1) == 2).sum() == 9
    assert group.n_presences == [20, 9]


def test_a_survey_is_put_in_the_order_of_the_sites(published):
    for group in read_region(published, "AWT"):
        survey = read_survey(published, group)
        assert survey.index.tolist() == group.sites
        assert survey.columns.tolist() == group.species


def test_levels_are_the_same_however_a_file_stores_their_numbers(data, tmp_path, published):
    table = read(data / "NZtest_env.rds")
    write(table.assign(age=table["age"].astype(float)), data / "NZtest_env.rds")
    [as_floats], [as_integers] = read_region(data, "NZ"), read_region(published, "NZ")
    assert as_floats.unseen == {}
    np.testing.assert_array_equal(as_floats.test_rows, as_integers.test_rows)


def _without(column):
    return lambda table: table.drop(columns=column)


def _missing(column):
    return lambda table: table.assign(**{column: table[column].astype(float).where(table.index != 4)})


def _text(column):
    return lambda table: table.assign(**{column: np.full(len(table), "many", object)})


def _infinite(column):
    return lambda table: table.assign(**{column: table[column].astype(float).where(table.index != 4, np.inf)})


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("NZtrain_po.rds", _without("spid"), "has no column spid"),
        ("NZtrain_po.rds", _without("rain"), "has no column rain"),
        ("NZtrain_bg.rds", _without("x"), "has no column x"),
        ("NZtest_env.rds", _without("age"), "has no column age"),
        ("NZtest_env.rds", _without("siteid"), "has no column siteid"),
        ("NZtrain_po.rds", _missing("rain"), "rain has 1 missing values"),
        ("NZtrain_bg.rds", _missing("age"), "age has 1 missing values"),
        ("NZtest_env.rds", _missing("warmth"), "warmth has 1 missing values"),
        ("NZtest_env.rds", _text("warmth"), "warmth holds something that is not a number"),
        ("NZtest_env.rds", _infinite("rain"), "rain holds a number that is not finite"),
        ("NZtrain_po.rds", lambda table: table.assign(spid="nsw30"), "NZ has no records"),
        ("NZtrain_bg.rds", lambda table: ["not", "a", "table"], "does not hold a data frame"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(data, tmp_path, capsys, file, change, message):
    changed = change(read(data / file))
    write(changed, data / file) if isinstance(changed, pd.DataFrame) else rdata.write_rds(data / file, changed)
    line = _refused(data, tmp_path / "out", capsys)
    assert message in line
    assert file in line or "has no records" in message


@pytest.mark.parametrize("file", ["NZtrain_po.rds", "NZtrain_bg.rds", "NZtest_env.rds"])
@pytest.mark.parametrize("cut", [None, 0, 0.1, 0.5, 0.98])
def test_a_file_that_is_missing_or_cut_off_is_named(data, tmp_path, capsys, file, cut):
    content = (data / file).read_bytes()
    (data / file).unlink()
    if cut is not None:
        (data / file).write_bytes(content[: int(cut * len(content))])
    line = _refused(data, tmp_path / "out", capsys)
    assert f"{data / file} is {'missing' if cut is None else 'damaged'}" in line


@pytest.mark.parametrize("content", [b"site,rain\n1,2\n" * 50, b"PK\x03\x04" * 30, b"\x1f\x8b\x08\x00"])
def test_a_file_of_another_kind_is_named(data, tmp_path, capsys, content):
    (data / "NZtrain_bg.rds").write_bytes(content)
    assert "NZtrain_bg.rds is damaged or not an R data file" in _refused(data, tmp_path / "out", capsys)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_cut_file_of_every_compression_is_named(data, tmp_path, capsys, compress):
    file = data / "NZtrain_bg.rds"
    content = compress(gzip.decompress(file.read_bytes()))
    file.write_bytes(content)
    assert len(read_region(data, "NZ")) == 1
    file.write_bytes(content[: len(content) // 2])
    assert f"{file} is damaged or not an R data file" in _refused(data, tmp_path / "out", capsys)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_with_a_byte_turned_is_read_or_named(data, compress):
    """Wherever it is: in the compressed stream or in its check sums."""
    file = data / "NZtrain_bg.rds"
    content = compress(gzip.decompress(file.read_bytes()))
    refused = 0
    for at in np.linspace(0, len(content) - 1, 25).astype(int):
        file.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        try:
            read_region(data, "NZ")
        except NceasError as error:
            assert "NZtrain_bg.rds" in str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="nz02"), "has no column nz02"),
        (lambda table: table.assign(nz01=2), "values other than 0 and 1"),
        (lambda table: table.assign(nz01=-1), "values other than 0 and 1"),
        (lambda table: table.assign(nz01=0.5), "values other than 0 and 1"),
        (lambda table: table.assign(nz01=table["nz01"].astype(float).where(table.index > 0)), "nz01 has 1 missing"),
        (lambda table: table.iloc[1:], "does not list the sites"),
        (lambda table: table.assign(siteid="here"), "does not list the sites"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "does not list the sites"),
    ],
)
def test_a_survey_of_something_else_is_refused(data, change, message):
    [group] = read_region(data, "NZ")
    write(change(read(data / "NZtest_pa.rds")), data / "NZtest_pa.rds")
    with pytest.raises(NceasError, match=rf"NZtest_pa\.rds.*{message}"):
        read_survey(data, group)


def test_the_published_regions(nceas):
    """The real files, each read whole."""
    groups = [group for region in ("AWT", "NZ", "SA") for group in read_region(nceas, region)]
    found = [(group.region, group.name, len(group.species), len(group.sites)) for group in groups]
    assert found == [
        ("AWT", "bird", 20, 340),
        ("AWT", "plant", 20, 102),
        ("NZ", "plant", 52, 19120),
        ("SA", "plant", 30, 152),
    ]
    # AWT and NZ have projected coordinates
    assert [group.geographic for group in groups] == [False, False, False, True]
    for group in groups:
        assert not group.unseen
        assert np.isfinite(group.records.rows).all() and np.isfinite(group.test_rows).all()
        assert (~group.records.recorded.any(axis=1)).sum() == 10_000
        assert read_survey(nceas, group).shape == (len(group.sites), len(group.species))
        names = [group.predictors[j] for j in group.records.categorical]
        assert names == (["age", "toxicats"] if group.region == "NZ" else [])
    assert sum(sum(group.n_presences) for group in groups) == 3806 + 3088 + 2220
