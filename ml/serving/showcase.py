"""Example conditions of a model that are suitable, and one condition whose change alone leads to unsuitable."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.serving.artifact import Artifact
from ml.serving.bulk import answer_rows
from ml.serving.verdict import VERDICTS, Verdict, judge

RECORDED = "a place where it was recorded"
#: Training records that are tried as examples, evenly spaced.
MOST_RECORDS = 256
#: Values of a condition on each side of the example's value, about.
_STEPS = 20
_DIGITS = 4

Environment = dict[str, float | str]


@dataclass(frozen=True)
class Step:
    """A value of the condition that changes, and the verdict there."""

    value: float
    verdict: Verdict


@dataclass(frozen=True)
class Showcase:
    """Suitable conditions, and one condition that leads from there through the other verdicts.

    Attributes
    ----------
    environment : dict
        The conditions, by predictor.
    predictor : str
        The condition that changes.
    steps : list of Step
        The first value at which each further verdict begins, in order, from ``probably_suitable`` to ``unsuitable`` or
        ``probably_unsuitable``. Between the example's value and the last step every value lies inside the area of
        applicability.
    """

    environment: Environment
    predictor: str
    steps: list[Step]

    @property
    def is_complete(self) -> bool:
        """Whether the way leads through all four verdicts."""
        return len(self.steps) == len(VERDICTS) - 2


def find_showcase(artifact: Artifact) -> Showcase | None:
    """Return an example of a model that leads through as many verdicts as possible, or None without one.

    Parameters
    ----------
    artifact : Artifact

    Returns
    -------
    Showcase or None
        From the starting point where the species was recorded, if that leads through all four verdicts; otherwise the
        best of the starting point and up to `MOST_RECORDS` training records.
    """
    if not artifact.quality.better_than_chance:
        return None
    best: Showcase | None = None
    for environment in _examples(artifact):
        showcase = _from(artifact, environment)
        if showcase is not None and (best is None or len(showcase.steps) > len(best.steps)):
            best = showcase
        if best is not None and best.is_complete:
            break
    return best


def verdict_at(artifact: Artifact, environment: Environment) -> Verdict:
    """Return the verdict of a model on conditions by its own threshold."""
    answer = artifact.predictor.answer([environment[predictor.name] for predictor in artifact.card.predictors])
    return judge(
        answer.suitability,
        answer.interval,
        answer.threshold,
        inside=answer.novelty.inside,
        better_than_chance=artifact.quality.better_than_chance,
    )


def _examples(artifact: Artifact) -> Iterator[Environment]:
    """Return conditions that may serve as an example: starting points of recorded places, then training records."""
    for point in artifact.card.starting_points:
        if point.label == RECORDED:
            yield dict(point.environment)
    area = artifact.predictor.gauge.area
    if area is None:
        return
    encoded = (area.points / np.where(area.scale == 0, 1, area.scale)[:, None] + area.centre[:, None]).T
    chosen = np.unique(np.linspace(0, len(encoded) - 1, min(len(encoded), MOST_RECORDS)).round().astype(int))
    rows = [_natural(row, artifact) for row in encoded[chosen]]
    table = np.array([list(row.values()) for row in rows], dtype=object)
    answers = answer_rows(artifact, table)
    order = np.argsort(-answers.suitability, kind="stable")
    yield from (rows[i] for i in order if VERDICTS[answers.verdict[i]] == "suitable")


def _natural(row: NDArray[np.float32], artifact: Artifact) -> Environment:
    """Return an encoded training record in natural units, with four significant digits as in starting points."""
    environment: Environment = {}
    for value, predictor, seen in zip(row, artifact.card.predictors, artifact.predictor.reference, strict=True):
        if predictor.type == "categorical":
            levels = predictor.levels or [""]
            environment[predictor.name] = levels[min(max(round(float(value)), 0), len(levels) - 1)]
        else:
            number = math.expm1(float(value)) if predictor.transform == "log1p" else float(value)
            # the nearest training value: the coordinates of the area are rounded to single precision
            number = float(seen[np.argmin(np.abs(seen - number))])
            environment[predictor.name] = float(f"{number:.{_DIGITS}g}")
    return environment


def _from(artifact: Artifact, environment: Environment) -> Showcase | None:
    """Return the longest way from conditions that are suitable, by the change of one condition."""
    if verdict_at(artifact, environment) != "suitable":
        return None
    best: Showcase | None = None
    for predictor in artifact.card.predictors:
        start = environment[predictor.name]
        if isinstance(start, str) or predictor.minimum is None or predictor.maximum is None:
            continue
        for values in _ways(start, predictor.minimum, predictor.maximum):
            steps = _steps(artifact, environment, predictor.name, values)
            if steps and (best is None or len(steps) > len(best.steps)):
                best = Showcase(environment, predictor.name, steps)
    return best


def _ways(start: float, low: float, high: float) -> Iterator[list[float]]:
    """Return the round values below a start, downwards, and those above it, upwards."""
    if not high > low:
        return
    raw = (high - low) / _STEPS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    grid = [float(f"{k * step:.10g}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    yield [value for value in reversed(grid) if value < start]
    yield [value for value in grid if value > start]


def _steps(artifact: Artifact, environment: Environment, name: str, values: list[float]) -> list[Step]:
    """Return the steps of a way; none where it does not reach unsuitable inside, or turns back before."""
    if not values:
        return []
    rows = np.array([list({**environment, name: value}.values()) for value in values], dtype=object)
    names = list(environment)
    order = [names.index(predictor.name) for predictor in artifact.card.predictors]
    steps: list[Step] = []
    reached = VERDICTS.index("suitable")
    for value, place in zip(values, answer_rows(artifact, rows[:, order]).verdict.tolist(), strict=True):
        if place < reached or VERDICTS[place] == "cannot_say":
            break
        if place > reached:
            steps.append(Step(value, VERDICTS[place]))
            reached = place
    complete = steps and steps[0].verdict == "probably_suitable" and steps[-1].verdict.endswith("unsuitable")
    return steps if complete else []
