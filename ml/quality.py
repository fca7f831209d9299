"""The quality of a model in one sentence, from its cross-validation."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ml.card import Metric, ModelCard
from ml.score_words import AucGrade, grade_auc

#: The records that a model was tested on, by the method of the validation.
TESTED_ON = {"spatial blocks": "other places", "stratified": "records set aside at random"}

# The grades that complete a sentence about the AUC and do not stand alone.
_BRIEFLY = {AucGrade.MISSING: "Never tested", AucGrade.UNCERTAIN: "Chance cannot be ruled out"}


class Quality(BaseModel):
    """The quality of a model."""

    model_config = ConfigDict(frozen=True)

    sentence: str = Field(description="The quality in words.")
    grade: str = Field(description="The quality in at most seven words.")
    auc: float | None = Field(description="Cross-validated AUC; null without one.")
    auc_interval: tuple[float, float] | None = Field(description="95 % interval of the AUC: low and high.")
    validated_by: str = Field(
        description="How records were set aside for the validation: `spatial blocks` or `stratified`."
    )
    better_than_chance: bool = Field(
        description="Whether the AUC and its whole interval, where it has one, lie above 0.5. Otherwise every verdict "
        "is `cannot_say`."
    )


def quality_of(card: ModelCard) -> Quality:
    """Return the quality of a model.

    Parameters
    ----------
    card : ModelCard

    Returns
    -------
    Quality

    Notes
    -----
    The AUC is the chance that the model gives a presence a higher suitability than an absence or a background point
    (Hanley & McNeil 1982, Radiology 143: 29-36, doi 10.1148/radiology.143.1.7063747). The sentence says it as a count
    of pairs in 100.
    """
    return quality_of_scores(card.metrics.get("auc_roc"), card.validation.method)


def quality_of_scores(auc: Metric | None, validated_by: str) -> Quality:
    """Return the quality of a model from parts of its card; see :func:`quality_of`.

    Parameters
    ----------
    auc : Metric or None
        Cross-validated.
    validated_by : str
        Method of the validation.
    """
    grade = grade_auc(auc)
    return Quality(
        sentence=_sentence(grade, auc, validated_by),
        grade=_BRIEFLY.get(grade, grade.capitalize()),
        auc=auc.value if auc is not None else None,
        auc_interval=(auc.low, auc.high) if auc is not None and auc.low is not None and auc.high is not None else None,
        validated_by=validated_by,
        better_than_chance=grade.rules_out_chance,
    )


def chance_reason(quality: Quality) -> str:
    """Return why a model that is not better than chance cannot say, in one sentence."""
    if quality.auc is None:
        return "The model was never tested: it has no cross-validated score."
    figure = f"{quality.auc:.2f}"
    if quality.auc_interval is not None:
        figure += " ({:.2f} to {:.2f})".format(*quality.auc_interval)
    return (
        f"The model is not shown to be better than chance: its cross-validated AUC is {figure}, and chance gives 0.50."
    )


def _times(auc: float) -> str:
    """Return an AUC as a count of 100; only a perfect one is 100, and one above chance is more than 50."""
    count = round(100 * auc)
    return "more than 99" if count == 100 and auc < 1 else str(count)


def _sentence(grade: AucGrade, auc: Metric | None, validated_by: str) -> str:
    if auc is None:
        return "Never tested: the model has no cross-validated score."
    tested = f"tested on {TESTED_ON[validated_by]}"
    times = f"of two places it ranks the right one first {_times(auc.value)} times in 100"
    if grade is AucGrade.UNCERTAIN:
        assert auc.low is not None and auc.high is not None  # noqa: S101 (the grade comes from the interval)
        return f"Chance cannot be ruled out: {times} ({100 * auc.low:.0f} to {100 * auc.high:.0f}); {tested}."
    return f"{grade.capitalize()}: {times}; {tested}."
