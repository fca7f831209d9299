"""A species and a study judged by held-out scores: which figures of their intervals a card tells."""

from dataclasses import replace

import numpy as np
import pytest

from ml.evaluation.calibration import cross_fitted, fit_calibration
from ml.evaluation.intervals import HeldOutGroups, by_fold, checked, fit_interval, held_out_groups, holds, join
from ml.serving.interval import LEVEL, IntervalModel
from ml.training.default_model import EngineSettings
from ml.training.group import folds_for
from ml.training.group import prepare
from ml.training.held_out_summary import interval_report, judge, study_intervals
from ml.training.stacking import balanced_weight, equal_weights
from tests.synthetic import recorded_study, synthetic_study

QUICK = EngineSettings(n_estimators=20, n_networks=1)


@pytest.fixture(scope="module", params=["survey", "records"])
def prepared(request):
    study = synthetic_study() if request.param == "survey" else recorded_study(100, 200)
    return prepare(study, QUICK, 3)


def test_a_species_is_judged_by_its_held_out_scores(prepared):
    blocks, stacking, absences = prepared.blocks, prepared.shared.stacking, prepared.group.absences
    held_out = blocks.held_out[1]
    found = judge(held_out, blocks.fold, stacking, absences)
    y = held_out.y
    scores = sum(weight * held_out.scores[name] for name, weight in stacking.weights.items())
    np.testing.assert_allclose(found.scores, scores)
    weight = np.ones(len(y)) if absences else balanced_weight(y, held_out.weight)
    np.testing.assert_array_equal(found.weight, weight)
    assert found.calibration == fit_calibration(y, found.scores, weight)
    honest, slope = cross_fitted(y, found.scores, weight, blocks.fold)
    np.testing.assert_array_equal(found.honest, honest)
    assert found.groups.present.sum() == y.sum()
    # the spread a record has when it is served, by the slope of the calibration that did not see it
    disagreement = sum(w * (held_out.scores[name] - scores) ** 2 for name, w in stacking.weights.items())
    spread = slope * np.sqrt(held_out.sampling + disagreement / len(stacking.weights))
    expected = held_out_groups(y, honest, spread, weight, blocks.fold)
    for name in HeldOutGroups.__dataclass_fields__:
        np.testing.assert_allclose(getattr(found.groups, name), getattr(expected, name))
    assert (held_out.sampling > 0).mean() > 0.9


def test_a_members_sure_difference_widens_the_groups_spread(prepared):
    blocks, stacking = prepared.blocks, prepared.shared.stacking
    held_out = blocks.held_out[0]
    plain = judge(held_out, blocks.fold, stacking, prepared.group.absences)
    # one member says more and another less, so that the mean stays
    names = list(stacking.weights)[:2]
    scores = dict(held_out.scores)
    for name, sign in zip(names, (1, -1), strict=True):
        scores[name] = scores[name] + sign * 2 / stacking.weights[name]
    apart = judge(replace(held_out, scores=scores), blocks.fold, stacking, prepared.group.absences)
    np.testing.assert_allclose(apart.scores, plain.scores, atol=1e-9)
    assert apart.groups.spread.mean() > plain.groups.spread.mean() + 0.1
    np.testing.assert_array_equal(apart.groups.present, plain.groups.present)


def _judged(prepared):
    stacking, absences = prepared.shared.stacking, prepared.group.absences
    return [judge(one, prepared.blocks.fold, stacking, absences) for one in prepared.blocks.held_out.values()]


def test_a_studys_intervals_are_fitted_on_all_its_species(prepared):
    judged = _judged(prepared)
    found = study_intervals(judged)
    assert found == prepared.intervals
    groups = join([one.groups for one in judged])
    assert found.n_groups == len(groups) == sum(len(one.groups) for one in judged)
    assert found.model == fit_interval(groups)
    assert set(found.by_fold) == set(np.unique(prepared.blocks.fold))
    assert found.coverage == pytest.approx(checked(groups, found.by_fold).mean())
    assert 0.75 < found.coverage <= 1


def test_a_species_of_a_study_is_told_with_the_studys_figures(prepared):
    judged, study = _judged(prepared), prepared.intervals
    reports = [interval_report(one, study, True) for one in judged]
    assert {(r.scale, r.place) for r in reports} == {(study.model.scale, study.model.place)}
    assert all(r.level == LEVEL and r.pooled_coverage == study.coverage for r in reports)
    assert all("all species" in r.note for r in reports)
    # the species' own coverages make the study's
    groups = [r.groups for r in reports]
    assert sum(groups) == reports[0].pooled_groups == study.n_groups
    assert np.average([r.coverage for r in reports], weights=groups) == pytest.approx(study.coverage)


def test_a_species_judged_in_folds_of_its_own_is_checked_by_the_studys_model(prepared):
    one, study = _judged(prepared)[0], prepared.intervals
    wide = replace(study, model=IntervalModel(5.0, 5.0))
    other = interval_report(one, wide, False)
    assert (other.scale, other.place) == (5, 5)
    assert other.coverage == pytest.approx(holds(one.groups, wide.model).mean())


def test_a_species_alone_is_told_with_its_own_figures(prepared):
    one = _judged(prepared)[0]
    report = interval_report(one, None, False)
    model = fit_interval(one.groups)
    assert (report.scale, report.place) == (model.scale, model.place)
    assert report.coverage == pytest.approx(checked(one.groups, by_fold(one.groups)).mean())
    assert (report.pooled_coverage, report.pooled_groups, report.groups) == (None, None, len(one.groups))
    assert "own held-out records" in report.note


def test_a_study_of_one_species_has_no_pooled_intervals():
    study = recorded_study(100, 200)
    alone = replace(study, species=study.species[:1], presence=study.presence.iloc[:, :1])
    ready = prepare(alone, QUICK, 3)
    assert ready.intervals is None
    judged, _ = folds_for(ready, 0, 3, QUICK)
    stacking = equal_weights(list(judged.held_out[0].scores))
    found = judge(judged.held_out[0], judged.fold, stacking, False)
    report = interval_report(found, ready.intervals, False)
    assert report.pooled_coverage is None
    assert 0.6 < report.coverage <= 1


@pytest.mark.parametrize("kind", ["survey", "records"])
def test_a_trained_model_serves_the_interval_its_card_tells(request, kind):
    artifact = request.getfixturevalue(kind)
    report = artifact.card.interval
    assert report.level == LEVEL
    assert report.scale >= 1 and report.place >= 0
    assert 0.7 < report.pooled_coverage <= 1
    assert 0 < report.groups < report.pooled_groups
    assert 0 <= report.coverage <= 1
    assert report.groups <= 10 * artifact.card.validation.folds
