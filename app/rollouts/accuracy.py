"""How right both versions of a rollout are, by observations that were reported during it and accepted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from app.catalogue.refs import ModelRef
from app.catalogue.rollouts import Arm, Rollout
from app.catalogue.versions import ModelVersion
from app.confirmations import accuracy, tables
from app.confirmations.accuracy import FEWEST
from app.confirmations.accuracy_schemas import Interval as Figure
from app.confirmations.shown_figures import shown
from app.confirmations.tables import Outcome, Report
from app.errors import Unavailable
from app.registry import service as registry
from app.rollouts import intervals
from app.rollouts.intervals import Estimate, Moments
from app.rollouts.schemas import ArmAccuracy, Interval, RolloutAccuracy
from ml.evaluation.live import Estimate as LiveEstimate
from ml.evaluation.paired import auc_difference
from ml.predictors.encoding import EnvironmentValueError
from ml.serving.artifact import Artifact
from ml.serving.bulk import answer_rows

#: The latest reports of a rollout that are judged.
MOST_REPORTS = 1_000
_MOST_KEPT = 50

OWN_ANSWERS = (
    "Each version is judged by the reports on its own answers: by other people at other places, who had another answer "
    "in mind. Where the shares of presences differ, the Brier scores differ for that reason too."
)
SAME_REPORTS = (
    "Both versions are judged by the same reports. People had read the answer of the active version. Where they look "
    "at places that it calls suitable, it seems worse than it is, and the candidate gains by the comparison."
)
NOT_OPENED = "The candidate cannot be opened, so it is not judged."
INDEPENDENT = "The intervals take reports as independent. Several of one person or place are less than that."


class RolloutAccuracies:
    """The accuracy in the latest rollouts, computed once after each decision of an editor."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[object, RolloutAccuracy]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, rollout: Rollout) -> RolloutAccuracy:
        """Return the accuracy of both versions by the observations that are accepted now, with the digits shown."""
        return shown(self._current(rollout), rollout.species.study.slug)

    def _current(self, rollout: Rollout) -> RolloutAccuracy:
        mark = tables.change_mark(), rollout.ended_at
        with self._lock:
            kept = self._kept.get(rollout.id)
        if kept is not None and kept[0] == mark:
            return kept[1]
        try:
            found = _compute(rollout)
        except Unavailable:
            # tried again by the next request
            return _of(rollout, _split(_reports(rollout, rollout.active), []), paired=True, problem=NOT_OPENED)
        with self._lock:
            self._kept[rollout.id] = mark, found
            self._kept.move_to_end(rollout.id)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found


Arms = dict[Arm, list[Outcome]]


def _compute(rollout: Rollout) -> RolloutAccuracy:
    reports = _reports(rollout, rollout.active)
    if rollout.mode == "share":
        return _of(rollout, _split(reports, _reports(rollout, rollout.candidate)), paired=False)
    # nobody sees the candidate, so it is asked for the conditions that the reports are about
    candidate = answer_again(registry.opened(rollout.candidate), [report.environment for report in reports])
    arms: Arms = {"active": [], "candidate": []}
    for report, answer in zip(reports, candidate, strict=True):
        said = report.outcome
        suitability, inside = answer if answer is not None else (0.0, False)
        both_inside = said.inside and inside
        arms["active"].append(said._replace(inside=both_inside))
        arms["candidate"].append(said._replace(suitability=suitability, inside=both_inside))
    return _of(rollout, arms, paired=True)


def _reports(rollout: Rollout, version: ModelVersion) -> list[Report]:
    since: datetime = rollout.started_at
    return tables.reports_on(version.id, since, rollout.ended_at, MOST_REPORTS)


def _split(active: Sequence[Report], candidate: Sequence[Report]) -> Arms:
    return {"active": [one.outcome for one in active], "candidate": [one.outcome for one in candidate]}


def answer_again(artifact: Artifact, conditions: Sequence[Mapping[str, Any]]) -> list[tuple[float, bool] | None]:
    """Return what a model says about conditions: suitability, and whether they lie in its area of applicability.

    None where they are not conditions of this model. The numbers are those of single answers.
    """
    names = [predictor.name for predictor in artifact.card.predictors]
    rows: dict[int, list[Any]] = {}
    for number, values in enumerate(conditions):
        if values.keys() == set(names):
            row = [values[name] for name in names]
            try:
                artifact.predictor.encoder.encode_row(row)
            except (EnvironmentValueError, ValueError, TypeError):
                continue
            rows[number] = row
    said: list[tuple[float, bool] | None] = [None] * len(conditions)
    if rows:
        answers = answer_rows(artifact, np.array(list(rows.values()), dtype=object))
        for number, suitability, inside in zip(rows, answers.suitability, answers.inside, strict=True):
            said[number] = float(suitability), bool(inside)
    return said


def _of(rollout: Rollout, arms: Arms, *, paired: bool, problem: str = "") -> RolloutAccuracy:
    versions: dict[Arm, ModelVersion] = {"active": rollout.active, "candidate": rollout.candidate}
    active, candidate = (
        ArmAccuracy.model_validate(
            {
                **accuracy.figures([arms[arm]], is_index=accuracy.is_index(version)),
                "arm": arm,
                "model": ModelRef(id=version.id, version=version.version),
            }
        )
        for arm, version in versions.items()
    )
    auc, brier = _paired(arms, active, candidate) if paired else _independent(active, candidate)
    caveats = list(dict.fromkeys([*active.caveats, *candidate.caveats]))
    if caveats:
        caveats += [SAME_REPORTS if paired else OWN_ANSWERS, INDEPENDENT]
    return RolloutAccuracy(
        paired=paired,
        arms=[active, candidate],
        auc=_interval(auc),
        brier=_interval(brier),
        sentence=problem or _sentence(active, candidate, auc, paired=paired),
        caveats=caveats,
    )


def _independent(active: ArmAccuracy, candidate: ArmAccuracy) -> tuple[Estimate | None, Estimate | None]:
    return (
        intervals.difference(_estimate(candidate.auc), _estimate(active.auc)),
        intervals.difference(_estimate(candidate.brier), _estimate(active.brier)),
    )


def _paired(arms: Arms, active: ArmAccuracy, candidate: ArmAccuracy) -> tuple[Estimate | None, Estimate | None]:
    if active.auc is None or candidate.auc is None:
        return None, None
    pairs = [(one, two) for one, two in zip(arms["active"], arms["candidate"], strict=True) if one.inside]
    y = np.array([one.present for one, _ in pairs], np.int64)
    of_active, of_candidate = (np.array([pair[arm].suitability for pair in pairs]) for arm in (0, 1))
    first, second = (LiveEstimate(one.value, one.low, one.high) for one in (candidate.auc, active.auc))
    auc = auc_difference(y, of_candidate, of_active, (first, second))
    worse = (of_candidate - y) ** 2 - (of_active - y) ** 2
    brier = intervals.mean(Moments(len(y), float(worse.sum()), float((worse**2).sum())))
    return Estimate(auc.value, auc.low, auc.high), brier


def _sentence(active: ArmAccuracy, candidate: ArmAccuracy, auc: Estimate | None, *, paired: bool) -> str:
    def counted(one: ArmAccuracy) -> str:
        presences, absences = one.n_presences, one.n_absences
        return (
            f"{presences:,} presence{'' if presences == 1 else 's'} and {absences:,} "
            f"absence{'' if absences == 1 else 's'}"
        )

    if not any(one.n_presences + one.n_absences + one.n_outside for one in (active, candidate)):
        return "No report on an answer of this rollout has been accepted yet, so nothing says which version is right."
    if paired:
        text = f"{counted(active)} were confirmed during the rollout, by which both versions are judged"
        if active.n_outside:
            text += f"; {active.n_outside:,} more are left out, because one of the versions cannot say there"
    else:
        text = (
            f"{counted(active)} were confirmed of answers of the active version during the rollout, and "
            f"{counted(candidate)} of answers of the candidate"
        )
    if auc is None:
        return f"{text}. That is too few to compare them: it takes {FEWEST} of each{'' if paired else ' for both'}."
    if auc.low <= 0.0 <= auc.high:
        return f"{text}. No difference beyond chance is shown in how they rank them."
    return f"{text}. The candidate ranks them {'better' if auc.value > 0 else 'worse'}, beyond chance."


def _estimate(figure: Figure | None) -> Estimate | None:
    return Estimate(figure.value, figure.low, figure.high) if figure is not None else None


def _interval(estimate: Estimate | None) -> Interval | None:
    return Interval(value=estimate.value, low=estimate.low, high=estimate.high) if estimate is not None else None
