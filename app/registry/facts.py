"""What lists say of a model: its quality, how it was tested, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.catalogue import versions
from app.web.csv_download import Cell
from ml.card import Metric, ModelCard
from ml.quality import TESTED_ON, Quality, quality_of, quality_of_scores

#: The columns of these facts in a list as CSV.
COLUMNS = (
    "quality", "better_than_chance", "auc", "auc_low", "auc_high", "validation", "presences", "absences", "records",
)  # fmt: skip
_OTHERS = {"presence-absence": "absences", "presence-background": "background points"}


@dataclass(frozen=True)
class ModelFacts:
    """The parts of a model's card that a list shows.

    Attributes
    ----------
    quality : Quality
    records : str
        ``presence-absence`` or ``presence-background``.
    n_absences : int
        Absences or background points.
    """

    quality: Quality
    records: Literal["presence-absence", "presence-background"]
    n_presences: int
    n_absences: int

    @property
    def rank(self) -> float:
        """A number that is higher for a better model: the AUC, after those that are not better than chance."""
        return (self.quality.auc or 0.0) + self.quality.better_than_chance

    @property
    def tested_on(self) -> str:
        """The held-out records in words."""
        return TESTED_ON[self.quality.validated_by]

    @property
    def others(self) -> str:
        """What the presences were compared with."""
        return _OTHERS[self.records]


def cells_of(facts: ModelFacts | None) -> list[Cell]:
    """Return the cells of `COLUMNS`; empty ones without a model."""
    if facts is None:
        return [None] * len(COLUMNS)
    quality = facts.quality
    score: list[Cell] = [quality.auc, *(quality.auc_interval or (None, None)), quality.validated_by]
    counts: list[Cell] = [facts.n_presences, facts.n_absences, facts.records]
    return [quality.sentence, quality.better_than_chance, *score, *counts]


def of_card(card: ModelCard) -> ModelFacts:
    """Return the facts of a model from its card."""
    return ModelFacts(
        quality=quality_of(card),
        records=card.study.records,
        n_presences=card.n_presences,
        n_absences=card.n_absences,
    )


def facts_of(model_ids: Sequence[str]) -> dict[str, ModelFacts]:
    """Return the facts of models by their ids, from the database."""
    return {
        row.id: ModelFacts(
            quality=quality_of_scores(Metric(**row.auc) if row.auc else None, row.validation),
            records=row.records,
            n_presences=int(row.n_presences),
            n_absences=int(row.n_absences),
        )
        for row in versions.card_parts(model_ids)
    }
