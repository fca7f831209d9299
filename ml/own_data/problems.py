"""Problems of studies of users' own data, and the error that reports them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml.recipes.reports import Problem

#: The command that trains the same models again. The page of a study offers the recipe and says where the files are.
COMMAND = "python -m ml train --recipe recipe.json --files FILES --output MODELS"
NO_LAYERS = Problem(
    code="no_layers", text="There is no layer to train with. Add GeoTIFFs or other rasters that cover the records."
)
NO_RECORDS = Problem(code="no_records", text="There is no file of records. Add a GBIF download or a table.")


class UnusableDataError(ValueError):
    """The files and the recipe make no study; the message says why.

    Attributes
    ----------
    problems : list of Problem
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(" ".join(problem.text for problem in problems))
        self.problems = list(problems)


def refuse(problems: Sequence[Problem]) -> None:
    """Raise `UnusableDataError` where a problem is blocking."""
    blocking = [problem for problem in problems if problem.blocking]
    if blocking:
        raise UnusableDataError(blocking)


def rarity(name: str, n: int, fewest: int, unit: str = "cell") -> str:
    """Return why a species is not trained."""
    counted = f"1 {unit}" if n == 1 else f"{n} {unit}s"
    return f"{name}: records in {counted}; at least {fewest} {unit}s are needed"


def too_few(n: int, n_kept: int, dropped: Mapping[str, int], untrained: Mapping[str, str]) -> Problem:
    """Return the problem of a study without a species that can be trained.

    Parameters
    ----------
    n, n_kept : int
        Records, and those that are kept.
    dropped : mapping of str to int
        Number of records by reason.
    untrained : mapping of str to str
        Species to the reason why it is not trained.
    """
    if not n_kept:
        largest = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))[:3]
        why = "; ".join(f"{reason}: {count:,}" for reason, count in largest)
        text = f"None of the {n:,} records is kept" + (f" ({why})." if why else ".")
    else:
        first = list(untrained.values())[:3]
        more = f" and {len(untrained) - 3:,} more species" if len(untrained) > 3 else ""
        text = f"No species has enough records. {'; '.join(first)}{more}."
    return Problem(code="too_few_records", text=text)
