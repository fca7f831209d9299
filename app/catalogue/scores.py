"""A model's scores in plain words, the poor ones included."""

from __future__ import annotations

from dataclasses import dataclass

from ml.card import ModelCard


@dataclass(frozen=True)
class ScoreRow:
    """One score as the species page shows it."""

    label: str
    value: float
    low: float | None
    high: float | None
    sentence: str


_LABELS = {
    "auc_roc": "AUC",
    "auc_prg": "AUC-PRG",
    "cor": "COR",
    "tss": "TSS",
    "cbi": "Continuous Boyce index",
    "brier": "Brier score",
}
_BANDS: dict[str, list[tuple[float, str]]] = {
    "auc_roc": [
        (0.5, "No better than chance: do not use for decisions."),
        (0.6, "Barely better than chance: do not use for decisions."),
        (0.7, "Poor: a weak hint at best."),
        (0.8, "Fair: useful beside other evidence."),
        (0.9, "Good: it usually ranks a place with the species above one without."),
        (float("inf"), "Very good: it nearly always ranks a place with the species above one without."),
    ],
    "auc_prg": [
        (0.0, "Worse than calling every place suitable."),
        (0.75, "Some skill at naming places that have the species."),
        (float("inf"), "Clear skill at naming places that have the species."),
    ],
    "cor": [
        (0.1, "Hardly follows the held-out records."),
        (0.3, "Follows the held-out records weakly."),
        (0.5, "Follows the held-out records moderately."),
        (float("inf"), "Follows the held-out records closely."),
    ],
    "tss": [
        (0.2, "At the threshold it hardly tells presence from absence."),
        (0.4, "At the threshold it tells presence from absence poorly."),
        (0.6, "At the threshold it tells presence from absence moderately well."),
        (float("inf"), "At the threshold it tells presence from absence well."),
    ],
    "cbi": [
        (0.0, "Higher suitability does not mean more presences: do not use for decisions."),
        (0.5, "Higher suitability only roughly means more presences."),
        (float("inf"), "Higher suitability means more presences."),
    ],
    "brier": [
        (0.1, "Small errors; 0 is perfect, and a rare species scores low easily."),
        (0.25, "Moderate errors; 0 is perfect, always saying one half scores 0.25."),
        (float("inf"), "Larger errors than always saying one half."),
    ],
}


def sentence_for(metric: str, value: float) -> str:
    """Return what a score means, in one sentence."""
    for below, sentence in _BANDS.get(metric, []):
        if value < below:
            return sentence
    return ""


def rows(card: ModelCard) -> list[ScoreRow]:
    """Return the scores of a card in reading order."""
    names = [name for name in _LABELS if name in card.metrics] + [name for name in card.metrics if name not in _LABELS]
    return [
        ScoreRow(
            label=_LABELS.get(name, name),
            value=card.metrics[name].value,
            low=card.metrics[name].low,
            high=card.metrics[name].high,
            sentence=sentence_for(name, card.metrics[name].value),
        )
        for name in names
    ]


def verdict(card: ModelCard) -> str:
    """Return the honest one-liner on a model."""
    auc = card.metrics.get("auc_roc")
    if auc is None:
        return "It has no cross-validated score: do not use for decisions."
    sentence = sentence_for("auc_roc", auc.value)
    if auc.low is not None and auc.low < 0.5 <= auc.value and auc.value >= 0.6:
        sentence = sentence.rstrip(".") + ", but with so few records that chance cannot be ruled out."
    return sentence
