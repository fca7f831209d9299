"""What is said of intervals: true for the card at hand, with chance taken into account, and alike in the report."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from ml.odmap import build_report
from ml.odmap.intervals import (
    HIDDEN_BIAS,
    MATERIAL_SD,
    falls_short,
    fitted_on,
    interval_words,
    standard_error,
    too_narrow,
)
from ml.odmap.purpose import FEW_PRESENCES, limits_of
from ml.serving.artifact import load_artifact
from ml.training.held_out_summary import few_records_sd
from ml.training.train import train_species
from tests.synthetic import recorded_study, synthetic_study

SLUG = "oenanthe-hispanica"


@pytest.fixture(scope="module")
def surveyed(tmp_path_factory):
    return load_artifact(train_species(synthetic_study(), SLUG, tmp_path_factory.mktemp("m"), 20, n_networks=1)).card


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The card of 23 presences with background points."""
    study = recorded_study()
    surplus = np.flatnonzero(study.presence[SLUG])[23:]
    study.presence.loc[surplus, SLUG] = 0
    return load_artifact(train_species(study, SLUG, tmp_path_factory.mktemp("m"), 20, n_networks=1)).card


def with_check(card, **changes):
    return card.model_copy(update={"interval": card.interval.model_copy(update=changes)})


def uncertainty(card):
    """The report's texts on uncertainty, by element."""
    elements = build_report(card, "the-model").elements
    return {one.element: one.text for one in elements if one.subsection == "Uncertainty quantification"}


@pytest.mark.parametrize("groups", [1, 5, 9, 10, 15, 20, 50, 314])
def test_a_verdict_is_that_of_the_binomial_distribution(groups):
    for agree in range(groups + 1):
        share = agree / groups
        expected = share < 0.85 and binom.cdf(agree, groups, 0.9) <= 0.025
        assert falls_short(share, groups, 0.9) == expected, (agree, groups)


def test_a_verdict_on_any_card_ends_and_an_estimate_between_two_counts_is_rounded_up():
    assert falls_short(0.849, 10**12, 0.9)
    assert not falls_short(0.85, 10**12, 0.9)
    assert not falls_short(0, 0, 0.9)
    assert falls_short(0.6, 10, 0.9)
    assert not falls_short(0.601, 10, 0.9)


def test_a_standard_error_is_never_zero():
    assert standard_error(0.951, 314) == pytest.approx(np.sqrt(0.951 * 0.049 / 314))
    assert [standard_error(one, 10) for one in (0, 1)] == pytest.approx([np.sqrt(0.95 * 0.05 / 10)] * 2)
    assert standard_error(0.4, 1) > 0


def test_a_survey_with_absences_says_neither_wider_nor_bias(surveyed):
    words = interval_words(surveyed)
    assert surveyed.interval.few_records == 0
    assert "For a single place they can be too narrow" in words
    assert "wider" not in words and "few records" not in words
    assert HIDDEN_BIAS not in words and HIDDEN_BIAS not in surveyed.interval.note
    text = uncertainty(surveyed)
    assert "no part for few records" in text["Input data uncertainty"]
    assert "wider" not in " ".join(text.values()) and HIDDEN_BIAS not in " ".join(text.values())


def test_a_model_of_few_records_says_wider_and_what_is_not_included(recorded):
    words = interval_words(recorded)
    assert recorded.n_presences == 23 and recorded.interval.few_records == few_records_sd(23)
    assert "wider than for groups" in words and "few records (23 presences)" in words
    assert "too narrow, because" not in words
    assert words.count(HIDDEN_BIAS) == 1
    assert recorded.interval.note.endswith(HIDDEN_BIAS)
    assert fitted_on(recorded.interval) and HIDDEN_BIAS not in fitted_on(recorded.interval)
    text = uncertainty(recorded)
    assert (
        "part for few records, whose standard deviation on the logit scale is 1.251 with 23 presences"
        in (text["Input data uncertainty"])
    )
    assert "wider than for groups" in text["Parameter uncertainty"]
    assert " ".join(text.values()).count(HIDDEN_BIAS) == 1
    fitted = {(one.subsection, one.element): one.text for one in build_report(recorded, "the-model").elements}
    assert "standard deviation is 1.251" in fitted["Model estimates", "Parameter uncertainty"]


def test_a_card_of_an_older_version_says_the_bias_too(recorded):
    older = with_check(recorded, few_records=0.0, note="Fitted on the species' own held-out records.")
    assert interval_words(older).endswith(HIDDEN_BIAS)
    assert "For a single place they can be too narrow" in interval_words(older)
    assert "no part for few records" in uncertainty(older)["Input data uncertainty"]


@pytest.mark.parametrize(("presences", "wide"), [(10, True), (100, True), (144, True), (145, False), (300, False)])
def test_a_negligible_part_is_not_called_wide(recorded, presences, wide):
    assert (few_records_sd(presences) >= MATERIAL_SD) == wide
    card = with_check(recorded, few_records=few_records_sd(presences)).model_copy(update={"n_presences": presences})
    words = interval_words(card)
    assert ("there are few records" in words) == wide
    assert (f"hardly wider than for groups, because there are {presences} presences" in words) == (not wide)


@pytest.mark.parametrize(("coverage", "groups", "narrow"), [(0.82, 10, False), (0.5, 10, True), (0.82, 200, True)])
def test_all_texts_agree_on_whether_intervals_are_too_narrow(surveyed, coverage, groups, narrow):
    card = with_check(surveyed, coverage=coverage, groups=groups)
    assert too_narrow(card.interval) == narrow
    limits, words = "\n".join(limits_of(card)), interval_words(card)
    report = uncertainty(card)["Parameter uncertainty"]
    for text in (limits, words, report):
        assert ("Intervals are too narrow for this species" in text) == narrow
    assert ("is within chance" in words) == ("is within chance" in report) == (not narrow)
    for text in (words, report):
        assert f"of {groups} groups of held-out records of this species agreed (standard error" in text
        assert "groups of all species of the study agreed (standard error" in text


def test_species_that_hold_as_they_should_get_no_verdict(surveyed):
    words = interval_words(with_check(surveyed, coverage=0.87, groups=50))
    assert "By estimate 87 % of 50 groups" in words and "(standard error 4.8 %)" in words
    assert "chance" not in words and "too narrow for this species" not in words
    unchecked = interval_words(with_check(surveyed, groups=0))
    assert "not checked on held-out records" in unchecked and "estimate" not in unchecked


def test_the_card_and_the_limits_warn_of_few_presences_in_the_same_words(recorded, surveyed):
    [note] = [one for one in recorded.notes if one.startswith("Only")]
    assert recorded.n_presences < FEW_PRESENCES <= surveyed.n_presences
    assert not any(one.startswith("Only") for one in surveyed.notes)
    older = recorded.model_copy(update={"notes": [one for one in recorded.notes if one != note]})
    [limit] = [one for one in limits_of(older) if one.startswith("Only 23")]
    assert note.startswith(limit)
    assert [one for one in limits_of(recorded) if one.startswith("Only 23")] == [note]
