"""How good cross-validated scores are: the judgements that the pages and the ODMAP report share."""

from __future__ import annotations

from enum import StrEnum

from ml.card import Metric

CHANCE, NEAR_CHANCE, POOR, FAIR, GOOD = 0.5, 0.6, 0.7, 0.8, 0.9


class AucGrade(StrEnum):
    """Grades of a cross-validated AUC; each value completes the sentence "The AUC is …"."""

    MISSING = "not known"
    CHANCE = "no better than chance"
    UNCERTAIN = "so uncertain that chance cannot be ruled out"
    NEAR_CHANCE = "barely better than chance"
    POOR = "poor"
    FAIR = "fair"
    GOOD = "good"
    VERY_GOOD = "very good"

    @property
    def usable_as_evidence(self) -> bool:
        """Whether the model may serve as evidence at all."""
        return self in (AucGrade.POOR, AucGrade.FAIR, AucGrade.GOOD, AucGrade.VERY_GOOD)

    @property
    def rules_out_chance(self) -> bool:
        """Whether the cross-validation shows that the model is better than chance; only then it gives verdicts."""
        return self.usable_as_evidence or self is AucGrade.NEAR_CHANCE


def shows_no_skill(score: Metric) -> bool:
    """Return whether an AUC-PRG or a continuous Boyce index shows no skill: 0 or less."""
    return score.value <= 0


def grade_auc(auc: Metric | None) -> AucGrade:
    """Grade a cross-validated AUC.

    Parameters
    ----------
    auc : Metric or None
        None for a model without one.

    Returns
    -------
    AucGrade

    Notes
    -----
    A 95 % interval that reaches down to 0.5 contains chance. Such a model is no evidence however high its AUC is, so
    the interval is judged before the value. An AUC without an interval is judged by its value alone.
    """
    if auc is None:
        return AucGrade.MISSING
    if auc.value <= CHANCE:
        return AucGrade.CHANCE
    if auc.low is not None and auc.low <= CHANCE:
        return AucGrade.UNCERTAIN
    for limit, grade in (
        (NEAR_CHANCE, AucGrade.NEAR_CHANCE),
        (POOR, AucGrade.POOR),
        (FAIR, AucGrade.FAIR),
        (GOOD, AucGrade.GOOD),
    ):
        if auc.value < limit:
            return grade
    return AucGrade.VERY_GOOD
