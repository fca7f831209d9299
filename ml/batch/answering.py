"""The answers of one or several models to the rows of a chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ml.batch.answer_columns import COLUMNS, LAYER, SPECIES, answer_texts, context_columns, error_texts
from ml.batch.cells import missing_columns, name_missing
from ml.batch.chunks import Chunk
from ml.batch.conditions import Conditions, names_of_layers, read_conditions
from ml.batch.place_columns import PlaceColumns
from ml.batch.summary import ERROR, MOST_PROBLEMS, Summary
from ml.card import Predictor
from ml.layers.stored import LayerStore
from ml.serving.artifact import Artifact
from ml.serving.bulk import answer_rows
from ml.serving.threshold import Cutoff

Extrapolation = Literal["allow", "flag", "refuse"]
_REFUSED: Final = "the conditions lie outside the training conditions"
# from the end, since values of layers may be before them
_VERDICT = COLUMNS.index("verdict") - len(COLUMNS)
_INSIDE = COLUMNS.index("in_area_of_applicability")


@dataclass(frozen=True)
class Subject:
    """A species and the model that answers for it.

    Attributes
    ----------
    slug : str
    artifact : Artifact
    cutoff : Cutoff
        The threshold.
    store : LayerStore or None
        The layers that the model was trained on, for places.
    """

    slug: str
    artifact: Artifact
    cutoff: Cutoff
    store: LayerStore | None = None

    @property
    def predictors(self) -> list[Predictor]:
        """The predictors of the model."""
        return self.artifact.card.predictors

    @property
    def about(self) -> dict[str, Any]:
        """What the answers of the species are for: ``species``, ``model``, ``threshold`` and ``rule``."""
        cutoff = self.cutoff
        return {
            "species": self.slug,
            "model": self.artifact.model_id,
            "threshold": cutoff.value,
            "rule": cutoff.rule,
        }


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
    places : PlaceColumns, optional
        For tables of places; the subjects have their layers then.
    with_index : bool
        Whether answers have a dissimilarity index.

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
        places: PlaceColumns | None = None,
        with_index: bool = True,
    ) -> None:
        check_header(subjects, header, name, places)
        self.summary = Summary(
            counts={subject.slug: Counter() for subject in subjects}, models=[subject.about for subject in subjects]
        )
        self.columns = added_columns(subjects, header, places)
        # behind each answer of a species for a place
        self._contexts = [(subject.artifact.model_id, repr(subject.cutoff.value)) for subject in subjects]
        self._subjects = subjects
        self._decimal = decimal
        self._extrapolation = extrapolation
        self._with_index = with_index
        self._places = places
        self._layers = names_of_layers(subject.predictors for subject in subjects) if places is not None else []
        # species of a study have the same predictors and layers, which are then read once
        self._groups: list[tuple[list[Predictor], LayerStore | None]] = []
        self._group_of: list[int] = []
        for subject in subjects:
            group = (subject.predictors, subject.store)
            if group not in self._groups:
                self._groups.append(group)
            self._group_of.append(self._groups.index(group))

    def answer(self, chunk: Chunk) -> list[list[tuple[str, ...]]]:
        """Return the texts of the answers to each row, one for each species, in the order of the subjects."""
        conditions = [
            read_conditions(chunk, predictors, self._decimal, self._places, store) for predictors, store in self._groups
        ]
        texts = [
            self._answer_all(subject, len(chunk), conditions[group])
            for subject, group in zip(self._subjects, self._group_of, strict=True)
        ]
        self._count(chunk, conditions, texts)
        if self._places is not None:
            scenarios = [[one.scenarios.get(row, "") for row in range(len(chunk))] for one in conditions]
            texts = [
                [(*one, scenario, *context) for one, scenario in zip(several, scenarios[group], strict=True)]
                for several, context, group in zip(texts, self._contexts, self._group_of, strict=True)
            ]
        return [list(answers) for answers in zip(*texts, strict=True)]

    def _answer_all(self, subject: Subject, n: int, conditions: Conditions) -> list[tuple[str, ...]]:
        answers = answer_rows(
            subject.artifact,
            conditions.values,
            threshold=subject.cutoff,
            extrapolation=self._extrapolation == "allow",
        )
        names = [predictor.name for predictor in subject.predictors]
        texts = answer_texts(answers, names, with_index=self._with_index)
        if self._extrapolation == "refuse":
            texts = [one if one[_INSIDE] == "1" else error_texts(_REFUSED) for one in texts]
        errors = conditions.errors
        if errors:
            by_row = dict(zip(conditions.rows, texts, strict=True))
            texts = [by_row[row] if row in by_row else error_texts(errors[row]) for row in range(n)]
        if not self._layers:
            return texts
        nothing = ("",) * len(self._layers)
        order = [names.index(name) if name in names else None for name in self._layers]
        if order == list(range(len(names))):
            return [(*conditions.layers.get(row, nothing), *one) for row, one in enumerate(texts)]
        return [
            (*(values[at] if at is not None else "" for at in order), *one)
            if (values := conditions.layers.get(row)) is not None
            else (*nothing, *one)
            for row, one in enumerate(texts)
        ]

    def _count(self, chunk: Chunk, conditions: list[Conditions], texts: list[list[tuple[str, ...]]]) -> None:
        summary = self.summary
        summary.n_rows += len(chunk)
        for subject, answers in zip(self._subjects, texts, strict=True):
            counts = summary.counts[subject.slug]
            for verdict, number in Counter(one[_VERDICT] or ERROR for one in answers).items():
                counts[verdict] += number
        bad = {row for answers in texts for row, one in enumerate(answers) if one[-1]}
        summary.n_bad += len(bad)
        for label, n in Counter(_scenarios_of(conditions).values()).items():
            summary.scenarios[label] = summary.scenarios.get(label, 0) + n
        # models of several species may name the same cell
        cells: dict[tuple[int, str], str] = {}
        for one in conditions:
            for problem in one.problems:
                cells.setdefault((problem.row, problem.predictor), problem.text)
        summary.n_problems += len(cells)
        for (row, predictor), text in sorted(cells.items(), key=lambda item: item[0][0]):
            if len(summary.problems) == MOST_PROBLEMS:
                break
            summary.problems.append((chunk.first + row, chunk.line_of(row), predictor, text))


def _scenarios_of(conditions: Sequence[Conditions]) -> dict[int, str]:
    return {row: label for one in conditions for row, label in one.scenarios.items()}


def added_columns(
    subjects: Sequence[Subject], header: Sequence[str], places: PlaceColumns | None = None
) -> tuple[str, ...]:
    """Return the columns that answers add to those of a table.

    First that of the species, where there are several, and for places those of the layers; for places also, last, the
    scenario, the model and the threshold.
    """
    names = names_of_layers(subject.predictors for subject in subjects) if places is not None else []
    species = (SPECIES,) if len(subjects) > 1 else ()
    return (
        *species,
        *(f"{LAYER}{name}" for name in names),
        *COLUMNS,
        *context_columns(header, of_places=places is not None),
    )


def check_header(
    subjects: Sequence[Subject], header: Sequence[str], name: str, places: PlaceColumns | None = None
) -> None:
    """Raise ValueError where a table lacks the column of a predictor or a place, or has a column that answers add."""
    if not header:
        raise ValueError(f"{name} has no rows")
    present = [column for column in added_columns(subjects, header, places) if column in header]
    if present:
        raise ValueError(f"{name} already has a column {present[0]}, which would be replaced; rename or remove it")
    if places is not None:
        if missing := [column for column in places.columns if column not in header]:
            raise ValueError(f"{name} has no column {name_missing(missing, header)}")
        return
    for subject in subjects:
        missing = missing_columns(subject.predictors, header)
        if missing:
            species = f" for {subject.slug}" if len(subjects) > 1 else ""
            raise ValueError(f"{name} has no column {name_missing(missing, header)}{species}")


def columns_of_numbers(subjects: Sequence[Subject], places: PlaceColumns | None = None) -> list[str]:
    """Return the columns of numbers: the coordinates, or the continuous predictors of all models, each once."""
    if places is not None:
        return [places.latitude, places.longitude]
    names = [one.name for subject in subjects for one in subject.predictors if one.type == "continuous"]
    return list(dict.fromkeys(names))
