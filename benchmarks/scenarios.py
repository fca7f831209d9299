"""Two cases of ../shared/data/own-data under scenarios: what lies beyond the model, then what changes.

    python -m benchmarks.scenarios --data ../shared/data/own-data [--trees 200] [--folds 5] [--output DIR]

*Myrcia hatschbachii* (case-kuenm2): two climate models, two pathways and two periods. *Lacerta schreiberi*
(case-lacerta): one scenario, with the four predictors that its layers have. Each case is trained by `python -m ml
train`, mapped by `python -m ml project` and compared like by `python -m ml change`. The first column of each table is
the share of the area that lies beyond the area of applicability; in brackets, the share of the area in which a single
value is outside its range in training.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import rasterio

from benchmarks.arguments import at_least_one, folder, output_folder
from ml.change.compare import compare
from ml.change.sentences import percent
from ml.commands.options import folds


@dataclass(frozen=True)
class Case:
    """Files of a case.

    Attributes
    ----------
    name, title : str
    species : str
        Of records without names; else "".
    records, training : str
        Files.
    futures : tuple of str
        Files of scenarios.
    layers : tuple of str
        Bands of the training file that the scenarios have too, or that do not change; all where there are none.
    """

    name: str
    title: str
    species: str
    records: str
    training: str
    futures: tuple[str, ...]
    layers: tuple[str, ...] = ()


KUENM2 = Case(
    "case-kuenm2",
    "Myrcia",
    "",
    "occ_data.csv",
    "Current_variables.tif",
    tuple(
        f"wc2.1_10m_bioc_{model}_{pathway}_{period}.tif"
        for pathway, period, model in product(
            ("ssp126", "ssp585"), ("2041-2060", "2081-2100"), ("ACCESS-CM2", "MIROC6")
        )
    ),
)
LACERTA = Case(
    "case-lacerta",
    "Lacerta",
    "Lacerta schreiberi",
    "lacerta.csv",
    "lacerta_climate_present_10m.tif",
    ("lacerta_climate_future_10m.tif",),
    ("bio05", "bio06", "bio13", "bio15"),
)
CASES = (KUENM2, LACERTA)


def chosen_layers(source: Path, target: Path, names: Sequence[str]) -> Path:
    """Write the bands of some names to another file; return the file itself where there are no names."""
    if not names:
        return source
    with rasterio.open(source) as data:
        bands = [data.descriptions.index(name) + 1 for name in names]
        profile = data.profile | {"count": len(bands)}
        with rasterio.open(target, "w", **profile) as file:
            for number, band in enumerate(bands, 1):
                file.write(data.read(band), number)
                file.set_band_description(number, data.descriptions[band - 1])
    return target


def run(command: str, *options: str | Path) -> str:
    """Run a command of `ml`; return what it printed."""
    words = [sys.executable, "-m", "ml", command, *map(str, options)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr.strip()}")
    return done.stdout


def labels_of(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the label of the scenario that each file is of."""
    from ml.own_data.files import inspect_file

    labels = {}
    for path in paths:
        scenario = inspect_file(path.parent, path.name).layers[0].scenario
        labels[path] = scenario.label if scenario is not None else path.stem
    return labels


def compare_case(case: Case, data: Path, output: Path, trees: int, folds: int) -> dict[str, Any]:
    """Train a case, make its maps and compare them; return the summary of the comparison."""
    folder = data / case.name
    output.mkdir(parents=True, exist_ok=True)
    training = chosen_layers(folder / case.training, output / case.training, case.layers)
    futures = [folder / name for name in case.futures]
    layers = ["--layers", training, *futures]
    size = ["--trees", str(trees), "--folds", str(folds)]
    names = ["--title", case.title, "--progress", "json", *(["--species", case.species] if case.species else [])]
    printed = run("train", *names, *size, "--records", folder / case.records, *layers, "--output", output / "models")
    [trained] = json.loads(printed.splitlines()[-1])["trained"]
    model = next((output / "models").rglob(trained["model_id"]))
    today = output / "today"
    run("project", "--model", model, *layers, "--output", today, "--replace")
    maps = []
    for number, label in enumerate(dict.fromkeys(labels_of(futures).values())):
        maps.append(output / f"scenario-{number + 1}")
        run("project", "--model", model, *layers, "--scenario", label, "--output", maps[-1], "--replace")
    return compare(today, maps, output / "change", replace=True)


def table(summary: dict[str, Any]) -> str:
    """Return the areas of all scenarios as a table: first what lies beyond."""
    heading = ("scenario", "beyond (value outside)", "stays km²", "lost km²", "cannot say km²", "gain km²", "moves km")
    rows = [heading]
    for one in summary["scenarios"]:
        beyond, exposure = one["beyond"], one["exposure"]
        rows.append(
            (
                one["label"],
                f"{percent(beyond['area_share'])} ({percent(beyond['outside_range']['area_share'])})",
                *(f"{exposure[name]['area_km2']:,.0f}" for name in ("stays", "lost", "cannot_say")),
                f"{one['classes']['gain']['area_km2']:,.0f}",
                f"{one['shift_km']:,.0f}" if one["shift_km"] is not None else "–",
            )
        )
    widths = [max(len(row[k]) for row in rows) for k in range(len(heading))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def agreement_table(summary: dict[str, Any]) -> str:
    """Return the areas by the number of scenarios in which they are suitable."""
    agreement = summary["agreement"]
    if agreement is None:
        return ""
    lines = ["suitable in           km²   of today's suitable area"]
    for row, today in zip(agreement["suitable"], agreement["today"], strict=True):
        lines.append(f"{row['scenarios']:>2} scenarios {row['area_km2']:>13,.0f} {today['area_km2']:>13,.0f}")
    unsure, today = agreement["cannot_say"], agreement["today_cannot_say"]
    return "\n".join([*lines, f"cannot say   {unsure['area_km2']:>13,.0f} {today['area_km2']:>13,.0f}"])


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=folder, required=True)
    parser.add_argument("--trees", type=at_least_one, default=200)
    parser.add_argument("--folds", type=folds, default=5)
    parser.add_argument("--output", type=output_folder, help="keep the models and the maps there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for case in CASES:
            output = (options.output or Path(temporary)) / case.name
            summary = compare_case(case, options.data, output, options.trees, options.folds)
            name = summary["species"]["scientific_name"]
            print(f"\n{name}, {summary['model_id']}: {summary['today']['area_km2']:,.0f} km² suitable today")
            print("\n".join(summary["sentences"]))
            print(f"\n{table(summary)}\n{agreement_table(summary)}")


if __name__ == "__main__":
    main()
