"""Virtual species: the served answers beside the truth: intervals, calibration, threshold, area of applicability.

    python -m benchmarks.virtual.answers --data ../shared/data/nceas [--regions AWT,NZ,SA] [--strengths 2]

Groups of ten species with known suitability and known effort are made on the environments of the regions
(`benchmarks.virtual.species`). Each group becomes a study of records and random background. It is trained as for
serving, and its models answer cells of the region by the path of batches and maps. No survey is opened.

What a calibrated suitability estimates is r = p / (p + b): p is the density of the species' records, b that of its
background, each with total 1. The background has the target-group share of the card: that part lies at the distinct
places of other species' records where the species was not recorded, the rest is uniform over the cells. Effort is in p
and in the target-group part of b. So r is the *biased* truth: it cancels effort fully at a share of 1 only. The
*unbiased* truth is the same r with equal effort in all cells, at the same share and numbers of records. For the kind
"none" both are the same. With "roads" effort depends on the place and not on the conditions, and no model of
conditions can answer r of a cell exactly.

± is the standard error over species. Species of a group share effort, background and intervals, so it is too small.
Slopes and intercepts are medians: a model that says nearly the same everywhere has an enormous slope.
"""

from __future__ import annotations

import argparse
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from benchmarks.arguments import at_least_one, ends_in_one_line
from benchmarks.virtual.checks import run_group
from benchmarks.virtual.options import add_bias_options, add_options, biases, read_worlds
from benchmarks.virtual.scores import BANDS, ONE_RECORD
from benchmarks.virtual.species import KINDS
from ml.training.held_out_summary import SD_OF_ONE_RECORD
from ml.training.provenance import TrainingOptions

Columns = list[tuple[str, str, bool | None]]
_INTERVALS: Columns = [
    ("cover r", "coverage", True),
    ("at records", "coverage_records", True),
    ("r below", "truth_below", False),
    ("r above", "truth_above", False),
    ("miss > .05", "large_miss", False),
    ("groups", "coverage_groups", True),
    ("width", "width", False),
    ("cover unbiased", "unbiased", True),
    ("groups unb.", "unbiased_groups", True),
]
_WIDTHS: Columns = [(f"{one:g}", f"cover{one:g}", True) for one in ONE_RECORD]
_CALIBRATION: Columns = [
    ("median interc.", "intercept", None),
    ("median slope", "slope", None),
    ("mean diff.", "difference", True),
    ("mean |diff.|", "absolute", True),
    *((f"{low:.1f}-{high:.1f}", f"band{b}", False) for b, (low, high) in enumerate(pairwise(BANDS))),
]
_THRESHOLD: Columns = [
    ("threshold", "threshold", False),
    ("sensitivity", "sensitivity", False),
    ("specificity", "specificity", False),
    ("TSS", "tss", True),
    ("best TSS", "best_tss", True),
    ("loss", "lost_tss", True),
    ("TSS of truth", "truth_tss", False),
]
_CARD: Columns = [
    ("sensitivity", "record_sensitivity", True),
    ("on card", "card_sensitivity", True),
    ("specificity", "background_specificity", True),
    ("on card", "card_specificity", True),
    ("sum - 1", "record_tss", True),
    ("on card", "card_tss", True),
    ("card too high by", "card_excess", True),
    ("cross-fitted TSS", "card_cross_tss", True),
]
_AREA: Columns = [
    ("outside", "away_outside", True),
    ("refused", "away_unanswered", False),
    ("error home", "home_inside_error", False),
    ("inside", "away_inside_error", True),
    ("outside", "away_outside_error", True),
    ("out - in", "more_error", True),
    ("AUC lost in", "away_inside_lost_auc", True),
    ("outside", "away_outside_lost_auc", True),
    ("out - in", "more_lost_auc", True),
    ("cover in", "away_inside_coverage", False),
    ("outside", "away_outside_coverage", False),
]
_VERDICT: Columns = [
    ("cannot say", "away_cannot_say", True),
    ("error said", "away_said_error", True),
    ("cannot say", "away_unsaid_error", True),
    ("logit e. said", "away_said_logit_error", True),
    ("cannot say", "away_unsaid_logit_error", True),
    ("AUC said", "away_said_auc", True),
    ("cannot say", "away_unsaid_auc", True),
]


def mean_and_error(values: pd.Series) -> tuple[float, float]:
    """Return the mean of values and its standard error, without NaN; NaN where it is not defined."""
    known = values.dropna().to_numpy(np.float64)
    if not len(known):
        return float("nan"), float("nan")
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")
    return float(known.mean()), error


def text_table(rows: pd.DataFrame, by: list[str], columns: Columns) -> str:
    """Return a text table with a line for each group of species.

    Parameters
    ----------
    rows : DataFrame
        One row for each species.
    by : list of str
        Columns that define the groups, which are printed in the order of their first rows.
    columns : list of (str, str, bool or None)
        Header, column of `rows`, and whether the standard error is printed; None for a median in place of the mean.

    Returns
    -------
    str
    """
    lines = [f"{' '.join(by):<22} {'species':>7} " + " ".join(f"{head:>15}" for head, _, _ in columns)]
    groups = [("all", rows), *rows.groupby(by, sort=False)]
    for key, part in [*groups[1:], groups[0]]:
        label = (
            key if isinstance(key, str) else " ".join(f"{one:g}" if not isinstance(one, str) else one for one in key)
        )
        cells = []
        for _, column, with_error in columns:
            mean, error = mean_and_error(part[column])
            shown = float(part[column].median()) if with_error is None else mean
            cells.append((f"{shown:.3f} ± {error:.3f}" if with_error else f"{shown:.3f}").rjust(15))
        lines.append(f"{label:<22} {len(part):>7} " + " ".join(cells))
    return "\n".join(lines)


def report(table: pd.DataFrame) -> str:
    """Return all tables.

    Parameters
    ----------
    table : DataFrame
        Rows of `run_group`.

    Returns
    -------
    str
    """
    table = table[table["problem"] == ""].sort_values("kind", key=lambda column: column.map(KINDS.index), kind="stable")
    whole, half = (table[table["study"] == one].copy() for one in ("all", "half"))
    whole["lost_tss"] = whole["best_tss"] - whole["tss"]
    whole["card_excess"] = whole["card_tss"] - whole["record_tss"]
    for name, column in (("more_error", "error"), ("more_lost_auc", "lost_auc")):
        half[name] = half[f"away_outside_{column}"] - half[f"away_inside_{column}"]
    kinds, by_records = ["kind", "strength"], whole.sort_values("class", kind="stable")
    chance = half.assign(chance=np.where(half["better_than_chance"], "better than chance", "not better"))
    parts = [
        "1. Intervals: share of cells whose r, or unbiased r, lies in the interval of level 0.9",
        text_table(whole, kinds, _INTERVALS),
        text_table(by_records, ["class"], _INTERVALS),
        "   Cells whose interval holds r, by the standard deviation that one record leaves (the models have "
        f"{SD_OF_ONE_RECORD:g})",
        text_table(whole, kinds, _WIDTHS),
        text_table(whole, ["region"], _WIDTHS),
        text_table(by_records, ["class"], _WIDTHS),
        "2. Calibration: presence on logit answer; mean of answer - r, also by the answer",
        text_table(whole, kinds, _CALIBRATION),
        text_table(by_records, ["class"], _CALIBRATION),
        "3. maxSSS threshold: expected rates on presences and absences, and the best of any cut-off of the answers",
        text_table(whole, kinds, _THRESHOLD),
        text_table(by_records, ["class"], _THRESHOLD),
        "   The same threshold on records and background like those of training, which the rates on the card estimate",
        text_table(whole, kinds, _CARD),
        text_table(by_records, ["class"], _CARD),
        "4. Half the region is known: cells of the other half inside and outside the area; |answer - r|, AUC below the "
        "truth's",
        text_table(half, kinds, _AREA),
        text_table(half, ["region"], _AREA),
        "5. The same by verdict; logits within -5 and 5",
        text_table(half, kinds, _VERDICT),
        text_table(chance, ["chance"], _VERDICT),
    ]
    return "\n\n".join(parts)


@ends_in_one_line
def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.virtual.answers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser, "species and study")
    add_bias_options(parser, "2")
    parser.add_argument("--cells", type=at_least_one, default=2000, help="most cells for each model (%(default)s)")
    options = parser.parse_args()
    worlds = read_worlds(parser, options)
    training = TrainingOptions(n_estimators=options.trees)
    calls = [
        (world, number, kind, strength, training, options.cells)
        for number in range(options.repeats)
        for world in worlds
        for kind, strength in biases(options)
    ]
    run = Parallel(n_jobs=options.jobs, return_as="generator")(delayed(run_group)(*call) for call in calls)
    rows = []
    for part in tqdm(run, total=len(calls), unit="group", file=sys.stderr):
        rows += part
        if options.output:
            pd.DataFrame(rows).to_csv(options.output, index=False)
    table = pd.DataFrame(rows)
    print(f"{len(calls)} groups of {', '.join(options.regions)}; {options.trees} trees; {options.cells} cells\n")
    print(report(table))
    for problem in table.loc[table["problem"] != "", "problem"]:
        print(problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
