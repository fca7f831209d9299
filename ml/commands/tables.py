"""Reading, writing and printing of tables."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ml.batch.cells import check_columns, describe_cells, missing_columns, name_missing
from ml.card import ModelCard
from ml.records.darwin_core import MAX_UNCOMPRESSED
from ml.records.delimited import read_table
from ml.records.dialect import decode, find_delimiter


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
    """Read a CSV or TSV file as text, so that messages can quote cells that are not valid.

    Parameters
    ----------
    path : Path

    Returns
    -------
    DataFrame
        "" where a value is missing. The index is the line of each row.

    Raises
    ------
    ValueError
        The file does not exist, has no rows, has two columns of one name, or a row does not fit the header; the message
        names the line.
    """
    try:
        with path.open("rb") as stream:
            # a pipe has no size
            content = stream.read(MAX_UNCOMPRESSED + 1) if path.stat().st_size <= MAX_UNCOMPRESSED else b""
        if path.stat().st_size > MAX_UNCOMPRESSED or len(content) > MAX_UNCOMPRESSED:
            raise ValueError(f"{path} has more than the {MAX_UNCOMPRESSED:,} bytes that are read")
    except OSError as error:
        raise ValueError(f"{path} does not exist" if not path.exists() else f"{path}: {error.strerror}") from error
    text = decode(content, "utf-8", str(path))
    delimiter = find_delimiter(text)
    header, columns, lines = read_table(text, delimiter, '"', str(path))
    # A column without a name is an index or empty.
    named = {position: name for position, name in enumerate(header) if name}
    repeated = sorted(name for name, times in Counter(named.values()).items() if times > 1)
    if repeated:
        raise ValueError(f"{path} has two columns {repeated[0]!r:.60}")
    table = pd.DataFrame({name: columns[position] for position, name in named.items()}, index=list(lines), dtype=str)
    # spreadsheets write rows of delimiters alone
    table = table[(table != "").any(axis=1)]
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
        A column is missing, or cells are not finite numbers within the predictor's limits, or not one of its levels.
        The message names the file and the first ten cells.
    """
    header = [str(name) for name in table.columns]
    if missing := missing_columns(card.predictors, header):
        raise ValueError(f"{path} has no column {name_missing(missing, header)}")
    rows, problems = check_columns(card.predictors, [table[p.name].tolist() for p in card.predictors])
    if problems:
        cells = [(f"row {int(table.index[one.row])}", one.predictor, one.text) for one in problems]
        raise ValueError(describe_cells(str(path), cells, len(cells)))
    return rows


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
    print_backgrounds(cards)


def print_backgrounds(cards: list[ModelCard]) -> None:
    """Print what presences were compared with and the measured bias, one line for each kind of background."""
    lines: dict[tuple[str, str], None] = {}
    for card in cards:
        about = card.background
        if about is None or about.kind == "absences":
            continue
        line = "random points"
        if about.kind == "target group":
            line = f"{100 * about.target_group_share:.0f} % at places of other species"
            if about.bias_strength is not None:
                line += f"; bias strength {about.bias_strength:.2f}"
            if about.bias_between_species is not None:
                line += f", between species {about.bias_between_species:.2f}"
        lines.setdefault((card.study.slug, line), None)
    for study, line in lines:
        print(f"background of {study}: {line}")
