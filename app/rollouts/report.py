"""What both arms of a rollout did, side by side, with intervals and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

from app.catalogue import rollouts
from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.catalogue.rollouts import Arm, Rollout
from app.catalogue.versions import ModelVersion
from app.components import component
from app.rollouts import intervals
from app.rollouts.accuracy import RolloutAccuracies
from app.rollouts.by_client import FEWEST, clients_of
from app.rollouts.intervals import Estimate, Moments
from app.rollouts.measures import EDGES
from app.rollouts.schemas import (
    ArmDifferences,
    ArmMeasures,
    Interval,
    RolloutDetail,
    RolloutRule,
    ShadowComparison,
    VerdictShares,
)
from app.rollouts.stopping import FALSE_ALARMS, MOST_IN_A_ROW
from ml.serving.verdict import VERDICTS

# above it a factor is not shown as a number
_MOST = 1e9
#: Computed answers of each version from which on their times are compared; below it the normal interval is too narrow.
FEWEST_TIMES = 30


class _Numbers:
    """The numbers of one arm."""

    def __init__(self, arm: Arm, amounts: Mapping[tuple[Arm, str], float]) -> None:
        self._arm, self._amounts = arm, amounts

    def __getitem__(self, name: str) -> float:
        return self._amounts.get((self._arm, name), 0.0)

    @property
    def answered(self) -> float:
        """Requests with an answer of this arm."""
        return self["requests"] - self["failed"] - self["failed_both"] - self["refused"]

    @property
    def judged(self) -> float:
        """Requests that say whether this arm fails: not those that it refused, or that no model could answer."""
        return self.answered + self["failed"]

    @property
    def clients_failed(self) -> int:
        return clients_of(self._amounts, self._arm).failed

    @property
    def error_rate(self) -> Estimate | None:
        return intervals.share(self["failed"], self.judged)

    @property
    def novelty(self) -> Estimate | None:
        return intervals.share(self["novel"], self.answered)

    def verdict(self, name: str) -> Estimate | None:
        return intervals.share(self[f"verdict.{name}"], self.answered)

    @property
    def times(self) -> Moments:
        return Moments(self["computed"], self["log_seconds"], self["log_seconds2"])

    def quantile_ms(self, share: float) -> float | None:
        """Return a quantile of the time, in milliseconds: the middle of its class."""
        wanted, seen = share * self["computed"], 0.0
        for number in range(len(EDGES) + 1):
            seen += self[f"class.{number}"]
            if seen > 0 and seen >= wanted:
                return 1000 * EDGES[min(number, len(EDGES) - 1)] / math.sqrt(1.2)
        return None


def detail(rollout: Rollout) -> RolloutDetail:
    """Return a rollout with what both arms did."""
    amounts = rollouts.counts_of(rollout.id)
    active, candidate = _Numbers("active", amounts), _Numbers("candidate", amounts)
    species = rollout.species
    differences = ArmDifferences(
        error_rate=_of(intervals.difference(candidate.error_rate, active.error_rate)),
        novelty=_of(intervals.difference(candidate.novelty, active.novelty)),
        verdicts=VerdictShares(
            **{name: _of(intervals.difference(candidate.verdict(name), active.verdict(name))) for name in VERDICTS}
        ),
        latency_ratio=_latency_ratio(active.times, candidate.times),
    )
    shadow = _shadow(candidate) if rollout.mode == "shadow" else None
    return RolloutDetail.model_validate(
        {
            "id": rollout.id,
            "study": StudyRef(slug=species.study.slug, title=species.study.title),
            "species": SpeciesRef(slug=species.slug, scientific_name=species.scientific_name),
            "candidate": _ref(rollout.candidate),
            "active": _ref(rollout.active),
            "mode": rollout.mode,
            "percent": rollout.percent,
            "state": rollout.state,
            "reason": rollout.reason,
            "revision": rollout.revision,
            "started_at": rollout.started_at,
            "ended_at": rollout.ended_at,
            "measured_at": rollout.measured_at,
            "sentence": _sentence(active, candidate, differences, shadow),
            "arms": [_arm("active", rollout.active, active), _arm("candidate", rollout.candidate, candidate)],
            "differences": differences,
            "shadow": shadow,
            "accuracy": component(RolloutAccuracies).get(rollout),
            "rule": RolloutRule(
                evidence=min(_MOST, math.exp(min(rollout.evidence, math.log(_MOST)))),
                limit=1 / FALSE_ALARMS,
                false_alarms=FALSE_ALARMS,
                in_a_row=MOST_IN_A_ROW,
                clients=FEWEST,
            ),
        }
    )


def _latency_ratio(active: Moments, candidate: Moments) -> Interval | None:
    return _of(intervals.ratio(candidate, active)) if min(active.n, candidate.n) >= FEWEST_TIMES else None


def _arm(arm: Arm, version: ModelVersion, numbers: _Numbers) -> ArmMeasures:
    return ArmMeasures(
        arm=arm,
        model=_ref(version),
        requests=int(numbers["requests"]),
        failed=int(numbers["failed"]),
        failed_both=int(numbers["failed_both"]),
        refused=int(numbers["refused"]),
        clients_failed=numbers.clients_failed,
        error_rate=_of(numbers.error_rate),
        novelty=_of(numbers.novelty),
        verdicts=VerdictShares(**{name: _of(numbers.verdict(name)) for name in VERDICTS}),
        computed=int(numbers["computed"]),
        median_ms=numbers.quantile_ms(0.5),
        p95_ms=numbers.quantile_ms(0.95),
        geometric_mean_ms=1000 * math.exp(numbers.times.mean) if numbers.times.n else None,
    )


def _shadow(candidate: _Numbers) -> ShadowComparison:
    pairs = candidate["pairs"]
    return ShadowComparison(
        pairs=int(pairs),
        dropped=int(candidate["dropped"]),
        suitability=_of(intervals.mean(Moments(pairs, candidate["difference"], candidate["difference2"]))),
        moved=_of(intervals.share(candidate["moved"], pairs)),
        other_verdict=_of(intervals.share(candidate["other_verdict"], pairs)),
    )


def _sentence(
    active: _Numbers, candidate: _Numbers, differences: ArmDifferences, shadow: ShadowComparison | None
) -> str:
    if not candidate["requests"] or not active["requests"]:
        return "One of the versions has had no request yet, so there is nothing to compare."
    sentences = [
        f"The candidate failed {candidate['failed']:,.0f} of {candidate.judged:,.0f} "
        f"requests, the active version {active['failed']:,.0f} of {active.judged:,.0f}"
        f"{_beyond_chance(differences.error_rate)}.",
    ]
    if candidate["failed"] and candidate.clients_failed < FEWEST:
        whom = "one client" if candidate.clients_failed == 1 else f"{candidate.clients_failed} clients"
        sentences.append(f"All of these failures were for {whom}.")
    if candidate["refused"]:
        sentences.append(
            f"It refused {candidate['refused']:,.0f} requests that the active version answered: they ask for what it "
            "does not know."
        )
    ratio = differences.latency_ratio
    if ratio is None:
        sentences.append(
            f"Too few answers were computed to compare their times: it takes {FEWEST_TIMES} of each version, and there "
            f"are {candidate.times.n:,.0f} of the candidate and {active.times.n:,.0f} of the active version."
        )
    elif ratio.low <= 1 <= ratio.high:
        sentences.append("No difference in time is shown.")
    else:
        word = "more" if ratio.value > 1 else "less"
        sentences.append(f"It takes {word} time: {ratio.value:.2f} times the geometric mean of the active version.")
    novelty = differences.novelty
    if novelty is not None and not novelty.low <= 0 <= novelty.high:
        word = "more" if novelty.value > 0 else "less"
        sentences.append(f"It calls conditions novel {word} often, by {100 * abs(novelty.value):.1f} points of 100.")
    if shadow is not None and shadow.other_verdict is not None:
        sentences.append(f"Its verdict differs for {100 * shadow.other_verdict.value:.1f} of 100 requests.")
    return " ".join(sentences)


def _beyond_chance(difference: Interval | None) -> str:
    if difference is None or difference.low <= 0 <= difference.high:
        return ": no difference beyond chance"
    return f": {'more' if difference.value > 0 else 'less'} often, beyond chance"


def _of(estimate: Estimate | None) -> Interval | None:
    return Interval(value=estimate.value, low=estimate.low, high=estimate.high) if estimate is not None else None


def _ref(version: ModelVersion) -> ModelRef:
    return ModelRef(id=version.id, version=version.version)
