"""Purpose of a model: what it is for, what it must not be used for, and its known limits."""

from __future__ import annotations

from ml.card import Metric, ModelCard
from ml.odmap.intervals import standard_error, too_narrow
from ml.odmap.wording import Run, counted, interval, joined, listed, percent, score, sentence
from ml.score_words import AucGrade, grade_auc, shows_no_skill

#: Models with fewer presences get a warning, on the card and wherever limits are listed.
FEW_PRESENCES = 30
# Fewer held-out groups than this are a limit.
_FEW_GROUPS = 20
# An optimism gap from which the effect of random folds is a limit.
_GAP = 0.05


def summary(run: Run) -> str:
    """Return the number of records and the AUC in one line.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
    """
    card = run.card
    auc = card.metrics.get("auc_roc")
    how = "whole areas held out" if run.spatial else "records held out at random"
    return joined(
        f"The training table has {counted(card.n_presences, 'presence')} and {card.n_absences:,} {run.others}",
        f"Cross-validated AUC with {how}: {_with_interval(auc)}" if auc else "There is no cross-validated AUC",
    )


def intended_use(run: Run) -> list[str]:
    """List what the model is for.

    Parameters
    ----------
    run : Run

    Returns
    -------
    list of str
        Sentences; one alone for a model that is not clearly better than chance.
    """
    name = run.card.species.scientific_name
    if not grade_auc(run.card.metrics.get("auc_roc")).usable_as_evidence:
        return [
            f"Showing how little these records and predictors tell about {name}. It must not be used for anything else."
        ]
    within = "within its area of applicability" if run.card.area else "within the ranges seen in training"
    if run.presence_only or run.card.calibration is None:
        first = f"Ranking conditions, or places of the study area, by how suitable they are for {name}, {within}."
    else:
        first = f"Saying in how many of such surveys {name} would be found under given conditions, {within}."
    return [
        first,
        "Finding conditions that go with more records of it, as hypotheses for field work.",
        "Use together with other evidence and the judgement of people who know the species.",
    ]


def not_for(run: Run) -> list[str]:
    """List what the model must not be used for.

    Parameters
    ----------
    run : Run

    Returns
    -------
    list of str
        Sentences, the most important first.
    """
    card = run.card
    auc = card.metrics.get("auc_roc")
    grade = grade_auc(auc)
    out = []
    if auc is None:
        out.append("Decisions of any kind: it has no cross-validated AUC.")
    elif not grade.usable_as_evidence:
        out.append(f"Decisions of any kind: its AUC of {_with_interval(auc)} is {grade}.")
    elif grade is AucGrade.POOR:
        out.append(f"Decisions that rest on it alone: its AUC of {_with_interval(auc)} is {grade}.")
    if run.presence_only:
        out.append(
            "Saying how likely the species is to be found somewhere: there are no records of absence, so suitability "
            "ranks places and is not a chance."
        )
    else:
        out.append("Saying how likely the species is to be found by another kind of survey than that of the records.")
    out.append("Proof that the species is absent: low suitability is no absence.")
    out.append("Numbers of individuals, survival or breeding: the records say only where the species was found.")
    if not run.spatial:
        out.append(
            "Places away from those surveyed: it could not be tested by place, so its quality elsewhere is not known."
        )
    out.append("Other regions, other years or a changed climate: the run tested none of them.")
    if card.area is None:
        out.append("Combinations of conditions that no record has: the card has no area of applicability.")
    else:
        out.append("Conditions outside its area of applicability: predictions there are not supported by records.")
    if card.collinear:
        names = list(dict.fromkeys(name for one in card.collinear for name in one.predictors))
        labels = listed([run.label(name) for name in names])
        out.append(f"Telling apart the effects of predictors that go together: {labels}.")
    out.append("Identifying causes: a correlation with the records need not be a requirement of the species.")
    return out


def limits_of(card: ModelCard) -> list[str]:
    """List the known limits of a model, without the findings that predictors cannot be told apart.

    The pages of the species, the model and an answer, and the statement, show this list or its beginning.
    """
    collinear = {one.warning for one in card.collinear}
    return [text for text in known_limits(Run(card, "", None)) if text not in collinear]


def known_limits(run: Run) -> list[str]:
    """List the known limits: the study's own, what the scores show, what the card lacks, and the run's remarks.

    Parameters
    ----------
    run : Run

    Returns
    -------
    list of str
        Sentences without repetitions.
    """
    card = run.card
    limits = [*_poor_scores(run), *_folds(run), *_few(run), *_intervals(run), *_lacking(run)]
    # The card's notes come last, because there can be many on collinear predictors.
    return list(dict.fromkeys(sentence(text) for text in [*card.study.limits, *limits, *card.notes] if text.strip()))


def _with_interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return score(metric.value)
    return f"{score(metric.value)} ({interval(metric.low, metric.high)})"


def _poor_scores(run: Run) -> list[str]:
    metrics = run.card.metrics
    auc, prg, tss, cbi = (metrics.get(name) for name in ("auc_roc", "auc_prg", "tss", "cbi"))
    grade = grade_auc(auc)
    out = []
    if auc is None:
        out.append("There is no cross-validated AUC, so it is not known whether the model is better than chance.")
    elif grade is AucGrade.POOR or not grade.usable_as_evidence:
        out.append(f"The cross-validated AUC is {_with_interval(auc)}, which is {grade}.")
    if prg is not None and shows_no_skill(prg):
        out.append(f"The AUC-PRG of {score(prg.value)} is no better than calling every place suitable.")
    if tss is not None and tss.value < 0.2:
        out.append(f"At the threshold the model hardly tells presences from {run.others}: TSS {score(tss.value)}.")
    if cbi is not None and shows_no_skill(cbi):
        out.append(f"Higher suitability does not mean more presences: continuous Boyce index {score(cbi.value)}.")
    return out


def _folds(run: Run) -> list[str]:
    optimism = run.card.optimism
    if not run.spatial:
        return [run.card.validation.note]
    if optimism is not None and optimism.auc_roc_random - optimism.auc_roc_spatial >= _GAP:
        return [
            f"The score is lower in held-out areas: AUC {score(optimism.auc_roc_spatial)} with whole areas held out, "
            f"{score(optimism.auc_roc_random)} with random folds."
        ]
    return []


def _few(run: Run) -> list[str]:
    n = run.card.n_presences
    presences = f"Only {counted(n, 'presence')}"
    # cards have it among their notes; those of versions with a lower limit may not
    if n >= FEW_PRESENCES or any(note.startswith(presences) for note in run.card.notes):
        return []
    return [
        f"{presences}: scores and thresholds may change much with one more record, and sensitivity and specificity "
        "are too good."
    ]


def _intervals(run: Run) -> list[str]:
    report = run.card.interval
    if report is None:
        return []
    out = []
    if too_narrow(report):
        out.append(
            f"Intervals are too narrow for this species: by estimate {percent(report.coverage)} of its "
            f"{counted(report.groups, 'held-out group')} agreed with them instead of {percent(report.level)}, fewer "
            f"than chance explains (standard error {percent(standard_error(report.coverage, report.groups))})."
        )
    if report.groups < _FEW_GROUPS:
        out.append(f"Intervals were checked on only {counted(report.groups, 'held-out group')} of this species.")
    return out


def _lacking(run: Run) -> list[str]:
    """List what a card of an older format lacks."""
    card = run.card
    return [
        text
        for part, text in (
            (card.calibration, "The card, of an older format, does not say what a suitability means."),
            (card.background, "The card, of an older format, does not say what presences were compared with."),
            (card.area, "The card, of an older format, has no area of applicability."),
            (card.interval, "The card, of an older format, does not say how often intervals were right."),
        )
        if part is None
    ]
