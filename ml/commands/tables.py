"""Tables that commands read, write and print."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml.card import ModelCard
from ml.predictors.encoding import EnvironmentValueError


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table that appears whole or not at all."""
    write_whole(path, lambda draft: table.to_csv(draft, index=False))


def write_whole(path: Path, write: Callable[[str], object]) -> None:
    """Let a file be written under another name, and give it its own when it is whole."""
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ValueError(f"{path} cannot be written: {'it is a directory' if path.is_dir() else 'no such directory'}")
    handle, draft = tempfile.mkstemp(dir=path.resolve().parent, suffix=path.suffix)
    os.close(handle)
    try:
        write(draft)
        # a temporary file is for its owner alone; this one is for whoever may read its directory
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV table as text, so that each cell can be checked and named."""
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
    """The predictors' columns in the card's order, every cell checked."""
    columns: list[np.ndarray] = []
    for p in card.predictors:
        if p.name not in table:
            raise ValueError(f"{path} has no column {p.name}")
        if p.type == "categorical":
            columns.append(table[p.name].to_numpy(dtype=object))
            continue
        numbers = pd.to_numeric(table[p.name], errors="coerce").to_numpy(dtype=float)
        bad = ~np.isfinite(numbers)
        if bad.any():
            row = int(np.argmax(bad))
            raise EnvironmentValueError(p.name, f"row {row + 2} is not a number: {table[p.name].iloc[row]!r:.40}")
        columns.append(numbers)
    if all(p.type == "continuous" for p in card.predictors):
        return np.column_stack(columns)
    return np.column_stack([column.astype(object) for column in columns])


def print_scores(cards: list[ModelCard]) -> None:
    """Print scores, one species a line; "random" is the AUC that folds drawn at random would give."""
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
