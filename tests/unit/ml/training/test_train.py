import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.predictors.pipeline import FeaturePipeline
from ml.serving import artifact as artifacts
from ml.serving.artifact import load_artifact
from ml.training.provenance import TrainingOptions, fingerprint
from ml.training.train import TrainingError, train_species, train_study
from ml.workers import workers
from tests.synthetic import recorded_study, synthetic_study
from tests.variants import thorough

SLUG = "oenanthe-hispanica"
QUICK = TrainingOptions(n_estimators=20, n_folds=3, n_networks=1)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return load_artifact(train_species(synthetic_study(), SLUG, tmp_path_factory.mktemp("m"), 40)).card


def test_the_card_tells_what_was_done(card):
    study = synthetic_study()
    assert card.n_presences == int(study.presence[SLUG].sum())
    assert card.n_presences + card.n_absences == 120
    assert card.dropped == {"no date": 2}
    assert card.validation.method == "spatial blocks"
    assert card.validation.block_size_km > 0
    assert card.training.data_fingerprint == fingerprint(study, SLUG, with_group=True)
    assert card.training.parameters["n_estimators"] == 40
    assert set(card.metrics) == {"auc_roc", "auc_prg", "cor", "tss", "cbi", "brier"}
    auc = card.metrics["auc_roc"]
    assert 0.5 < auc.low < auc.value < auc.high <= 1
    assert set(card.thresholds) == {"maxSSS", "P10", "MTP"}
    assert card.thresholds["MTP"].sensitivity == 1
    assert card.thresholds["P10"].sensitivity >= 0.9
    assert sum(card.importance.values()) == pytest.approx(1)
    assert len(card.places) <= card.n_presences


def test_ranges_and_starting_points_come_from_the_records(card):
    table = synthetic_study().environment
    rock = card.predictors[0]
    assert (rock.minimum, rock.maximum) == (table.bare_rock.min(), table.bare_rock.max())
    typical, recorded, other = card.starting_points
    assert typical.environment["bare_rock"] == pytest.approx(table.bare_rock.median(), rel=1e-3)
    presence = synthetic_study().presence[SLUG]
    for point, wanted in ((recorded, 1), (other, 0)):
        match = np.isclose(table, pd.Series(point.environment)[table.columns], rtol=1e-3).all(axis=1)
        assert presence[match].tolist() == [wanted]


def test_without_coordinates_the_card_says_that_folds_are_not_spatial(tmp_path):
    card = load_artifact(train_species(synthetic_study(coordinates=False), SLUG, tmp_path, 20, n_networks=1)).card
    assert card.validation.method == "stratified"
    assert "no coordinates" in card.validation.note
    assert card.places == []


@pytest.mark.thorough
def test_background_points_give_no_brier_score(tmp_path):
    study = synthetic_study()
    study = replace(study, description=study.description.model_copy(update={"records": "presence-background"}))
    assert "brier" not in load_artifact(train_species(study, SLUG, tmp_path, 20, n_networks=1)).card.metrics


@pytest.mark.thorough
def test_labels_without_meaning_score_like_chance(tmp_path):
    """A cross-validation that leaks would find skill in noise."""
    values = []
    for seed in range(6):
        study = synthetic_study(seed=seed)
        shuffled = study.presence.sample(frac=1, random_state=seed).reset_index(drop=True)
        path = train_species(replace(study, presence=shuffled), SLUG, tmp_path, 40)
        values.append(load_artifact(path).card.metrics["auc_roc"].value)
    assert 0.35 < np.mean(values) < 0.62


def test_a_categorical_predictor_is_trained_and_served(tmp_path):
    artifact = load_artifact(train_species(synthetic_study(categorical=True), SLUG, tmp_path, 20, n_networks=1))
    soil = artifact.card.predictors[-1]
    assert sorted(soil.levels) == ["chalk", "clay", "sand"]
    assert 0 <= artifact.predictor.answer([20.0, 10.0, 15.0, "clay"]).suitability <= 1


@pytest.mark.thorough
def test_a_constant_predictor_is_trained_without_complaint(tmp_path):
    study = synthetic_study()
    flat = study.environment.assign(bare_rock=7.0, trees=7.0, temperature=7.0)
    card = load_artifact(train_species(replace(study, environment=flat), SLUG, tmp_path, 10)).card
    assert card.metrics["auc_roc"].value == pytest.approx(0.5)


def _train_with(jobs, study, folder):
    with workers(jobs):
        yield from train_study(study, folder, QUICK)


@pytest.mark.thorough
def test_the_model_does_not_depend_on_the_number_of_processes(tmp_path):
    one, two = (
        {r.species: r.path.name for r in _train_with(jobs, synthetic_study(), tmp_path / str(jobs))} for jobs in (1, 2)
    )
    assert one == two
    assert len(one) == 3


def test_what_is_trained_already_is_passed_over_and_what_is_damaged_is_not(tmp_path):
    study = synthetic_study(n_species=2)
    first = {r.species: r for r in train_study(study, tmp_path, QUICK)}
    assert all(r.fresh for r in first.values())
    assert not any(r.fresh for r in train_study(study, tmp_path, QUICK))
    (first[SLUG].path / "model.npz").write_bytes(b"half a file")
    again = {r.species: r.fresh for r in train_study(study, tmp_path, QUICK)}
    assert again == {SLUG: True, "sylvia-atricapilla": False}
    load_artifact(first[SLUG].path)
    # other settings or other data are another model
    assert all(r.fresh for r in train_study(study, tmp_path, replace(QUICK, seed=1)))
    changed = replace(study, environment=study.environment + 1)
    assert all(r.fresh for r in train_study(changed, tmp_path, QUICK))


def test_a_trained_model_is_recognised_without_opening_it(tmp_path, monkeypatch):
    study = synthetic_study(n_species=2)
    list(train_study(study, tmp_path, QUICK))

    def fail(*_):
        raise AssertionError("a model was opened")

    monkeypatch.setattr(artifacts, "_open_arrays", fail)
    assert not any(r.fresh for r in train_study(study, tmp_path, QUICK))


@pytest.mark.parametrize("file", ["card.json", "model.npz", "manifest.json"])
@pytest.mark.parametrize("damage", ["changed", thorough("missing")])
def test_a_model_with_a_damaged_file_is_trained_again(tmp_path, trained, file, damage):
    study = synthetic_study()
    options = TrainingOptions(n_estimators=12, n_networks=1)
    home = tmp_path / study.description.slug / SLUG / trained.name
    shutil.copytree(trained, home)
    assert [r.fresh for r in train_study(study, tmp_path, options, [SLUG])] == [False]
    if damage == "missing":
        (home / file).unlink()
    else:
        content = bytearray((home / file).read_bytes())
        content[len(content) // 2] ^= 1
        (home / file).write_bytes(content)
    [result] = train_study(study, tmp_path, options, [SLUG])
    assert result.fresh
    assert result.path == home
    load_artifact(home)


def test_a_study_is_encoded_once(tmp_path, monkeypatch):
    calls = []
    transform = FeaturePipeline.transform

    def counted(self, X):
        calls.append(len(X))
        return transform(self, X)

    monkeypatch.setattr(FeaturePipeline, "transform", counted)
    assert all(r.fresh for r in train_study(synthetic_study(n_species=2), tmp_path, QUICK))
    assert len(calls) == 1


def test_an_unknown_species_does_not_stop_the_others(tmp_path):
    results = {r.species: r for r in train_study(synthetic_study(n_species=1), tmp_path, QUICK, ["nobody", SLUG])}
    assert results["nobody"].path is None
    assert results["nobody"].problem == "test-hills has no species nobody"
    assert results[SLUG].fresh and results[SLUG].path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        thorough({"presences": 3}, "3 presences and 117 absences; at least 4 of each"),
        ({"presences": 118}, "118 presences and 2 absences; at least 4 of each"),
        ({"missing": True}, "bare_rock: 1 values are missing"),
        ({"slug": "nobody"}, "test-hills has no species nobody"),
        ({"label": 2}, "presence must be 0 or 1"),
    ],
)
def test_records_that_cannot_be_trained_on_say_why(tmp_path, change, message):
    study = synthetic_study()
    if "presences" in change:
        study.presence[SLUG] = (np.arange(120) < change["presences"]).astype(int)
    if "label" in change:
        study.presence.loc[0, SLUG] = change["label"]
    if "missing" in change:
        study.environment.loc[3, "bare_rock"] = np.nan
    slug = change.get("slug", SLUG)
    with pytest.raises(TrainingError, match=message):
        train_species(study, slug, tmp_path, 10)
    [result] = train_study(study, tmp_path, QUICK, [slug])
    assert result.path is None
    assert message in result.problem


def test_true_absences_make_suitability_a_chance_that_is_judged(card):
    assert card.background.kind == "absences"
    assert set(card.members) == {"forest", "network"}
    assert sum(b.n for b in card.calibration.reliability) == 120
    assert "chance" in card.calibration.meaning
    # a calibrated model beats always saying the prevalence
    prevalence = card.n_presences / 120
    assert card.metrics["brier"].value < prevalence * (1 - prevalence)


def test_the_score_with_random_folds_stands_beside_the_spatial_one(card, tmp_path):
    assert card.optimism.auc_roc_spatial == pytest.approx(card.metrics["auc_roc"].value)
    assert 0.5 < card.optimism.auc_roc_random <= 1
    placeless = load_artifact(train_species(synthetic_study(coordinates=False), SLUG, tmp_path, 10, 3, n_networks=1))
    assert placeless.card.optimism is None


def test_another_record_at_a_place_is_left_out_and_counted(tmp_path):
    study = recorded_study()
    again = np.r_[np.arange(len(study.presence)), np.flatnonzero(study.presence[SLUG])[:7]]
    twice = replace(
        study,
        environment=study.environment.iloc[again].reset_index(drop=True),
        presence=study.presence.iloc[again].reset_index(drop=True),
        coordinates=study.coordinates[again],
    )
    [doubled] = train_study(twice, tmp_path / "2", QUICK, [SLUG])
    [single] = train_study(study, tmp_path / "1", QUICK, [SLUG])
    card, plain = load_artifact(doubled.path).card, load_artifact(single.path).card
    assert card.dropped["another record at the same place"] == 7
    assert any("7 records at a place" in note for note in card.notes)
    assert card.n_presences == plain.n_presences
    assert card.metrics == plain.metrics
    # what was given is what it is known by
    assert not [r for r in train_study(twice, tmp_path / "2", QUICK, [SLUG]) if r.fresh]


def test_presences_all_at_one_place_fall_back_to_random_folds_or_say_why_not(tmp_path):
    study = synthetic_study(n_species=1)
    places = study.coordinates.copy()
    places[study.presence[SLUG] == 1] = [2.5, 42.0]
    card = load_artifact(train_species(replace(study, coordinates=places), SLUG, tmp_path, 10, 3)).card
    assert card.validation.method == "stratified"
    assert "too close together" in card.validation.note
    # without absences, records at one place are one record
    study = recorded_study()
    places = study.coordinates.copy()
    places[study.presence[SLUG] == 1] = [2.5, 42.0]
    study = replace(study, coordinates=places, species=study.species[:1], presence=study.presence[[SLUG]])
    with pytest.raises(TrainingError, match="1 presences and"):
        train_species(study, SLUG, tmp_path, 10, 3)


def test_few_presences_and_constant_predictors_are_remarked_on(tmp_path):
    study = recorded_study()
    rare = study.presence.copy()
    rare.loc[np.flatnonzero(rare[SLUG])[9:], SLUG] = 0
    study = replace(study, presence=rare, environment=study.environment.assign(trees=7.0))
    card = load_artifact(train_species(study, SLUG, tmp_path, 20, 3, n_networks=1)).card
    assert card.n_presences == 9
    assert any("Only 9 presences" in note for note in card.notes)
    assert any("Trees has the same value" in note for note in card.notes)
    assert all(np.isfinite(m.value) for m in card.metrics.values())


@pytest.mark.thorough
def test_four_presences_are_enough_whatever_fold_they_fall_into(tmp_path):
    """All in one random fold leaves nothing to score there, and then no optimism is told."""
    told = []
    for seed in range(3):
        study = recorded_study(seed=seed)
        rare = study.presence.copy()
        rare.loc[np.flatnonzero(rare[SLUG])[4:], SLUG] = 0
        path = train_species(replace(study, presence=rare), SLUG, tmp_path, 10, 5, seed, n_networks=1)
        card = load_artifact(path).card
        assert card.n_presences == 4
        assert all(np.isfinite(metric.value) for metric in card.metrics.values())
        told.append(card.optimism)
    assert any(told)
