"""The check of served answers against the truth: the truth itself, the scores, and the way through the artifacts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from benchmarks.virtual.answers import mean_and_error, report, text_table
from benchmarks.virtual.checks import check_group
from benchmarks.virtual.scores import (
    area_check,
    calibration_check,
    card_check,
    interval_check,
    threshold_check,
    width_check,
)
from benchmarks.virtual.served import answer_cells, known, natural_rows, study_of, train_group
from benchmarks.virtual.species import World, make_group
from benchmarks.virtual.truth import (
    Target,
    best_tss,
    calibration_line,
    covered,
    group_coverage,
    logit,
    logit_error,
    rates,
)
from ml.serving.bulk import BulkAnswers
from ml.serving.interval import Z
from ml.serving.verdict import VERDICTS
from ml.training.provenance import TrainingOptions

CHANCE = np.array([[0.2, 0.1], [0.1, 0.4], [0.05, 0.0]])


def logistic(x):
    return 1 / (1 + np.exp(-x))


def made_answers(suitability, low, high, inside=None, verdict=None):
    n = len(suitability)
    return BulkAnswers(
        suitability=suitability,
        low=low,
        high=high,
        inside=np.ones(n, bool) if inside is None else inside,
        index=np.zeros(n),
        mess=np.zeros(n),
        most_dissimilar=np.zeros(n, np.int16),
        verdict=np.zeros(n, np.uint8) if verdict is None else verdict,
    )


@pytest.fixture(scope="module")
def world():
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.normal(size=(1500, 2)), draw.integers(0, 3, 1500)]).astype(np.float32)
    # one level lies in the east alone
    places = draw.uniform(0, 100_000, (1500, 2))
    rows[places[:, 0] > 90_000, 2] = 3
    return World("Made", rows, places, (2,), ("warmth", "rain", "soil"))


@pytest.fixture(scope="module")
def made(world):
    return make_group(world, "climate", 1.0, np.random.default_rng(2), n_species=3)


@pytest.fixture(scope="module")
def half(world, made, tmp_path_factory):
    """Models of the records west of the median."""
    west = made.group.places[:, 0] <= np.median(world.places[:, 0])
    options = TrainingOptions(n_estimators=10, n_folds=2, n_networks=1)
    return train_group(world, made, tmp_path_factory.mktemp("models"), options, west)


# --- the truth ----------------------------------------------------------------------------------------------------


def test_the_effort_of_a_group_has_the_strength_of_the_bias(world, made):
    assert made.effort.shape == made.suitability.shape
    assert np.log(made.effort).std(axis=0) == pytest.approx(1)
    assert (make_group(world, "none", 0.0, np.random.default_rng(1), n_species=2).effort == 1).all()


# --- scores -------------------------------------------------------------------------------------------------------


def test_a_perfect_predictor_is_covered_and_calibrated():
    draw = np.random.default_rng(5)
    share, mixture = logistic(draw.normal(size=400)), draw.uniform(size=400)
    truth = Target(share, mixture / mixture.sum())
    answers = made_answers(share, logistic(logit(share) - 0.2), logistic(logit(share) + 0.2))
    found = interval_check(answers, truth, Target(logistic(logit(share) + 0.3), truth.mixture))
    assert found["coverage"] == found["coverage_records"] == found["coverage_groups"] == 1
    assert found["truth_below"] == found["truth_above"] == found["large_miss"] == 0
    assert found["unbiased"] == found["unbiased_groups"] == 0
    assert calibration_line(share, truth) == pytest.approx((0, 1), abs=1e-4)
    checked = calibration_check(share, truth)
    assert checked["difference"] == checked["absolute"] == checked["band2"] == 0


def test_answers_that_are_too_far_from_the_middle_have_a_slope_below_one():
    share = logistic(np.linspace(-2, 2, 101))
    truth = Target(share, np.full(101, 1 / 101))
    assert calibration_line(logistic(2 * logit(share)), truth) == pytest.approx((0, 0.5), abs=1e-4)
    assert calibration_line(logistic(logit(share) + 1), truth) == pytest.approx((-1, 1), abs=1e-4)


def test_ends_of_intervals_belong_to_them():
    truth, low, high = np.array([0.2, 0.5, 0.7, 0.1]), np.array([0.2] * 4), np.array([0.6, 0.5, 0.6, 0.3])
    assert covered(truth, low, high).tolist() == [True, True, False, False]


def test_errors_that_cancel_within_a_group_do_not_count_against_it():
    # ten groups of two cells each, whose truths lie on either side of their answer
    answer = np.repeat(np.linspace(0.1, 0.9, 10), 2) + np.tile([0, 1e-6], 10)
    truth = Target(answer + np.tile([-0.09, 0.09], 10), np.full(20, 1 / 20))
    low, high = logistic(logit(answer) - 0.1), logistic(logit(answer) + 0.1)
    assert covered(truth.share, low, high).mean() == 0
    assert group_coverage(answer, low, high, truth) == 1
    shifted = Target(answer + np.repeat([0.0, 0.09], 10), truth.mixture)
    assert group_coverage(answer, low, high, shifted) == 0.5


def test_distances_of_logits_are_held_within_five():
    assert logit_error(np.array([0.5, 1e-9]), np.array([logistic(1), 1e-7])) == pytest.approx([1, 0])


def test_expected_rates_and_the_best_cut_off():
    suitability, answer = np.array([0.9, 0.5, 0.2, 0.4]), np.array([0.8, 0.3, 0.3, 0.1])
    assert rates(answer >= 0.3, suitability) == pytest.approx((1.6 / 2, 0.6 / 2))
    by_hand = [sum(rates(answer >= cut, suitability)) - 1 for cut in (0.8, 0.3, 0.1, 0.9)]
    # four records on the first cell and one on the last; ten background points on each
    assert rates(answer >= 0.3, np.array([4.0, 0, 0, 1]), np.full(4, 10.0)) == pytest.approx((0.8, 0.25))
    assert best_tss(answer, suitability) == pytest.approx(max(by_hand))
    assert best_tss(-answer, suitability) == pytest.approx(0.0, abs=0.05)


def test_parts_of_the_area_are_scored_apart():
    draw = np.random.default_rng(6)
    suitability, inside = draw.uniform(size=200), np.arange(200) < 120
    truth = np.full(200, 0.4)
    answer = np.where(inside, 0.5, 0.8)
    unsaid = np.where(inside, VERDICTS.index("suitable"), VERDICTS.index("cannot_say")).astype(np.uint8)
    found = area_check("away", made_answers(answer, answer - 0.2, answer + 0.2, inside, unsaid), truth, suitability)
    assert found["away_outside"] == found["away_cannot_say"] == pytest.approx(0.4)
    assert (found["away_inside_error"], found["away_outside_error"]) == pytest.approx((0.1, 0.4))
    assert (found["away_inside_coverage"], found["away_outside_coverage"]) == (1, 0)
    assert found["away_said_error"] == found["away_inside_error"]
    assert found["away_unsaid_logit_error"] == pytest.approx(np.log(4) - np.log(2 / 3))
    assert found["away_inside_auc"] == pytest.approx(0.5)
    few = area_check("away", made_answers(answer, answer, answer, np.arange(200) < 190), truth, suitability)
    assert np.isnan(few["away_outside_error"])


# --- through the artifacts ----------------------------------------------------------------------------------------


def test_a_study_has_the_records_of_the_group(world, made):
    study, species = study_of(world, made)
    assert species == [0, 1, 2]
    assert study.presence.sum().tolist() == made.n_records.tolist()
    assert [(p.name, p.type) for p in study.predictors][1:] == [("rain", "continuous"), ("soil", "categorical")]
    assert study.coordinates is None and study.projected is not None
    # without the rows of all records but three, the species has no model, and its places are not background
    first = np.flatnonzero(made.group.records.recorded[:, 0])
    used = np.ones(len(made.group.records.rows), bool)
    used[first[3:]] = False
    few, species = study_of(world, made, used)
    assert species == [1, 2]
    only_first = made.group.records.recorded[first[:3], 1:].sum(axis=1) == 0
    assert len(few.presence) == used.sum() - only_first.sum()


def test_bulk_answers_are_those_of_single_rows_and_unknown_levels_are_left_out(world, half):
    assert half.problems == [] and list(half.artifacts) == half.species
    artifact = half.artifacts[2]
    cells = np.arange(1500)
    unseen = world.rows[:, 2] == 3
    assert known(artifact, natural_rows(world, cells)).tolist() == (~unseen).tolist()
    answers, answered = answer_cells(artifact, world, cells)
    assert answered.tolist() == np.flatnonzero(~unseen).tolist()
    single = artifact.predictor.answer(natural_rows(world, answered[5:6])[0].tolist())
    assert answers.suitability[5] == single.suitability
    assert (answers.low[5], answers.high[5]) == pytest.approx(single.interval)


def test_the_default_threshold_is_compared_with_the_card_and_the_best(world, made, half):
    artifact = half.artifacts[2]
    answers, answered = answer_cells(artifact, world, np.arange(1500))
    suitability = made.suitability[answered, 2]
    found = threshold_check(answers.suitability, suitability, artifact)
    entry = artifact.card.thresholds["maxSSS"]
    assert found["card_sensitivity"] == entry.sensitivity
    suitable = answers.suitability >= entry.value
    assert found["sensitivity"] == pytest.approx(suitability[suitable].sum() / suitability.sum())
    assert found["tss"] <= found["best_tss"] <= found["truth_tss"]
    records = card_check(answers.suitability, suitability, np.ones(len(answered)), artifact)
    assert records["record_sensitivity"] == pytest.approx(found["sensitivity"])
    assert records["background_specificity"] == pytest.approx((~suitable).mean())
    assert records["card_tss"] == pytest.approx(entry.sensitivity + entry.specificity - 1)
    assert records["card_cross_tss"] == artifact.card.metrics["tss"].value


@pytest.mark.thorough
def test_a_group_has_a_row_for_each_species_and_study(world, made):
    options = TrainingOptions(n_estimators=5, n_folds=2, n_networks=1)
    rows = pd.DataFrame(check_group(world, made, options, 300, np.random.default_rng(0)))
    assert rows["study"].tolist() == ["all"] * 3 + ["half"] * 3
    assert rows["records"][:3].tolist() == made.n_records.tolist()
    whole, half = rows[:3], rows[3:]
    # cells with the level of the east are answered by the study that has seen it
    assert (
        (whole["cells"] == 300).all() and (half["home_unanswered"] == 0).all() and (half["away_unanswered"] > 0).all()
    )
    assert whole[["coverage", "unbiased", "tss", "slope"]].notna().all(axis=None)
    text = report(rows.assign(kind="climate", strength=1.0, region="Made"))
    assert text.count("climate 1 ") == 7 and f"{whole['coverage'].mean():.3f} ± " in text


def test_other_parts_for_few_records_are_tried_on_the_logit_scale():
    # a deviation of 1 logit, of which 6 / sqrt(64) = 0.75 is the part for few records
    center = np.zeros(3)
    answers = made_answers(logistic(center), logistic(center - Z), logistic(center + Z))
    artifact = SimpleNamespace(card=SimpleNamespace(n_presences=64, interval=SimpleNamespace(few_records=0.75)))
    truth = Target(share=logistic(np.array([1.0, 1.2, 2.0])), mixture=np.ones(3))
    found = width_check(answers, truth, artifact)
    # without it the margin is 1.645 sqrt(1 - 0.75²) = 1.088, with 3 records' sd 1.645 sqrt(0.4375 + 9/64) = 1.251
    assert (found["cover0"], found["cover3"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    # with 6 it is that of the answer, with 8 it is 1.645 sqrt(0.4375 + 1) = 1.972
    assert (found["cover6"], found["cover8"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert width_check(answers, truth, SimpleNamespace(card=SimpleNamespace(interval=None))) == {}


# --- tables -------------------------------------------------------------------------------------------------------


def test_means_and_standard_errors_leave_out_missing_values():
    assert mean_and_error(pd.Series([1.0, 3.0, np.nan])) == pytest.approx((2, 1))
    assert np.isnan(mean_and_error(pd.Series([np.nan]))).all()
    rows = pd.DataFrame({"kind": ["roads", "roads", "none"], "strength": [2.0, 2.0, 0.0], "x": [1.0, 3.0, 7.0]})
    lines = text_table(rows, ["kind", "strength"], [("x", "x", True)]).splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [["roads", "2", "2"], ["none", "0", "1"], ["all", "3", "3.667"]]
    assert "2.000 ± 1.000" in lines[1]
    assert text_table(rows, ["kind"], [("x", "x", None)]).split()[-1] == "3.000"
