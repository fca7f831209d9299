"""``python -m ml benchmark`` on made-up regions in the published files' form."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.__main__ import main
from ml.benchmark.nceas import read_region
from ml.benchmark.run import (
    PREDICTION_COLUMNS,
    SUMMARY_COLUMNS,
    blocks_of,
    fit_shared,
    means_table,
    predict_groups,
    size_class,
)
from ml.card import Predictor, SpeciesDescription
from ml.evaluation.metrics import auc_prg, auc_roc, cor
from ml.kernels.logit import logistic
from ml.serving.artifact import load_artifact
from ml.study import StudyData
from ml.training import default_model, stacking
from ml.training.train import train_species
from tests.synthetic import recorded_study
from tests.unit.ml.benchmark.fake_regions import AWT, N_SITES, NZ, make_regions, read, write

KEYS = ["region", "group", "species", "siteid"]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return make_regions(tmp_path_factory.mktemp("nceas") / "data")


@pytest.fixture
def data(published, tmp_path):
    """A copy that a test may spoil."""
    return Path(shutil.copytree(published, tmp_path / "data"))


def _run(data, output, *more):
    command = ["benchmark", "--data", str(data), "--regions", "AWT,NZ", "--output", str(output), "--jobs", "1"]
    return main([*command, "--trees", "20", *more])


def _nz(data, output, *more):
    return _run(data, output, *more, "--regions", "NZ")


def _predictions(output):
    return pd.read_csv(output / "predictions.csv")


@pytest.fixture(scope="module")
def output(published, tmp_path_factory):
    """What the command writes with few trees, one process."""
    out = tmp_path_factory.mktemp("benchmark") / "made" / "here"
    assert _run(published, out) == 0
    return out


def test_every_species_is_predicted_at_every_site_of_its_group(output, published):
    table = _predictions(output)
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert not table.isna().any(axis=None)
    assert not table.duplicated(KEYS).any()
    expected = [
        (region, group, species, siteid)
        for region, groups, own in (("AWT", AWT, True), ("NZ", NZ, False))
        for group, counts in groups.items()
        for species in counts
        for siteid in read(published / f"{region}test_env{f'_{group}' if own else ''}.rds")["siteid"]
    ]
    assert list(table[KEYS].itertuples(index=False, name=None)) == expected
    assert table["suitability"].between(0, 1).all()
    assert (table.groupby("species")["suitability"].std() > 0.02).all()


def test_the_summary_holds_the_surveys_scores(output, published):
    summary = pd.read_csv(output / "summary.csv")
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    counts = {species: n for groups in (AWT, NZ) for of_group in groups.values() for species, n in of_group.items()}
    assert dict(zip(summary["species"], summary["n_presences"], strict=True)) == counts
    assert (summary["fit_seconds"] > 0).all() and (summary["predict_seconds"] >= 0).all()
    bird = read(published / "AWTtest_pa_bird.rds").set_index("siteid")["awt02"]
    predicted = _predictions(output).query("species == 'awt02'").set_index("siteid")["suitability"]
    y = bird[predicted.index].astype(int).to_numpy()
    row = summary.set_index("species").loc["awt02"]
    for name, score in (("auc_roc", auc_roc), ("auc_prg", auc_prg), ("cor", cor)):
        assert row[name] == pytest.approx(score(y, predicted.to_numpy()))
    assert summary["auc_roc"].mean() > 0.7


@pytest.mark.thorough
def test_the_number_of_processes_changes_nothing(output, published, tmp_path, capsys):
    assert _run(published, tmp_path, "--jobs", "2") == 0
    pd.testing.assert_frame_equal(_predictions(tmp_path), _predictions(output), check_exact=True)
    out = capsys.readouterr().out
    assert "AWT bird: 3 species, bias strength 0." in out and "8/8 " in out
    assert "under 30" in out and "target-group background, seed 0, 20 trees" in out


def test_another_seed_gives_other_numbers_and_the_same_seed_the_same(published, tmp_path):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert _nz(published, tmp_path / name, "--seed", seed) == 0
    one, same, other = (_predictions(tmp_path / name)["suitability"] for name in "abc")
    assert one.tolist() == same.tolist()
    assert (one != other).mean() > 0.9


@pytest.mark.thorough
def test_half_of_the_sites_get_the_values_that_all_sites_get(data, tmp_path):
    assert _run(data, tmp_path / "all", "--regions", "AWT") == 0
    for kind in ("env", "pa"):
        file = data / f"AWTtest_{kind}_bird.rds"
        table = read(file)
        write(table[table["siteid"].str[-1].isin(list("02468"))], file)
    assert _run(data, tmp_path / "half", "--regions", "AWT") == 0
    half = _predictions(tmp_path / "half").set_index(KEYS)["suitability"]
    every = _predictions(tmp_path / "all").set_index(KEYS)["suitability"]
    assert len(half) == 3 * N_SITES / 2 + 3 * N_SITES
    np.testing.assert_allclose(half, every[half.index], rtol=0, atol=1e-12)


def test_predictions_do_not_know_the_survey(data, tmp_path):
    assert _nz(data, tmp_path / "before") == 0
    file = data / "NZtest_pa.rds"
    survey = read(file)
    survey[list(NZ["plant"])] = 1 - survey[list(NZ["plant"])]
    write(survey, file)
    assert _nz(data, tmp_path / "after") == 0
    before, after = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("before", "after"))
    assert before == after
    scores = [pd.read_csv(tmp_path / name / "summary.csv")["auc_roc"] for name in ("before", "after")]
    np.testing.assert_allclose(scores[0], 1 - scores[1])


def test_without_a_survey_the_predictions_are_written_all_the_same(data, tmp_path, capsys):
    (data / "NZtest_pa.rds").unlink()
    assert _nz(data, tmp_path) == 2
    assert _one_line(capsys).endswith("NZtest_pa.rds is missing")
    assert len(_predictions(tmp_path)) == 2 * N_SITES
    assert not (tmp_path / "summary.csv").exists()


def test_a_species_the_survey_found_nowhere_has_predictions_and_no_score(data, tmp_path):
    write(read(data / "NZtest_pa.rds").assign(nz02=0), data / "NZtest_pa.rds")
    assert _nz(data, tmp_path) == 0
    summary = pd.read_csv(tmp_path / "summary.csv").set_index("species")
    assert summary.loc["nz02", ["auc_roc", "auc_prg", "cor"]].isna().all()
    assert summary.loc["nz01", ["auc_roc", "auc_prg", "cor"]].notna().all()


def test_a_level_never_seen_is_told_and_answered_as_the_most_common(data, tmp_path, capsys):
    table = read(data / "NZtest_env.rds")
    table.loc[[3, 4], ["warmth", "rain"]] = table.loc[[5, 5], ["warmth", "rain"]].to_numpy()
    table.loc[[3, 4, 5], "age"] = [9, 8, 2]
    write(table, data / "NZtest_env.rds")
    assert _nz(data, tmp_path) == 0
    assert "NZ plant: 2 test sites have a level of age that training lacks" in capsys.readouterr().out
    for _, one in _predictions(tmp_path).groupby("species"):
        assert one["suitability"].iloc[3:6].nunique() == 1


def test_random_background_shares_nothing_between_species(published, tmp_path, capsys):
    assert _run(published, tmp_path, "--background", "random") == 0
    out = capsys.readouterr().out
    assert "random background, seed 0" in out
    assert "0% of the background is target group" in out
    assert "bias strength" not in out
    table = _predictions(tmp_path)
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert len(table) == 8 * N_SITES


def _as_study(group):
    """Return a benchmark group as a study that can be trained for serving."""
    names, species = group.predictors, group.species
    return StudyData(
        description=recorded_study().description,
        predictors=[Predictor(name=name, label=name) for name in names],
        environment=pd.DataFrame(group.records.rows, columns=names),
        species=[SpeciesDescription(slug=name, scientific_name=name) for name in species],
        presence=pd.DataFrame(group.records.recorded, columns=species),
        projected=group.places,
    )


def test_the_benchmark_predicts_what_a_model_trained_for_serving_predicts(published, tmp_path, monkeypatch):
    # The made-up groups have fewer presences than weights are normally fitted to.
    monkeypatch.setattr(stacking, "FEWEST_PRESENCES", 20)
    settings = default_model.EngineSettings(n_estimators=20, n_networks=1)
    group = read_region(published, "AWT")[0]
    shared = fit_shared([group], settings)[0].model
    assert len(set(shared.stacking.weights.values())) > 1
    predicted = next(one for one in predict_groups([group], settings) if one.species == 0)
    trained = load_artifact(train_species(_as_study(group), group.species[0], tmp_path, 20, n_networks=1))
    assert trained.card.members == shared.stacking.weights
    assert trained.card.background.target_group_share == shared.share
    score = trained.predictor.blend.score(group.test_rows)
    expected = logistic(shared.stacking.intercept + shared.stacking.slope * score)
    np.testing.assert_allclose(predicted.suitability, expected, rtol=0, atol=1e-6)


@pytest.mark.thorough
def test_a_species_in_one_block_gets_the_same_model_from_the_benchmark_and_for_serving(published, tmp_path):
    """It cannot be assessed in the group's blocks, so both leave the network out and weigh the others equally."""
    settings = default_model.EngineSettings(n_estimators=20, n_networks=1)
    group = read_region(published, "AWT")[0]
    blocks = blocks_of(group)
    recorded = group.records.recorded.copy()
    # Every place stays visited, so that the blocks stay the same.
    recorded[recorded[:, 2] == 1, 0] = 1
    recorded[:, 2] = recorded[:, 0] * (blocks == np.bincount(blocks[recorded[:, 0] == 1]).argmax())
    assert recorded[:, 2].sum() >= 4
    group = replace(group, records=replace(group.records, recorded=recorded))
    np.testing.assert_array_equal(blocks_of(group), blocks)

    predicted = {one.species: one for one in predict_groups([group], settings)}
    for species, members in (
        (2, {"forest": 0.5, "maxent": 0.5}),
        (1, dict.fromkeys(("forest", "maxent", "network"), 1 / 3)),
    ):
        trained = load_artifact(train_species(_as_study(group), group.species[species], tmp_path, 20, n_networks=1))
        assert trained.card.members == members
        expected = logistic(trained.predictor.blend.score(group.test_rows))
        np.testing.assert_allclose(predicted[species].suitability, expected, rtol=0, atol=1e-6)


def _one_line(capsys):
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("python -m ml benchmark: ")
    return lines[0]


@pytest.mark.parametrize("regions", ["ATLANTIS", "NZ,", "nz", ""])
def test_a_region_that_is_not_there_is_named(published, tmp_path, capsys, regions):
    assert _run(published, tmp_path, "--regions", regions) == 2
    assert "there is no region" in _one_line(capsys)


def test_data_and_output_that_are_no_directories_are_named(published, tmp_path, capsys):
    assert _run(tmp_path / "nowhere", tmp_path) == 2
    assert f"{tmp_path / 'nowhere'} is not a directory" in _one_line(capsys)
    file = tmp_path / "file"
    file.write_text("")
    assert _run(file, tmp_path) == 2
    assert f"{file} is not a directory" in _one_line(capsys)
    with pytest.raises(SystemExit) as stop:
        _nz(published, file)
    assert stop.value.code == 2
    assert f"{file} is not a directory" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("argument", [("--jobs", "0"), ("--seed", "-1"), ("--background", "none")])
def test_bad_words_end_with_2(published, tmp_path, capsys, argument):
    with pytest.raises(SystemExit) as stop:
        _run(published, tmp_path, *argument)
    assert stop.value.code == 2
    assert argument[0] in capsys.readouterr().err


def test_means_are_by_region_and_by_number_of_records():
    assert [size_class(n) for n in (1, 29, 30, 100, 101, 5000)] == [
        "under 30", "under 30", "30 to 100", "30 to 100", "over 100", "over 100",
    ]  # fmt: skip
    rows = [("AWT", "a", 10, 0.5), ("AWT", "b", 50, 0.7), ("NZ", "c", 500, 0.9), ("NZ", "d", 20, np.nan)]
    table = pd.DataFrame([(r, s, n, auc, 0.1, 0.2, 2.0, 0.5) for r, s, n, auc in rows], columns=list(SUMMARY_COLUMNS))
    lines = {line[:12].strip(): line[12:].split()[:2] for line in means_table(table).splitlines()[1:]}
    assert lines == {
        "AWT": ["2", "0.6000"],
        "NZ": ["2", "0.9000"],
        "under 30": ["2", "0.5000"],
        "30 to 100": ["1", "0.7000"],
        "over 100": ["1", "0.9000"],
        "all": ["4", "0.7000"],
    }
