"""The answer of one model to one set of conditions, which is not stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import OutsideArea
from app.predictions import inference
from app.predictions.answers import shown_novelty
from app.predictions.conditions import Canonical
from app.predictions.query_schemas import RequestOptions
from app.predictions.schemas import ComputedPart, ThresholdUsed
from app.predictions.verdict import reason_for, refuse_outside, verdict_for
from ml.serving.artifact import Artifact
from ml.serving.verdict import Verdict, is_suitable


@dataclass(frozen=True)
class UnstoredAnswer:
    """An answer that is not stored.

    Attributes
    ----------
    name : str
        Name of the species or of the conditions, as in messages.
    """

    name: str
    artifact: Artifact
    environment: Canonical
    computed: ComputedPart
    threshold: ThresholdUsed
    verdict: Verdict

    @property
    def suitable(self) -> bool | None:
        """The side of the threshold; None where the model cannot say."""
        return is_suitable(self.verdict)

    @property
    def verdict_reason(self) -> str:
        """The reason for the verdict, in one sentence."""
        artifact = self.artifact
        return reason_for(
            self.verdict, self.computed, self.threshold, artifact.quality, self.environment, artifact.card
        )


def answer_without_storing(
    name: str, artifact: Artifact, environment: Canonical, options: RequestOptions, study: str
) -> UnstoredAnswer:
    """Return the answer to validated conditions as the present request may see it, from the cache or the model.

    Raises
    ------
    ValidationFailed
        The model has no threshold by the requested rule.
    """
    computed, _ = inference.cached_or_computed(artifact, environment)
    novelty = shown_novelty(computed.novelty, study)
    if novelty is not computed.novelty:
        computed = computed.model_copy(update={"novelty": novelty})
    threshold = inference.threshold_of(artifact, options.threshold)
    verdict = verdict_for(computed, threshold, options.extrapolation, artifact.quality)
    return UnstoredAnswer(name, artifact, environment, computed, threshold, verdict)


def refuse_any_outside(answers: Iterable[tuple[str, UnstoredAnswer]]) -> None:
    """Refuse the comparison if any of its conditions lie outside the area of applicability of their model.

    Parameters
    ----------
    answers : iterable of (str, UnstoredAnswer)
        Each with the JSON pointer to the object that contains its environment.

    Raises
    ------
    OutsideArea
        Naming all of them.
    """
    problems: dict[tuple[str, str], None] = {}
    for where, answer in answers:
        try:
            refuse_outside(answer.computed.novelty, answer.environment, answer.artifact.card)
        except OutsideArea as error:
            for at, text in error.errors:
                # a new combination concerns one model; a value out of range is reported once for all models
                message = f"{answer.name}: {text}" if at == "/environment" else text
                problems[(where + at, message)] = None
    if problems:
        raise OutsideArea(
            "Some of these conditions lie outside the training conditions of a model, and the request asked for no "
            "extrapolation.",
            list(problems),
        )
