"""Differences between two versions of a species' model: the change of the score, and sentences on what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ml.card import Metric, ModelCard, Predictor
from ml.odmap.wording import SETTINGS


@dataclass(frozen=True)
class OtherVersion:
    """Another version of a species' model, compared with the version on the page.

    Attributes
    ----------
    id : str
    version : int
    active : bool
    registered_at : datetime
    auc : Metric or None
    difference : float or None
        AUC of the version on the page minus that of the other version.
    verdict : str
        The difference in a sentence.
    changes : list of str
        Sentences on what changed from the earlier to the later version.
    first, second : str
        Ids of the earlier and the later version, for the link to their comparison.
    """

    id: str
    version: int
    active: bool
    registered_at: datetime
    auc: Metric | None
    difference: float | None
    verdict: str
    changes: list[str]
    first: str
    second: str


def verdict(shown: ModelCard, other: ModelCard) -> tuple[float | None, str]:
    """Return how the AUC of one version differs from that of another.

    Parameters
    ----------
    shown, other : ModelCard

    Returns
    -------
    difference : float or None
    sentence : str
    """
    one, two = shown.metrics.get("auc_roc"), other.metrics.get("auc_roc")
    if one is None or two is None:
        return None, "One of the two has no AUC, so they cannot be compared."
    difference = one.value - two.value
    # the difference of the two figures that the page shows
    amount = f"{abs(round(one.value, 2) - round(two.value, 2)):.2f}"
    if amount == "0.00":
        text = "The AUC is the same to two decimals"
    else:
        text = f"The AUC here is {amount} {'higher' if difference > 0 else 'lower'}"
        if _overlap(one, two):
            text += "; the intervals overlap, so that may be chance"
    if shown.training.data_fingerprint != other.training.data_fingerprint:
        text += "; the records differ, so the two scores are not directly comparable"
    elif (shown.validation.method, shown.validation.folds) != (other.validation.method, other.validation.folds):
        text += "; the folds differ, so the two scores are not directly comparable"
    return difference, text + "."


def changes(before: ModelCard, after: ModelCard) -> list[str]:
    """Return what changed from one version to a later one.

    Parameters
    ----------
    before, after : ModelCard

    Returns
    -------
    list of str
        Sentences. One sentence states it if the cards are equal.
    """
    sentences = [*_data(before, after), *_predictors(before, after), *_fit(before, after), *_assessment(before, after)]
    return sentences or ["The two model cards show no difference."]


def _data(before: ModelCard, after: ModelCard) -> list[str]:
    if before.training.data_fingerprint == after.training.data_fingerprint:
        return []
    others = "background points" if after.study.records == "presence-background" else "absences"
    return [
        "Other training data.",
        *_figure("presences", before.n_presences, after.n_presences),
        *_figure(others, before.n_absences, after.n_absences),
    ]


def _predictors(before: ModelCard, after: ModelCard) -> list[str]:
    old, new = {p.name: p for p in before.predictors}, {p.name: p for p in after.predictors}
    added = [p.label for name, p in new.items() if name not in old]
    gone = [p.label for name, p in old.items() if name not in new]
    other = [p.label for name, p in new.items() if name in old and _treatment(p) != _treatment(old[name])]
    return [
        f"{what}: {'; '.join(labels)}."
        for what, labels in (
            ("New predictors", added),
            ("Predictors left out", gone),
            ("Predictors with another unit or transform", other),
        )
        if labels
    ]


def _treatment(predictor: Predictor) -> tuple[str, str, str]:
    return predictor.unit, predictor.type, predictor.transform


def _fit(before: ModelCard, after: ModelCard) -> list[str]:
    old, new = before.training, after.training
    out = []
    if old.estimator != new.estimator:
        out.append(f"Estimator: {new.estimator} instead of {old.estimator}.")
    settings = {"seed": (old.seed, new.seed)} | {
        name: (old.parameters.get(name), new.parameters.get(name))
        for name in sorted({*old.parameters, *new.parameters})
    }
    for name, (was, now) in settings.items():
        out += _figure(SETTINGS[name][0] if name in SETTINGS else name, was, now)
    for name in sorted({*old.versions, *new.versions}):
        out += _figure(f"Version of {name}", old.versions.get(name), new.versions.get(name))
    return out


def _assessment(before: ModelCard, after: ModelCard) -> list[str]:
    out = []
    if before.validation.method != after.validation.method:
        out.append(f"Folds: {after.validation.method} instead of {before.validation.method}.")
    out += _figure("Folds scored", before.validation.folds, after.validation.folds)
    if before.threshold_rule != after.threshold_rule:
        out.append(f"Threshold rule: {after.threshold_rule} instead of {before.threshold_rule}.")
    was, now = (card.thresholds.get(card.threshold_rule) for card in (before, after))
    if was is not None and now is not None:
        out += _figure("Threshold", f"{was.value:.2f}", f"{now.value:.2f}")
    return out


def _figure(name: str, was: object, now: object) -> list[str]:
    if was == now:
        return []
    return [f"{name[:1].upper()}{name[1:]}: {_shown(now)} instead of {_shown(was)}."]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _overlap(one: Metric, two: Metric) -> bool:
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return False
    return one.low <= two.high and two.low <= one.high
