"""The columns of an answer in a table: their names, their order and their texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from ml.serving.bulk import BulkAnswers
from ml.serving.verdict import VERDICTS, is_suitable

#: The columns that a batch adds to a table.
COLUMNS: Final = (
    "verdict",
    "suitability",
    "low",
    "high",
    "suitable",
    "in_area_of_applicability",
    "dissimilarity_index",
    "mess",
    "most_dissimilar",
    "error",
)
#: What the answer for a place is for; these columns are behind the others.
SCENARIO, MODEL, THRESHOLD = "scenario", "model", "threshold"
#: The column in front of them where several species are answered.
SPECIES: Final = "species"
#: Begins the names of columns with the values that layers have at a place, as in other tables of answers.
LAYER: Final = "env."
_SIDES = tuple("" if (side := is_suitable(verdict)) is None else str(int(side)) for verdict in VERDICTS)


def context_columns(header: Sequence[str], *, of_places: bool) -> tuple[str, ...]:
    """Return the columns that say what the answers for places are for; none for conditions.

    Parameters
    ----------
    header : sequence of str
        Columns of the table. A name that it has already gets ``answer_`` before it.
    of_places : bool
        Whether rows are places.
    """
    names = (SCENARIO, MODEL, THRESHOLD) if of_places else ()
    return tuple(f"answer_{name}" if name in header else name for name in names)


def answer_texts(answers: BulkAnswers, predictors: Sequence[str], *, with_index: bool = True) -> list[tuple[str, ...]]:
    """Return the texts of answers.

    Parameters
    ----------
    answers : BulkAnswers
    predictors : sequence of str
        Names of the predictors, in the order of the card.
    with_index : bool
        Whether the dissimilarity index and MESS may be told; they mark training records. Without them the least
        familiar predictor is told where a value lies outside its training range.

    Returns
    -------
    list of tuple of str
        One text for each of `COLUMNS`; "" stands for a value that does not exist. Numbers read back as the same floats.
    """
    verdicts = answers.verdict.tolist()
    names = (*predictors, "")
    return list(
        zip(
            [VERDICTS[code] for code in verdicts],
            map(repr, answers.suitability.tolist()),
            map(repr, answers.low.tolist()),
            map(repr, answers.high.tolist()),
            [_SIDES[code] for code in verdicts],
            ["1" if inside else "0" for inside in answers.inside.tolist()],
            [_number(value) for value in answers.index.tolist()] if with_index else [""] * len(answers),
            [_number(value) for value in answers.mess.tolist()] if with_index else [""] * len(answers),
            [
                names[column] if with_index or mess < 0 else ""
                for column, mess in zip(answers.most_dissimilar.tolist(), answers.mess.tolist(), strict=True)
            ],
            [""] * len(answers),
            strict=True,
        )
    )


def error_texts(error: str) -> tuple[str, ...]:
    """Return the texts of a row that has an error instead of an answer."""
    return (*[""] * (len(COLUMNS) - 1), error)


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
