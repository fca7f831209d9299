"""Summaries of held-out scores: calibration and intervals of a species, intervals of its study, and their report."""

from dataclasses import replace

import numpy as np
import pytest

from ml.evaluation.calibration import cross_fitted, fit_calibration
from ml.evaluation.interval_calibration import (
    HeldOutBins,
    bin_coverage,
    bin_held_out,
    cross_fitted_coverage,
    fit_interval,
    fit_without_each_fold,
    join,
)
from ml.serving.interval import INTERVAL_LEVEL, IntervalModel
from ml.training.default_model import EngineSettings, equal_weights
from ml.training.held_out_summary import interval_report, study_intervals, summarise_held_out
from ml.training.preparation import encode_study, folds_for, prepare
from ml.training.stacking import balanced_weight
from tests.synthetic import recorded_study, synthetic_study

QUICK = EngineSettings(n_estimators=20, n_networks=1)


@pytest.fixture(scope="module", params=["survey", "records"])
def prepared(request):
    study = synthetic_study() if request.param == "survey" else recorded_study(100, 200)
    return prepare(encode_study(study), QUICK, 3)


def test_a_summary_is_computed_from_held_out_scores(prepared):
    blocks, stacking, absences = prepared.blocks, prepared.shared.stacking, prepared.group.absences
    held_out = blocks.held_out[1]
    found = summarise_held_out(held_out, blocks.fold, stacking, absences)
    y = held_out.y
    scores = sum(weight * held_out.scores[name] for name, weight in stacking.weights.items())
    np.testing.assert_allclose(found.scores, scores)
    weight = np.ones(len(y)) if absences else balanced_weight(y, held_out.weight)
    np.testing.assert_array_equal(found.weight, weight)
    assert found.calibration == fit_calibration(y, found.scores, weight)
    expected_scores, slope = cross_fitted(y, found.scores, weight, blocks.fold)
    np.testing.assert_array_equal(found.cross_calibrated, expected_scores)
    assert found.bins.present.sum() == y.sum()
    # The spread of a served record, with the slope of the calibration that was fitted without the record.
    disagreement = sum(w * (held_out.scores[name] - scores) ** 2 for name, w in stacking.weights.items())
    spread = slope * np.sqrt(held_out.sampling + disagreement / len(stacking.weights))
    expected = bin_held_out(y, expected_scores, spread, weight, blocks.fold)
    for name in HeldOutBins.__dataclass_fields__:
        np.testing.assert_allclose(getattr(found.bins, name), getattr(expected, name))
    assert (held_out.sampling > 0).mean() > 0.9


def test_disagreement_of_members_widens_the_spread_of_bins(prepared):
    blocks, stacking = prepared.blocks, prepared.shared.stacking
    held_out = blocks.held_out[0]
    plain = summarise_held_out(held_out, blocks.fold, stacking, prepared.group.absences)
    # One member scores higher and another lower, so that the mean is the same.
    names = list(stacking.weights)[:2]
    scores = dict(held_out.scores)
    for name, sign in zip(names, (1, -1), strict=True):
        scores[name] = scores[name] + sign * 2 / stacking.weights[name]
    apart = summarise_held_out(replace(held_out, scores=scores), blocks.fold, stacking, prepared.group.absences)
    np.testing.assert_allclose(apart.scores, plain.scores, atol=1e-9)
    assert apart.bins.spread.mean() > plain.bins.spread.mean() + 0.1
    np.testing.assert_array_equal(apart.bins.present, plain.bins.present)


def _summaries(prepared):
    stacking, absences = prepared.shared.stacking, prepared.group.absences
    return [
        summarise_held_out(one, prepared.blocks.fold, stacking, absences) for one in prepared.blocks.held_out.values()
    ]


def test_intervals_of_a_study_are_fitted_to_all_its_species(prepared):
    summaries = _summaries(prepared)
    found = study_intervals(summaries)
    assert found == prepared.intervals
    bins = join([one.bins for one in summaries])
    assert found.n_bins == len(bins) == sum(len(one.bins) for one in summaries)
    assert found.model == fit_interval(bins)
    assert set(found.by_fold) == set(np.unique(prepared.blocks.fold))
    assert found.coverage == pytest.approx(cross_fitted_coverage(bins, found.by_fold).mean())
    assert 0.75 < found.coverage <= 1


def test_the_card_of_a_species_in_a_study_reports_the_studys_interval(prepared):
    summaries, study = _summaries(prepared), prepared.intervals
    reports = [interval_report(one, study, True, 40) for one in summaries]
    assert {(r.scale, r.place) for r in reports} == {(study.model.scale, study.model.between_place_sd)}
    # 6 logits after one record, the square root of 40 times less after 40
    assert [r.few_records for r in reports] == pytest.approx([0.948683] * len(reports))
    assert all(r.level == INTERVAL_LEVEL and r.pooled_coverage == study.coverage for r in reports)
    assert all("all species" in r.note for r in reports)
    # The study's coverage is the mean over its species.
    sizes = [r.groups for r in reports]
    assert sum(sizes) == reports[0].pooled_groups == study.n_bins
    assert np.average([r.coverage for r in reports], weights=sizes) == pytest.approx(study.coverage)


def test_a_species_with_folds_of_its_own_is_compared_with_the_studys_model(prepared):
    one, study = _summaries(prepared)[0], prepared.intervals
    wide = replace(study, model=IntervalModel(5.0, 5.0))
    other = interval_report(one, wide, False, 40)
    assert (other.scale, other.place) == (5, 5)
    assert other.coverage == pytest.approx(bin_coverage(one.bins, wide.model).mean())


def test_the_card_of_a_species_alone_reports_its_own_interval(prepared):
    one = _summaries(prepared)[0]
    report = interval_report(one, None, False, 40)
    model = fit_interval(one.bins)
    assert (report.scale, report.place) == (model.scale, model.between_place_sd)
    assert report.coverage == pytest.approx(cross_fitted_coverage(one.bins, fit_without_each_fold(one.bins)).mean())
    assert (report.pooled_coverage, report.pooled_groups, report.groups) == (None, None, len(one.bins))
    assert "own held-out records" in report.note


def test_a_study_of_one_species_has_no_pooled_intervals():
    study = recorded_study(100, 200)
    alone = replace(study, species=study.species[:1], presence=study.presence.iloc[:, :1])
    ready = prepare(encode_study(alone), QUICK, 3)
    assert ready.intervals is None
    judged, _ = folds_for(ready, 0, 3, QUICK)
    stacking = equal_weights(list(judged.held_out[0].scores))
    found = summarise_held_out(judged.held_out[0], judged.fold, stacking, False)
    report = interval_report(found, ready.intervals, False, None)
    assert report.pooled_coverage is None
    assert 0.6 < report.coverage <= 1


@pytest.mark.parametrize("kind", ["survey", "records"])
def test_a_trained_model_has_the_interval_of_its_card(request, kind):
    artifact = request.getfixturevalue(kind)
    report = artifact.card.interval
    assert report.level == INTERVAL_LEVEL
    assert report.scale >= 1 and report.place >= 0
    assert 0.7 < report.pooled_coverage <= 1
    assert 0 < report.groups < report.pooled_groups
    assert 0 <= report.coverage <= 1
    assert report.groups <= 10 * artifact.card.validation.folds
