"""A model's scores in plain words, including poor scores."""

from __future__ import annotations

from dataclasses import dataclass

from ml.card import Metric, ModelCard
from ml.score_words import AucGrade, grade_auc, shows_no_skill


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
_AUC_MEANINGS = {
    AucGrade.POOR: "weak evidence",
    AucGrade.FAIR: "useful beside other evidence",
    AucGrade.GOOD: "it usually ranks a place with the species above one without",
    AucGrade.VERY_GOOD: "it nearly always ranks a place with the species above one without",
}
_NO_SKILL = {
    "auc_prg": "No better than calling every place suitable.",
    "cbi": "Higher suitability does not mean more presences: do not use for decisions.",
}
_BANDS: dict[str, list[tuple[float, str]]] = {
    "auc_prg": [
        (0.75, "Identifies places with the species somewhat better than calling every place suitable."),
        (float("inf"), "Identifies places with the species clearly better than calling every place suitable."),
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
        (0.5, "Higher suitability only roughly means more presences."),
        (float("inf"), "Higher suitability means more presences."),
    ],
    "brier": [
        (0.1, "Small errors; 0 is perfect, and a rare species scores low easily."),
        (0.25, "Moderate errors; 0 is perfect, a constant prediction of 0.5 scores 0.25."),
        (float("inf"), "Larger errors than a constant prediction of 0.5."),
    ],
}


def sentence_for(name: str, score: Metric) -> str:
    """Return what a score means, in one sentence."""
    if name == "auc_roc":
        grade = grade_auc(score)
        return f"{grade.capitalize()}: {_AUC_MEANINGS.get(grade, 'do not use for decisions')}."
    if name in _NO_SKILL and shows_no_skill(score):
        return _NO_SKILL[name]
    for below, sentence in _BANDS.get(name, []):
        if score.value < below:
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
            sentence=sentence_for(name, card.metrics[name]),
        )
        for name in names
    ]
