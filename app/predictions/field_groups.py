"""Fields of the predict form in groups: labels that begin with the same words are written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from app.catalogue.refs import PredictorRange

# A group's name neither consists of fewer words than this nor ends with one of `_SMALL`.
_FEWEST_WORDS = 2
_SMALL = frozenset({"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "the", "to"})


@dataclass(frozen=True)
class GroupedField:
    """A predictor with the part of its label that differs within the group."""

    predictor: PredictorRange
    label: str


@dataclass(frozen=True)
class FieldGroup:
    """Neighbouring fields with one unit, whose labels begin with `name`; a field of its own has no name."""

    name: str
    unit: str
    fields: list[GroupedField]


def group_fields(predictors: Sequence[PredictorRange]) -> list[FieldGroup]:
    """Return predictors in groups, in their order.

    Parameters
    ----------
    predictors : sequence of PredictorRange

    Returns
    -------
    list of FieldGroup
        Neighbours form a group where they are continuous, have the same unit, and their labels begin with the same two
        or more words; articles and prepositions at the end of those words stay in the labels.
    """
    groups: list[FieldGroup] = []
    rest = list(predictors)
    while rest:
        name, count = _longest_group(rest)
        first = rest[0]
        if count > 1:
            fields = [GroupedField(item, item.label[len(name) :].lstrip(" ,:;")) for item in rest[:count]]
            groups.append(FieldGroup(name.rstrip(",:;"), first.unit, fields))
        else:
            groups.append(FieldGroup("", first.unit, [GroupedField(first, first.label)]))
        del rest[:count]
    return groups


def _longest_group(predictors: Sequence[PredictorRange]) -> tuple[str, int]:
    """Return the name of the group that begins with the first predictor, and its size."""
    first = predictors[0]
    name, count = "", 1
    for size in range(2, len(predictors) + 1):
        if any(item.type != "continuous" or item.unit != first.unit for item in predictors[:size]):
            break
        shared = _shared_words([item.label for item in predictors[:size]])
        if not shared:
            break
        name, count = shared, size
    return name, count


def _shared_words(labels: Sequence[str]) -> str:
    """Return the words that all labels begin with, or "" where they are too few or a label has no others."""
    parts = [label.split(" ") for label in labels]
    shared = [words[0] for words in takewhile(lambda words: len(set(words)) == 1, zip(*parts, strict=False))]
    shortest = min(len(words) for words in parts)
    shared = shared[: shortest - 1]
    while shared and shared[-1].lower() in _SMALL:
        shared.pop()
    return " ".join(shared) if len(shared) >= _FEWEST_WORDS else ""
