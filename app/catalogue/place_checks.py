"""Counts of the checks of records that come from their places, which narrow down where few records are.

One of three records within 2 km of a capital is a place. So on a grid these counts are left out where a study, or one
of its sensitive species, has few records. A model card does not say how many records its study had: there they are one
sum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from app.catalogue.names import fold
from ml.card import ModelCard
from ml.card_preparation import Preparation
from ml.recipes.reports import ReasonCount, RecordsReport
from ml.records.reasons import CHECKS, OF_PLACES, PLACELESS, within_a_sentence

#: From so many records of a study, and of each of its sensitive species, the counts of all checks are shown.
ENOUGH: Final = 10
_LABELS: Final = frozenset(check.label for check in CHECKS if check.code not in PLACELESS)
_CARD_LABELS: Final = frozenset(within_a_sentence(check.label) for check in CHECKS if check.code not in PLACELESS)
_APPLIED: Final = " records left out."


def are_few(report: RecordsReport, names: Collection[str]) -> bool:
    """Return whether a study has few records, or some and few of a species.

    Parameters
    ----------
    report : RecordsReport
    names : collection of str
        Folded names of the sensitive species.
    """
    sensitive = [one.n for one in report.species if {fold(name) for name in (one.name, *one.names)} & set(names)]
    return report.n < ENOUGH or any(0 < n < ENOUGH for n in sensitive)


def placeless(reasons: Sequence[ReasonCount]) -> list[ReasonCount]:
    """Return the checks that tell nothing of places."""
    return [reason for reason in reasons if reason.code in PLACELESS]


def without_counts(card: ModelCard) -> tuple[dict[str, int], Preparation | None]:
    """Return the records that were left out and the preparation of a card, without counts of checks of places."""
    about = card.preparation
    if about is None:
        # what an author of published data has left out
        return card.dropped, None
    dropped = {reason: n for reason, n in card.dropped.items() if reason not in _CARD_LABELS}
    n = sum(n for reason, n in card.dropped.items() if reason in _CARD_LABELS)
    rules = [rule for rule in map(_without_count, about.rules) if rule]
    return {**dropped, **({OF_PLACES: n} if n else {})}, about.model_copy(update={"rules": rules})


def _without_count(rule: str) -> str:
    """Return the sentence on a check without its count; nothing for one that was off but concerned a record."""
    label = rule.partition(": ")[0]
    if label not in _LABELS:
        return rule
    return f"{label}: applied." if rule.endswith(_APPLIED) else ""
