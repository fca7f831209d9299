"""The promotion gate: whether a candidate ranks held-out records better than the active version. It is advice."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from app.trainings.held_out import HeldOut, PairedScores, pair
from app.trainings.schemas import Gate
from ml.card import Metric, ModelCard, Validation
from ml.evaluation.paired import placements
from ml.numbers import rounded
from ml.score_words import grade_auc

#: Fewest common presences for a paired comparison.
FEWEST_PRESENCES = 20
#: Fewest common background cells for a paired comparison.
FEWEST_BACKGROUND = 20
# Blocks whose sizes differ by less than this factor test alike.
_LIKE_BLOCKS = 1.25
# The 97.5 % quantile of the normal distribution.
_Z = 1.959963984540054


@dataclass(frozen=True)
class Difference:
    """Difference of two AUCs, and its standard error."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - _Z * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + _Z * self.error


def paired_difference(scores: PairedScores) -> Difference:
    """Return AUC of the first model minus AUC of the second on the same records, with its standard error.

    Parameters
    ----------
    scores : PairedScores
        With at least two records of each label.

    Returns
    -------
    Difference

    Notes
    -----
    The method of DeLong, DeLong & Clarke-Pearson (1988, doi 10.2307/2531595). Records are taken as independent;
    neighbouring cells are not, so the error is a lower bound.
    """
    present = scores.y == 1
    first, second = (placements(values[present], values[~present]) for values in (scores.first, scores.second))
    of_presences = first.of_presences - second.of_presences
    of_background = first.of_absences - second.of_absences
    variance = of_presences.var(ddof=1) / len(of_presences) + of_background.var(ddof=1) / len(of_background)
    return Difference(float(of_presences.mean()), sqrt(float(variance)))


def independent_difference(candidate: Metric, active: Metric) -> Difference | None:
    """Return the difference of two AUCs from their 95 % intervals, taken as independent; None without intervals."""
    if candidate.low is None or candidate.high is None or active.low is None or active.high is None:
        return None
    errors = ((metric.high - metric.low) / (2 * _Z) for metric in (candidate, active))  # type: ignore[operator]
    return Difference(candidate.value - active.value, sqrt(sum(error**2 for error in errors)))


def compare(
    candidate: ModelCard, active: ModelCard | None, held_out: HeldOut | None, held_out_of_active: HeldOut | None
) -> Gate:
    """Compare a candidate with the active version of its species.

    Parameters
    ----------
    candidate : ModelCard
    active : ModelCard or None
        None where no version is active.
    held_out, held_out_of_active : HeldOut or None
        None where the records were not kept.

    Returns
    -------
    Gate
    """
    warning = _warning(candidate)
    if active is None:
        return Gate(verdict="first", sentence="First version: no version of this species is active.", warning=warning)
    problem = _other_folds(candidate.validation, active.validation)
    if problem:
        return Gate(verdict="unknown", sentence=problem, warning=warning)
    common = pair(held_out, held_out_of_active) if held_out and held_out_of_active else None
    if common and common.n_presences >= FEWEST_PRESENCES and common.n_background >= FEWEST_BACKGROUND:
        place = (
            f"on the {common.n_presences:,} presences and {common.n_background:,} background cells that both versions "
            "were tested on"
        )
        return _gate(paired_difference(common), place, "paired", warning, common)
    one, two = candidate.metrics.get("auc_roc"), active.metrics.get("auc_roc")
    difference = independent_difference(one, two) if one and two else None
    if difference is None:
        sentence = "Not comparable: one of the two versions has no AUC with an interval."
        return Gate(verdict="unknown", sentence=sentence, warning=warning)
    if held_out is None or held_out_of_active is None:
        which = "this version" if held_out is None else "the active version"
        why = f"the records that {which} was tested on are not stored here"
    elif common and common.n_presences:
        why = f"the versions share only {common.n_presences:,} tested presences"
    else:
        why = "the versions share no tested presences"
    place = f"by the AUCs of the two cards, taken as independent because {why}"
    return _gate(difference, place, "independent", warning, common)


def _gate(difference: Difference, place: str, method: str, warning: str, common: PairedScores | None) -> Gate:
    verdict = "better" if difference.low > 0 else "worse" if difference.high < 0 else "equal"
    interval = f"95 % interval {_signed(difference.low)} to {_signed(difference.high)}"
    amount = f"{abs(difference.value):.3f}"
    if verdict == "equal":
        sentence = f"No difference shown {place}: AUC {_signed(difference.value)} ({interval})."
    else:
        word, direction = ("Better", "higher") if verdict == "better" else ("Worse", "lower")
        sentence = f"{word} {place}: its AUC is {amount} {direction} ({interval})."
    return Gate.model_validate(
        {
            "verdict": verdict,
            "sentence": sentence,
            "warning": warning,
            "method": method,
            "difference": difference.value,
            "low": difference.low,
            "high": difference.high,
            "n_presences": common.n_presences if common else 0,
            "n_background": common.n_background if common else 0,
        }
    )


def _other_folds(candidate: Validation, active: Validation) -> str:
    """Return why the cross-validations of two versions are too different for a comparison; "" where they are not."""
    one, two = candidate.block_size_km, active.block_size_km
    same_size = (one is None) == (two is None) and (not one or not two or max(one, two) <= _LIKE_BLOCKS * min(one, two))
    if (candidate.method, candidate.folds) == (active.method, active.folds) and same_size:
        return ""
    return (
        f"Not comparable: this version was tested with {_describe(candidate)}, the active one with "
        f"{_describe(active)}. Small or random folds give higher scores to the same model. Train again with the folds "
        "of the active version to compare them."
    )


def _describe(validation: Validation) -> str:
    size = f" of {rounded(validation.block_size_km)} km" if validation.block_size_km else ""
    return f"{validation.folds} folds ({validation.method}{size})"


def _warning(candidate: ModelCard) -> str:
    grade = grade_auc(candidate.metrics.get("auc_roc"))
    if grade.usable_as_evidence:
        return ""
    return f"The cross-validated AUC of this version is {grade}: do not use it for decisions."


def _signed(value: float) -> str:
    text = f"{value:+.3f}".replace("-", "−")
    return "0.000" if text in ("+0.000", "−0.000") else text
