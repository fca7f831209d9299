"""Groups of a region that lend their places to a smaller one."""

from dataclasses import replace

import numpy as np
import pytest

from ml.__main__ import main
from ml.benchmark.nceas import read_region
from ml.benchmark.run import fit_shared, lend_places, predict_groups
from ml.training.default_model import EngineSettings
from tests.unit.ml.benchmark.fake_regions import make_region, read, write

# Species of odd numbers like warm and wet places, in both groups.
GROUPS = {"bird": {"awt01": 90, "awt03": 90, "awt05": 60}, "plant": {"awt21": 15, "awt23": 12}}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    data = tmp_path_factory.mktemp("lending")
    make_region(data, "AWT", GROUPS, own_files=True)
    return data


def test_a_small_group_of_the_region_borrows_and_the_others_do_not(published):
    groups = read_region(published, "AWT")
    bird, plant = lend_places(groups)
    assert bird is groups[0]
    assert plant.lender == "bird"
    assert plant.records.n_species == len(plant.species) == 2
    n = len(groups[1].records.rows)
    np.testing.assert_array_equal(plant.places[n:], groups[0].places[:240])
    np.testing.assert_array_equal(plant.test_rows, groups[1].test_rows)


def test_groups_of_other_regions_lend_nothing(published, tmp_path):
    make_region(tmp_path, "SA", {"plant": GROUPS["plant"]}, own_files=False)
    small = read_region(tmp_path, "SA")[0]
    groups = [read_region(published, "AWT")[0], small]
    assert lend_places(groups) == groups


def test_a_group_in_degrees_borrows_nothing_from_one_in_metres(published):
    bird, plant = read_region(published, "AWT")
    degrees = replace(plant, places=plant.places / 1e4, geographic=True)
    assert lend_places([bird, degrees]) == [bird, degrees]


@pytest.mark.thorough
def test_every_species_of_a_group_that_borrows_is_predicted(published):
    groups = read_region(published, "AWT")
    settings = EngineSettings(n_estimators=10, n_networks=1)
    predicted = list(predict_groups(groups, settings))
    assert {(one.group, one.species) for one in predicted} == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)}
    alone = fit_shared(groups, settings)[1].model
    lent = fit_shared(lend_places(groups), settings)[1].model
    assert (alone.network, lent.share > alone.share) == (None, True)
    assert lent.network is not None


@pytest.mark.thorough
def test_the_command_says_what_is_borrowed(published, tmp_path, capsys):
    command = ["benchmark", "--data", str(published), "--regions", "AWT", "--output", str(tmp_path), "--jobs", "1"]
    command += ["--trees", "20"]
    assert main(command) == 0
    lines = capsys.readouterr()
    [line] = [one for one in (lines.out + lines.err).splitlines() if "AWT plant: 2 species" in one]
    assert "borrows the places of bird (AUC across 0." in line
    assert main([*command, "--background", "random"]) == 0
    assert "borrows" not in "".join(capsys.readouterr())


def test_groups_of_a_region_code_levels_alike(published, tmp_path):
    make_region(tmp_path, "AWT", GROUPS, own_files=True)
    draw = np.random.default_rng(4)
    for file in ("AWTtrain_po", "AWTtrain_bg", "AWTtest_env_bird", "AWTtest_env_plant"):
        table = read(tmp_path / f"{file}.rds")
        levels = draw.choice([2, 3, 5], len(table))
        if file == "AWTtrain_po":
            # birds alone were seen where the level is 1
            levels = np.where((table["group"] == "bird") & (levels == 2), 1, levels)
        write(table.assign(age=levels), tmp_path / f"{file}.rds")
    bird, plant = read_region(tmp_path, "AWT")
    column = bird.predictors.index("age")
    assert np.unique(bird.records.rows[:, column]).tolist() == [0, 1, 2, 3]
    assert np.unique(plant.records.rows[:, column]).tolist() == [1, 2, 3]
    assert set(np.unique(plant.test_rows[:, column])) <= {1, 2, 3}
    assert lend_places([bird, plant])[1].lender == "bird"
