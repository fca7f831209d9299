"""Contradictions between parts of a model card, each of which is valid alone."""

from __future__ import annotations

from ml.card import ModelCard
from ml.predictors.encoding import EnvironmentValueError, encode_column
from ml.serving.rows import RowEncoder

_LIMITS = {"auc_roc": (0, 1), "tss": (-1, 1), "cor": (-1, 1), "cbi": (-1, 1), "brier": (0, 1)}


def find_contradiction(card: ModelCard) -> str | None:
    """Return how parts of a card contradict each other, or None. Pages and answers rely on their agreement."""
    for name, (low, high) in _LIMITS.items():
        metric = card.metrics.get(name)
        if metric is not None and not all(
            low <= one <= high for one in (metric.value, metric.low, metric.high) if one is not None
        ):
            return f"has a score {name} that is not from {low} to {high}"
    if card.threshold_rule not in card.thresholds:
        return f"has no threshold for its own rule {card.threshold_rule}"
    names = [predictor.name for predictor in card.predictors]
    if len(set(names)) < len(names):
        return "has two predictors of one name"
    if not card.importance.keys() <= set(names):
        return "has the importance of another predictor"
    if any(predictor.type == "categorical" and not predictor.levels for predictor in card.predictors):
        return "has a categorical predictor without levels"
    try:
        for predictor in card.predictors:
            if predictor.type == "continuous":
                ends = [one for one in (predictor.minimum, predictor.median, predictor.maximum) if one is not None]
                encode_column(predictor, ends)
                if ends != sorted(ends):
                    return f"has a smallest value of {predictor.name} that is above its largest"
    except EnvironmentValueError as error:
        return f"has an impossible range: {error}"
    if not card.starting_points:
        return "has no starting point"
    encoder = RowEncoder(card.predictors)
    for point in card.starting_points:
        if set(point.environment) != set(names):
            return f"has a starting point with values of other predictors: {point.label}"
        try:
            encoder.encode_row([point.environment[name] for name in names])
        except EnvironmentValueError as error:
            return f"has a starting point with an impossible value: {error}"
    return None
