"""Schemas of rollouts in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.catalogue.refs import ModelRef, SpeciesRef, StudyRef
from app.confirmations.accuracy_schemas import Figures
from app.web.fields import Revision

#: Largest share of the clients that a candidate answers, in percent.
MOST_PERCENT = 50
_PERCENT = (
    "Share of the clients whom the candidate answers, at most 50; in shadow mode share of the requests, at most 100."
)


class RolloutStart(BaseModel):
    """Body of a request that begins a rollout."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(max_length=150, description="Id of the candidate.")
    mode: Literal["share", "shadow"] = Field(
        "share",
        description="`share`: the candidate answers a share of the clients. `shadow`: it computes copies of requests, "
        "which are compared and neither shown nor stored.",
    )
    percent: int = Field(strict=True, ge=1, le=100, description=_PERCENT)

    @field_validator("percent")
    @classmethod
    def _at_most_half(cls, value: int, info: ValidationInfo) -> int:
        if info.data.get("mode") == "share" and value > MOST_PERCENT:
            raise ValueError(f"must be {MOST_PERCENT} or less, except in shadow mode")
        return value


class RolloutChange(BaseModel):
    """Body of a request that changes the share."""

    model_config = ConfigDict(extra="forbid")

    percent: int = Field(strict=True, ge=1, le=100, description=_PERCENT)
    revision: Revision | None = Field(None, description="Revision of the rollout that is meant; 409 for another.")


class Interval(BaseModel):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class VerdictShares(BaseModel):
    """Shares of the verdicts of an arm; null without an answer."""

    suitable: Interval | None
    probably_suitable: Interval | None
    probably_unsuitable: Interval | None
    unsuitable: Interval | None
    cannot_say: Interval | None


class ArmMeasures(BaseModel):
    """What an arm did."""

    arm: Literal["active", "candidate"]
    model: ModelRef
    requests: int
    failed: int = Field(description="Of the candidate: requests that the active model answered instead.")
    failed_both: int = Field(description="Requests of the candidate that the active model could not answer either.")
    refused: int = Field(
        description="Requests that the candidate refused with an error below 500 and the active model answered. They "
        "are in no rate and stop nothing."
    )
    clients_failed: int = Field(description="Clients with a request of `failed`, at least; of more than 64 not all.")
    error_rate: Interval | None = Field(description="Share of `failed`; null without a request.")
    novelty: Interval | None = Field(description="Share of answers outside the area of applicability.")
    verdicts: VerdictShares
    computed: int = Field(description="Answers that the model computed; the others came from the cache.")
    median_ms: float | None = Field(description="Median of the time that the model took for them.")
    p95_ms: float | None
    geometric_mean_ms: float | None = Field(description="Their geometric mean, which `latency_ratio` compares.")


class ArmDifferences(BaseModel):
    """Candidate minus active version, or divided by it, each with a 95 % interval.

    Null where an arm has too few requests.
    """

    error_rate: Interval | None
    novelty: Interval | None
    verdicts: VerdictShares
    latency_ratio: Interval | None = Field(
        description="Geometric mean of the times of the candidate, divided by that of the active version. Null below "
        "30 computed answers of either."
    )


class ShadowComparison(BaseModel):
    """Answers of both models to the same requests."""

    pairs: int
    dropped: int = Field(description="Copies that were not computed, because too many waited.")
    suitability: Interval | None = Field(description="Mean of candidate minus active.")
    moved: Interval | None = Field(description="Share of answers that differ by more than .05.")
    other_verdict: Interval | None = Field(description="Share of answers with another verdict.")


class ArmAccuracy(Figures):
    """How right one version was, by accepted observations that were reported during the rollout."""

    arm: Literal["active", "candidate"]
    model: ModelRef


class RolloutAccuracy(BaseModel):
    """How right both versions were. It stops nothing and promotes nothing: it is shown before the decision."""

    paired: bool = Field(
        description="Whether both versions are judged by the same reports, as in the shadow. Otherwise each is judged "
        "by the reports on its own answers."
    )
    arms: list[ArmAccuracy]
    auc: Interval | None = Field(description="Candidate minus active version; null where there are too few reports.")
    brier: Interval | None = Field(description="The same of the Brier score; below 0 where the candidate is better.")
    sentence: str
    caveats: list[str]


class RolloutRule(BaseModel):
    """The rule that stops a rollout by itself."""

    evidence: float = Field(description="It stops at `limit`. 1 at the beginning.")
    limit: float
    false_alarms: float = Field(
        description="Probability that a candidate which fails no more often than the active version is ever stopped."
    )
    in_a_row: int = Field(description="Failures one after another, in one process, that stop it at once.")
    clients: int = Field(
        description="Clients whose requests must have failed, unless the candidate cannot be opened or an hour has "
        "passed and fewer have asked it. Nobody counts with more than the client at this place."
    )


class RolloutDetail(BaseModel):
    """A rollout with what both arms did."""

    id: int
    study: StudyRef
    species: SpeciesRef
    candidate: ModelRef
    active: ModelRef
    mode: Literal["share", "shadow"]
    percent: int
    state: Literal["running", "stopped", "promoted", "replaced"]
    reason: str = Field(description="Why it ended; empty while it runs.")
    revision: int
    started_at: datetime
    ended_at: datetime | None
    measured_at: datetime | None
    sentence: str = Field(description="What the measures say, in words.")
    arms: list[ArmMeasures]
    differences: ArmDifferences
    shadow: ShadowComparison | None
    accuracy: RolloutAccuracy
    rule: RolloutRule
