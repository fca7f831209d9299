"""What lists say of a model: its quality, how it was tested, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.catalogue import versions
from app.web.csv_download import Cell
from ml.card import Metric, ModelCard
from ml.score_words import AucGrade, grade_auc

#: The columns of these facts in a list as CSV.
COLUMNS = (
    "quality", "better_than_chance", "auc", "auc_low", "auc_high", "validation", "presences", "absences", "records",
)  # fmt: skip
#: What the held-out records were, by the method of the validation.
_TESTED = {"spatial blocks": "other places", "stratified": "random records"}
_OTHERS = {"presence-absence": "absences", "presence-background": "background points"}


@dataclass(frozen=True)
class ModelFacts:
    """The parts of a model's card that a list shows.

    Attributes
    ----------
    auc : Metric or None
        Cross-validated.
    validation : str
        Method of the cross-validation.
    records : str
        ``presence-absence`` or ``presence-background``.
    n_absences : int
        Absences or background points.
    """

    auc: Metric | None
    validation: str
    records: Literal["presence-absence", "presence-background"]
    n_presences: int
    n_absences: int

    @property
    def quality(self) -> str:
        """The quality in words."""
        return grade_auc(self.auc).capitalize()

    @property
    def better_than_chance(self) -> bool:
        """Whether the score rules out chance."""
        return grade_auc(self.auc) not in (AucGrade.MISSING, AucGrade.CHANCE, AucGrade.UNCERTAIN)

    @property
    def rank(self) -> float:
        """A number that is higher for a better model: the AUC, after those that are not better than chance."""
        value = self.auc.value if self.auc is not None else 0.0
        return value + self.better_than_chance

    @property
    def tested_on(self) -> str:
        """The held-out records in words."""
        return _TESTED.get(self.validation, self.validation)

    @property
    def others(self) -> str:
        """What the presences were compared with."""
        return _OTHERS.get(self.records, "absences")


def cells_of(facts: ModelFacts | None) -> list[Cell]:
    """Return the cells of `COLUMNS`; empty ones without a model."""
    if facts is None:
        return [None] * len(COLUMNS)
    auc = facts.auc
    score: list[Cell] = [auc.value, auc.low, auc.high] if auc is not None else [None, None, None]
    counts: list[Cell] = [facts.n_presences, facts.n_absences, facts.records]
    return [facts.quality, facts.better_than_chance, *score, facts.validation, *counts]


def of_card(card: ModelCard) -> ModelFacts:
    """Return the facts of a model from its card."""
    return ModelFacts(
        auc=card.metrics.get("auc_roc"),
        validation=card.validation.method,
        records=card.study.records,
        n_presences=card.n_presences,
        n_absences=card.n_absences,
    )


def facts_of(model_ids: Sequence[str]) -> dict[str, ModelFacts]:
    """Return the facts of models by their ids, from the database."""
    return {
        row.id: ModelFacts(
            auc=Metric(**row.auc) if row.auc else None,
            validation=row.validation,
            records=row.records,
            n_presences=row.n_presences,
            n_absences=row.n_absences,
        )
        for row in versions.card_parts(model_ids)
    }
