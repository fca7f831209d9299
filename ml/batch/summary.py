"""What the rows of a batch got, in numbers and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Cells that cannot be used of which a summary has the places.
MOST_PROBLEMS: Final = 50
#: Key of the rows with an error in the counts of verdicts.
ERROR: Final = "error"
# Species that a sentence names.
_MOST_SPECIES = 5


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
    problems : list of (int, int or None, str, str)
        Row, line, predictor and text of the first cells that cannot be used, each once. The predictor is "" for a row
        that cannot be read; the line is None for rows that have none.
    n_problems : int
    scenarios : dict of str to int
        Number of places by the label of their scenario, or `ml.batch.conditions.TRAINING`.
    models : list of dict
        For each species ``species``, the id of its ``model``, the ``threshold`` and its ``rule``.
    """

    n_rows: int = 0
    n_bad: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[tuple[int, int | None, str, str]] = field(default_factory=list)
    n_problems: int = 0
    scenarios: dict[str, int] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)

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
            problems=[
                (int(row), None if line is None else int(line), str(name), str(text))
                for row, line, name, text in stored["problems"]
            ],
            n_problems=int(stored["n_problems"]),
            scenarios={str(label): int(n) for label, n in stored["scenarios"].items()},
            models=list(stored["models"]),
        )


def errors_text(counts: Mapping[str, Mapping[str, int]], n_rows: int, names: Mapping[str, str]) -> str:
    """Return how many rows have an error instead of an answer; for several species, how many of each.

    Parameters
    ----------
    counts : mapping of str to mapping
        As in `Summary.counts`.
    n_rows : int
        Of the table.
    names : mapping of str to str
        Of the species, by slug; the slug where there is none.
    """
    errors = {slug: n for slug, one in counts.items() if (n := one.get(ERROR, 0))}
    if len(counts) == 1:
        n = sum(errors.values())
        return "1 row has an error instead of an answer" if n == 1 else f"{n:,} rows have an error instead of an answer"
    several = ", ".join(f"{n:,} for {names.get(slug, slug)}" for slug, n in list(errors.items())[:_MOST_SPECIES])
    more = f" and {len(errors) - _MOST_SPECIES:,} other species" if len(errors) > _MOST_SPECIES else ""
    total, n = n_rows * len(counts), sum(errors.values())
    return f"{n:,} of {total:,} answers {'is' if n == 1 else 'are'} an error ({several}{more}; {n_rows:,} rows)"
