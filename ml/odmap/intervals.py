"""What a card says of its intervals, in the words that the pages, the card and the ODMAP report share."""

from __future__ import annotations

from math import ceil, exp, lgamma, log, sqrt

from ml.card import IntervalReport, ModelCard
from ml.odmap.wording import counted, joined, percent

#: Models of presences alone say it; with absences, visits are part of the survey.
HIDDEN_BIAS = (
    "An interval does not include a bias of the records that no predictor shows, such as more visits near roads; "
    "where there is one, it is too narrow for single places."
)
#: A part for few records below this is not called wide. On virtual species it changes what intervals hold by four in a
#: hundred where it is 0.6 (100 presences), and by one where it is 0.35 (300 presences).
MATERIAL_SD = 0.5
# A coverage that is this close to the level is no limit of a model, however many groups show it.
_SHORT = 0.05
# A coverage that is lower than all but this share of what chance gives is beyond chance.
_CHANCE = 0.025
# Terms of a sum below this share of it are left out.
_NEGLIGIBLE_TERM = 1e-12


def standard_error(share: float, groups: int) -> float:
    """Return the standard error of a share of groups, which are taken as independent.

    Parameters
    ----------
    share : float
    groups : int
        At least 1.

    Returns
    -------
    float
        Also for a share of 0 or 1 above 0: as if half a group were on the other side.
    """
    edge = 0.5 / groups
    bounded = min(max(share, edge), 1 - edge)
    return sqrt(bounded * (1 - bounded) / groups)


def falls_short(share: float, groups: int, level: float) -> bool:
    """Return whether a share of groups lies so far below a level that chance does not explain it.

    Parameters
    ----------
    share : float
    groups : int
    level : float
        Between 0 and 1.

    Returns
    -------
    bool
        Whether at most one of forty models whose intervals hold at this level would have so few groups that agree
        (binomial, one-sided), and the share is at least five in a hundred too low. The number of groups that agree is
        rounded up, because it is an estimate.
    """
    if not groups or share >= level - _SHORT:
        return False
    agree = min(groups, ceil(share * groups - 1e-9))
    ways = lgamma(groups + 1) - lgamma(agree + 1) - lgamma(groups - agree + 1)
    term = exp(ways + agree * log(level) + (groups - agree) * log(1 - level))
    chance = 0.0
    # the terms fall below the mean, so that the sum ends early however many groups a card names
    while agree >= 0 and term > _NEGLIGIBLE_TERM * chance and chance <= _CHANCE:
        chance += term
        term *= agree * (1 - level) / ((groups - agree + 1) * level)
        agree -= 1
    return chance <= _CHANCE


def too_narrow(report: IntervalReport) -> bool:
    """Return whether the held-out groups of a species show that its intervals are too narrow."""
    return falls_short(report.coverage, report.groups, report.level)


def fitted_on(report: IntervalReport) -> str:
    """Return the note of a card on what the intervals were fitted on, without `HIDDEN_BIAS`."""
    return report.note.removesuffix(HIDDEN_BIAS).strip()


def note_for(fitted: str, absences: bool) -> str:
    """Return the note for a card: what the intervals were fitted on and, without absences, what they do not include."""
    return fitted if absences else joined(fitted, HIDDEN_BIAS)


def hidden_bias(card: ModelCard) -> str:
    """Return `HIDDEN_BIAS` for a model of presences alone, also of a version whose card does not say it; else empty."""
    return HIDDEN_BIAS if card.study.records == "presence-background" else ""


def check_words(report: IntervalReport) -> str:
    """Say how often intervals should hold, and in how many held-out groups they did by estimate.

    Parameters
    ----------
    report : IntervalReport

    Returns
    -------
    str
        Sentences.
    """
    often = "Nine in ten" if abs(report.level - 0.9) < 1e-9 else f"{percent(report.level)} of"
    should = f"{often} such intervals should contain the observed share of a group of similar places"
    if not report.groups:
        return joined(should, "They were not checked on held-out records of this species")
    counts = f"By estimate {_found(report.coverage, report.groups, 'held-out records of this species')}"
    if report.pooled_coverage is not None and report.pooled_groups:
        counts += f", and {_found(report.pooled_coverage, report.pooled_groups, 'all species of the study')}"
    if too_narrow(report):
        verdict = "Intervals are too narrow for this species: that is fewer than chance explains"
    elif report.coverage < report.level - _SHORT:
        verdict = f"For this species the difference from {percent(report.level)} is within chance"
    else:
        verdict = ""
    return joined(should, f"{counts}, with intervals fitted without their fold", verdict)


def _found(share: float, groups: int, of: str) -> str:
    error = percent(standard_error(share, groups))
    return f"{percent(share)} of {counted(groups, 'group')} of {of} agreed (standard error {error})"


def single_places(card: ModelCard) -> str:
    """Say how the interval of a single place differs from those that were checked on groups.

    Parameters
    ----------
    card : ModelCard

    Returns
    -------
    str
        A sentence on this card's part for few records; empty for a card without intervals.
    """
    report = card.interval
    if report is None:
        return ""
    presences = counted(card.n_presences, "presence")
    if report.few_records <= 0:
        return "For a single place they can be too narrow, because single places differ more than groups do."
    if report.few_records < MATERIAL_SD:
        return f"For a single place they are hardly wider than for groups, because there are {presences}."
    return (
        "For a single place they are wider than for groups, because single places differ more than groups do where "
        f"there are few records ({presences})."
    )


def interval_words(card: ModelCard) -> str:
    """Say what is known of a model's intervals: the pages of a species and of an answer show it alike.

    Parameters
    ----------
    card : ModelCard

    Returns
    -------
    str
        Sentences.
    """
    if card.interval is None:
        return "This model's intervals were never checked against held-out records."
    return joined(check_words(card.interval), single_places(card), hidden_bias(card))
