"""What one model says of one set of conditions, as the request wants it judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.errors import OutsideArea
from app.predictions import inference
from app.predictions.conditions import Canonical
from app.predictions.schemas import Computed, RequestOptions, ThresholdUsed, Verdict
from app.predictions.verdict import refuse_outside, verdict_for
from ml.serving.artifact import Artifact


@dataclass(frozen=True)
class UnstoredAnswer:
    """An answer that is not kept.

    Attributes
    ----------
    name : str
        Whose it is: of the species or of the conditions, as messages call them.
    """

    name: str
    artifact: Artifact
    environment: Canonical
    computed: Computed
    threshold: ThresholdUsed
    verdict: Verdict

    @property
    def suitable(self) -> bool:
        """Whether the suitability reaches the threshold, whatever the verdict."""
        return self.computed.suitability >= self.threshold.value


def answer_without_storing(
    name: str, artifact: Artifact, environment: Canonical, asked: RequestOptions
) -> UnstoredAnswer:
    """Ask a model, or the cache, about conditions that were checked.

    Raises
    ------
    ValidationFailed
        The model has no threshold by the rule that was asked for.
    """
    held, _ = inference.cached_or_computed(artifact, environment)
    computed = held.computed()
    threshold = inference.threshold_of(artifact, asked.threshold)
    verdict = verdict_for(computed.suitability, computed.interval, threshold, computed.novelty, asked.extrapolation)
    return UnstoredAnswer(name, artifact, environment, computed, threshold, verdict)


def refuse_any_outside(answers: Iterable[tuple[str, UnstoredAnswer]]) -> None:
    """Refuse the whole comparison where any of its conditions lies outside the area of its model.

    Parameters
    ----------
    answers : iterable of (str, UnstoredAnswer)
        Each with the JSON pointer to where its environment stands.

    Raises
    ------
    OutsideArea
        Naming all of them.
    """
    problems: dict[tuple[str, str], None] = {}
    for where, judged in answers:
        try:
            refuse_outside(judged.computed.novelty, judged.environment, judged.artifact.card)
        except OutsideArea as error:
            for at, text in error.errors:
                # an unlikely combination is one model's matter; a value out of range is said once for all
                named = f"{judged.name}: {text}" if at == "/environment" else text
                problems[(where + at, named)] = None
    if problems:
        raise OutsideArea(
            "Some of these conditions lie outside what a model has seen, and the request asked for no extrapolation.",
            list(problems),
        )
