"""Reading, writing and printing of tables."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml.card import ModelCard
from ml.predictors.encoding import EnvironmentValueError

# Invalid cells that a message names.
_MOST_CELLS = 10


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, completely or not at all."""
    write_atomically(path, lambda draft: table.to_csv(draft, index=False))


def write_atomically(path: Path, write: Callable[[str], object]) -> None:
    """Write a file under a temporary name in the same directory, and rename it when it is complete.

    Parameters
    ----------
    path : Path
    write : callable
        Writes the content to the file whose name it gets.

    Raises
    ------
    ValueError
        The path is a directory, or its directory does not exist.
    """
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ValueError(f"{path} cannot be written: {'it is a directory' if path.is_dir() else 'no such directory'}")
    handle, draft = tempfile.mkstemp(dir=path.resolve().parent, suffix=path.suffix)
    os.close(handle)
    try:
        write(draft)
        # Temporary files are readable by their owner alone.
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV file as text, so that messages can quote cells that are not valid.

    Parameters
    ----------
    path : Path

    Returns
    -------
    DataFrame
        "" where a value is missing.

    Raises
    ------
    ValueError
        The file does not exist, is not CSV or has no rows.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise ValueError(f"{path} does not exist") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV table: {error}") from error
    if table.empty:
        raise ValueError(f"{path} has no rows")
    return table


def read_rows(card: ModelCard, table: pd.DataFrame, path: Path) -> np.ndarray:
    """Return the predictors' columns in the card's order, with every number checked.

    Parameters
    ----------
    card : ModelCard
    table : DataFrame
        From `read_csv`.
    path : Path
        Its file, for messages.

    Returns
    -------
    ndarray, shape (n, n_predictors)
        float64; objects if a predictor is categorical.

    Raises
    ------
    ValueError
        A column is missing.
    EnvironmentValueError
        Cells are not finite numbers. The message names the first ten.
    """
    columns: list[np.ndarray] = []
    problems: list[tuple[str, str]] = []
    for p in card.predictors:
        if p.name not in table:
            raise ValueError(f"{path} has no column {p.name}")
        if p.type == "categorical":
            columns.append(table[p.name].to_numpy(dtype=object))
            continue
        numbers = pd.to_numeric(table[p.name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(numbers)
        if bad.any():
            cells = ((int(row) + 2, table[p.name].iloc[row]) for row in np.flatnonzero(bad))
            problems += [(p.name, f"row {row} is not a number: {text!r:.40}") for row, text in cells]
        columns.append(numbers)
    if problems:
        name, text = problems[0]
        others = "".join(f"; {other}: {detail}" for other, detail in problems[1:_MOST_CELLS])
        more = f"; and {len(problems) - _MOST_CELLS:,} more" if len(problems) > _MOST_CELLS else ""
        raise EnvironmentValueError(name, text + others + more)
    if all(p.type == "continuous" for p in card.predictors):
        return np.column_stack(columns)
    return np.column_stack([column.astype(object) for column in columns])


def print_scores(cards: list[ModelCard]) -> None:
    """Print scores, one line for each species; "random" is the AUC under random folds."""
    if not cards:
        return
    head = f"{'species':<30} {'presences':>9} {'AUC-ROC':>8} {'(95 %)':>13} {'TSS':>6} {'AUC-PRG':>8} {'CBI':>6}"
    print(f"{head} {'random':>7}  folds")
    for card in cards:
        m = card.metrics
        auc = m["auc_roc"]
        print(
            f"{card.species.scientific_name:<30} {card.n_presences:>9} {auc.value:>8.3f} "
            f"({auc.low:.3f}–{auc.high:.3f}) {m['tss'].value:>6.3f} {m['auc_prg'].value:>8.3f} {m['cbi'].value:>6.3f} "
            f"{f'{card.optimism.auc_roc_random:.3f}' if card.optimism else '':>7}  {card.validation.method}"
        )
