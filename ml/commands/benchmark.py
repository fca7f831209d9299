"""``python -m ml benchmark``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from ml.commands.options import Subparsers, add_workers, output_folder, positive, seed
from ml.commands.tables import write_csv

if TYPE_CHECKING:
    from ml.training.background_weight import BiasStrength
    from ml.training.default_model import GroupModel


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "benchmark",
        help="run the NCEAS benchmark",
        description="Fit every species of the NCEAS regions, predict the test sites from training data alone, write "
        "predictions.csv and summary.csv, and print mean scores.",
    )
    command.add_argument("--data", type=Path, required=True, help="directory of the benchmark's .rds files")
    command.add_argument(
        "--regions", default="AWT,NZ,SA", help="regions, with commas: AWT, CAN, NSW, NZ, SA, SWI (default: %(default)s)"
    )
    command.add_argument("--output", type=output_folder, required=True, help="directory to write to; made if needed")
    command.add_argument(
        "--background",
        choices=("target-group", "random"),
        default="target-group",
        help="target-group: other species' records may be used, which is more information; random: they are not "
        "(default: %(default)s)",
    )
    command.add_argument(
        "--trees",
        type=positive,
        default=500,
        help="trees in a forest, with a network for every 100 of them, 5 at most; published figures have the default "
        "(default: %(default)s)",
    )
    command.add_argument("--seed", type=seed, default=0, help="seed of every random draw (default: %(default)s)")
    add_workers(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Run the NCEAS benchmark and write its two tables."""
    from ml.benchmark.nceas import RegionGroup
    from ml.benchmark.run import means_table, predict_groups, predictions_table, read_regions, summarise
    from ml.training.provenance import TrainingOptions
    from ml.workers import workers

    regions = list(dict.fromkeys(options.regions.split(",")))
    groups = read_regions(options.data, regions)
    options.output.mkdir(parents=True, exist_ok=True)
    for group in groups:
        for predictor, n in group.unseen.items():
            print(
                f"{group.region} {group.name}: {n} test sites have a level of {predictor} that training lacks; "
                "answered as the most common one"
            )
    total = sum(len(group.species) for group in groups)
    shared = options.background == "target-group"
    terminal = sys.stderr.isatty()
    predicted = []
    steps = total + (total + len(groups) if shared else 0)
    with tqdm(total=steps, unit="step", disable=not terminal, file=sys.stderr) as bar:

        def report_step(message: str) -> None:
            bar.set_postfix_str(message)
            bar.update()
            if not terminal:
                print(message, flush=True)

        def report_shared(group: RegionGroup, model: GroupModel) -> None:
            bias = "" if model.bias is None else f"bias strength {_strength(model.bias)}, "
            if group.lender and group.records.borrowed:
                across = group.records.borrowed.between_species
                bias = f"borrows the places of {group.lender} (AUC across {across:.2f}), "
            bar.write(
                f"{group.region} {group.name}: {len(group.species)} species, {bias}"
                f"{model.share:.0%} of the background is target group; weights {_weights(model)}"
            )

        with workers(options.jobs, options.scheduler):
            settings = TrainingOptions(options.trees, seed=options.seed).engine
            for one in predict_groups(groups, settings, shared, report_shared, report_step):
                predicted.append(one)
                name = groups[one.group].species[one.species]
                report_step(f"{len(predicted)}/{total} {name}: predicted")
    # Predictions are written before any survey is opened.
    write_csv(predictions_table(groups, predicted), options.output / "predictions.csv")
    summary = summarise(groups, predicted, options.data)
    write_csv(summary, options.output / "summary.csv")
    print(means_table(summary))
    seconds = time.monotonic() - started
    print(f"{options.background} background, seed {options.seed}, {options.trees} trees, {seconds:.0f} s")
    return 0


def _strength(bias: BiasStrength) -> str:
    between = "" if bias.between_species is None else f" ({bias.between_species:.2f} between species)"
    return f"{bias.auc:.2f}{between}"


def _weights(model: GroupModel) -> str:
    weights = model.stacking.weights if model.stacking else {}
    return ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items()) or "equal"
