"""The answers of one or several models to the rows of a chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ml.batch.answer_columns import COLUMNS, SPECIES, answer_texts, error_texts
from ml.batch.cells import Problem, check_columns, missing_columns, name_missing
from ml.batch.table import Chunk
from ml.card import Predictor
from ml.serving.artifact import Artifact
from ml.serving.bulk import answer_rows
from ml.serving.threshold import Cutoff

Extrapolation = Literal["allow", "flag", "refuse"]
#: Turns rows of places into rows of conditions, with the same lines. None exists yet: rows have conditions.
ToConditions = Callable[[Chunk], Chunk]
_REFUSED: Final = "the conditions lie outside the training conditions"
#: Cells that cannot be used of which a summary has the places.
MOST_PROBLEMS: Final = 50
_VERDICT, _INSIDE = COLUMNS.index("verdict"), COLUMNS.index("in_area_of_applicability")
#: Key of the rows with an error in the counts of verdicts.
ERROR: Final = "error"


@dataclass(frozen=True)
class Subject:
    """A species and the model that answers for it.

    Attributes
    ----------
    slug : str
    artifact : Artifact
    cutoff : Cutoff
        The threshold.
    """

    slug: str
    artifact: Artifact
    cutoff: Cutoff

    @property
    def predictors(self) -> list[Predictor]:
        """The predictors of the model."""
        return self.artifact.card.predictors


@dataclass
class Summary:
    """What the rows of a batch got.

    Attributes
    ----------
    n_rows : int
    n_bad : int
        Rows with an error in at least one of their answers.
    counts : dict of str to Counter
        For each species the number of its answers by verdict, and of its errors under "error".
    problems : list of (int, str, str)
        Line, predictor and text of the first cells that cannot be used, each once.
    n_problems : int
    """

    n_rows: int = 0
    n_bad: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    n_problems: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the summary as values of JSON."""
        return vars(self) | {"counts": {slug: dict(counts) for slug, counts in self.counts.items()}}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Summary:
        """Return the summary that `as_json` gave; KeyError, ValueError or TypeError where it is none."""
        return cls(
            n_rows=int(stored["n_rows"]),
            n_bad=int(stored["n_bad"]),
            counts={slug: Counter(counts) for slug, counts in stored["counts"].items()},
            problems=[(int(line), str(name), str(text)) for line, name, text in stored["problems"]],
            n_problems=int(stored["n_problems"]),
        )


class Answering:
    """Answers to chunks, counted in a summary.

    Parameters
    ----------
    subjects : sequence of Subject
        In the order of the answers to a row.
    header : sequence of str
        Columns of the table.
    name : str
        Of the table, for messages.
    decimal : {".", ","}
    extrapolation : {"allow", "flag", "refuse"}
        Outside the area of applicability: a verdict, ``cannot_say``, or an error.
    to_conditions : callable, optional
        For tables of places.

    Raises
    ------
    ValueError
        The table lacks a column, or already has one of an answer.
    """

    def __init__(
        self,
        subjects: Sequence[Subject],
        header: Sequence[str],
        name: str,
        *,
        decimal: str = ".",
        extrapolation: Extrapolation = "flag",
        to_conditions: ToConditions | None = None,
    ) -> None:
        check_header(subjects, header, name)
        self.summary = Summary(counts={subject.slug: Counter() for subject in subjects})
        self.columns = added_columns(subjects)
        self._subjects = subjects
        self._decimal = decimal
        self._extrapolation = extrapolation
        self._to_conditions = to_conditions
        # species of a study have the same predictors, whose cells are then checked once
        self._groups: list[list[Predictor]] = []
        self._group_of: list[int] = []
        for subject in subjects:
            if subject.predictors not in self._groups:
                self._groups.append(subject.predictors)
            self._group_of.append(self._groups.index(subject.predictors))

    def answer(self, chunk: Chunk) -> list[list[tuple[str, ...]]]:
        """Return the texts of the answers to each row, one for each species, in the order of the subjects."""
        conditions = self._to_conditions(chunk) if self._to_conditions is not None else chunk
        checked = [self._check(group, conditions) for group in self._groups]
        texts = [
            self._answer_all(subject, *checked[group])
            for subject, group in zip(self._subjects, self._group_of, strict=True)
        ]
        self._count(chunk, checked, texts)
        return [list(answers) for answers in zip(*texts, strict=True)]

    def _check(self, predictors: list[Predictor], chunk: Chunk) -> tuple[NDArray[Any], list[Problem]]:
        return check_columns(predictors, [chunk.columns[one.name] for one in predictors], self._decimal)

    def _answer_all(self, subject: Subject, values: NDArray[Any], problems: list[Problem]) -> list[tuple[str, ...]]:
        errors: dict[int, list[str]] = {}
        for problem in problems:
            errors.setdefault(problem.row, []).append(f"{problem.predictor}: {problem.text}")
        good = np.setdiff1d(np.arange(len(values)), list(errors)) if errors else None
        answers = answer_rows(
            subject.artifact,
            values if good is None else values[good],
            threshold=subject.cutoff,
            extrapolation=self._extrapolation == "allow",
        )
        texts = answer_texts(answers, [predictor.name for predictor in subject.predictors])
        if self._extrapolation == "refuse":
            texts = [one if one[_INSIDE] == "1" else error_texts(_REFUSED) for one in texts]
        for row in sorted(errors):
            texts.insert(row, error_texts("; ".join(errors[row])))
        return texts

    def _count(
        self,
        chunk: Chunk,
        checked: list[tuple[NDArray[Any], list[Problem]]],
        texts: list[list[tuple[str, ...]]],
    ) -> None:
        summary = self.summary
        summary.n_rows += len(chunk)
        for subject, answers in zip(self._subjects, texts, strict=True):
            counts = summary.counts[subject.slug]
            for verdict, number in Counter(one[_VERDICT] or ERROR for one in answers).items():
                counts[verdict] += number
        bad = {row for answers in texts for row, one in enumerate(answers) if one[-1]}
        summary.n_bad += len(bad)
        # models of several species may name the same cell
        cells: dict[tuple[int, str], str] = {}
        for _, problems in checked:
            for problem in problems:
                cells.setdefault((problem.row, problem.predictor), problem.text)
        summary.n_problems += len(cells)
        for (row, predictor), text in sorted(cells.items(), key=lambda item: item[0][0]):
            if len(summary.problems) == MOST_PROBLEMS:
                break
            summary.problems.append((chunk.lines[row], predictor, text))


def added_columns(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Return the columns that answers add: that of the species first, where there are several."""
    return (SPECIES, *COLUMNS) if len(subjects) > 1 else COLUMNS


def check_header(subjects: Sequence[Subject], header: Sequence[str], name: str) -> None:
    """Raise ValueError where a table lacks the column of a predictor, or has a column that answers add."""
    if not header:
        raise ValueError(f"{name} has no rows")
    present = [column for column in added_columns(subjects) if column in header]
    if present:
        raise ValueError(f"{name} already has a column {present[0]}, which would be replaced; rename or remove it")
    for subject in subjects:
        missing = missing_columns(subject.predictors, header)
        if missing:
            species = f" for {subject.slug}" if len(subjects) > 1 else ""
            raise ValueError(f"{name} has no column {name_missing(missing, header)}{species}")


def columns_of_numbers(subjects: Sequence[Subject]) -> list[str]:
    """Return the names of the continuous predictors of all models, each once."""
    names = [one.name for subject in subjects for one in subject.predictors if one.type == "continuous"]
    return list(dict.fromkeys(names))
