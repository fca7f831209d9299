"""A cross-validated AUC is graded once: the species page and the ODMAP report use the same words."""

import pytest

from app.catalogue import scores
from ml.card import Metric
from ml.odmap import build_report
from ml.quality import quality_of
from ml.score_words import AucGrade, grade_auc
from tests.unit.cards import CARD


@pytest.mark.parametrize(
    ("auc", "words"),
    [
        (Metric(value=0.45, low=0.4, high=0.6), "no better than chance"),
        (Metric(value=0.52, low=0.41, high=0.62), "so uncertain that chance cannot be ruled out"),
        (Metric(value=0.75, low=0.48, high=0.9), "so uncertain that chance cannot be ruled out"),
        (Metric(value=0.95, low=0.5, high=1), "so uncertain that chance cannot be ruled out"),
        (Metric(value=0.57, low=0.501, high=0.62), "barely better than chance"),
        (Metric(value=0.57), "barely better than chance"),
    ],
)
def test_a_model_not_clearly_usable_as_evidence_is_no_basis_for_decisions_on_either_page(auc, words):
    card = CARD.model_copy(update={"metrics": {"auc_roc": auc}})
    assert scores.rows(card)[0].sentence == f"{words.capitalize()}: do not use for decisions."
    report = build_report(card, "m")
    assert report.not_for[0].startswith("Decisions of any kind: its AUC of ")
    assert report.not_for[0].endswith(f"is {words}.")
    assert any(text.endswith(f"which is {words}.") for text in report.known_limits)
    assert len(report.intended_use) == 1


@pytest.mark.parametrize(
    ("auc", "words"),
    [
        (Metric(value=0.6, low=0.51, high=0.7), "Poor: weak evidence."),
        (Metric(value=0.7, low=0.51, high=0.9), "Fair: useful beside other evidence."),
        (Metric(value=0.8), "Good: it usually ranks a place with the species above one without."),
        (Metric(value=0.9), "Very good: it nearly always ranks a place with the species above one without."),
    ],
)
def test_a_model_usable_as_evidence_is_graded_by_its_value(auc, words):
    card = CARD.model_copy(update={"metrics": {"auc_roc": auc}})
    assert scores.rows(card)[0].sentence == words
    report = build_report(card, "m")
    assert len(report.intended_use) > 1
    assert ("is poor." in report.not_for[0]) == (grade_auc(auc) is AucGrade.POOR)


@pytest.mark.parametrize(("value", "skill"), [(-0.01, False), (0.0, False), (0.01, True)])
def test_page_and_report_agree_on_skill_at_exactly_zero(value, skill):
    score = Metric(value=value)
    card = CARD.model_copy(update={"metrics": {"auc_prg": score, "cbi": score}})
    sentences = [row.sentence for row in scores.rows(card)]
    limits = " ".join(build_report(card, "m").known_limits)
    for on_page, in_report in (
        ("No better than calling every place suitable.", "is no better than calling every place suitable."),
        (
            "Higher suitability does not mean more presences: do not use for decisions.",
            "Higher suitability does not mean more presences: continuous Boyce index",
        ),
    ):
        assert (on_page not in sentences) == skill
        assert (in_report not in limits) == skill


def test_a_model_without_an_auc_is_no_basis_for_decisions():
    assert scores.rows(CARD) == []
    assert quality_of(CARD).sentence == "Never tested: the model has no cross-validated score."
    assert build_report(CARD, "m").not_for[0] == "Decisions of any kind: it has no cross-validated AUC."
    assert not grade_auc(None).usable_as_evidence
