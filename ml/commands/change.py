"""``python -m ml change``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ml.commands.options import Subparsers
from ml.commands.progress import Progress


def add_parser(commands: Subparsers) -> None:
    """Declare the command and its options."""
    command = commands.add_parser(
        "change",
        help="compare the map of today with those of scenarios",
        description="Compare the finished map of the training conditions with the maps of one or several scenarios of "
        "the same model, as python -m ml project writes them. The folder gets change.tif (stays suitable, gain, loss, "
        "stays unsuitable, cannot say), for several scenarios also agreement.tif and spread.tif, and a summary, "
        "change.json. First it states how much lies beyond what the model has seen.",
    )
    command.add_argument("--today", type=Path, required=True, metavar="DIR", help="map of the training conditions")
    command.add_argument(
        "--scenario",
        type=Path,
        required=True,
        action="append",
        metavar="DIR",
        help="map of a scenario; repeat it for several, 20 at most",
    )
    command.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the comparison")
    command.add_argument("--replace", action="store_true", help="discard another comparison in the folder")
    command.add_argument("--progress", choices=["bar", "json"], default="bar", help="how progress is shown")
    command.set_defaults(run=run)


def run(options: argparse.Namespace, started: float) -> int:
    """Compare maps."""
    # GDAL takes a second to import, which --help does not need.
    from ml.change.compare import compare

    progress = Progress(options.progress)
    try:
        summary = compare(
            options.today,
            options.scenario,
            options.output,
            advance=lambda share, message: progress(share, message, "change"),
            replace=options.replace,
        )
    finally:
        progress.close()
    if options.progress != "json":
        print(describe(summary))
        print(options.output)
    return 0


def describe(summary: dict[str, Any]) -> str:
    """Return what a comparison says in some lines: first how much of each scenario lies beyond."""
    lines = list(summary["sentences"])
    if len(summary["scenarios"]) > 1:
        for one in summary["scenarios"]:
            lines += ["", one["label"], *(text for text in one["sentences"][1:])]
        lines += ["", "All scenarios"]
    lines += [
        f"{row['label']:<42} {row['cells']:>13,} cells {row['area_km2']:>15,.0f} km²"
        for row in summary["classes"].values()
    ]
    for label, one in [("Today", summary["today"]), *((one["label"], one["suitable"]) for one in summary["scenarios"])]:
        lines.append(f"{label}: AOO {_size(one['aoo'])}, EOO {_size(one['eoo'])}")
    lines += [summary["definitions"], summary["caveat"]]
    return "\n".join([*lines, *(f"note: {note}" for note in summary["notes"])])


def _size(about: dict[str, Any]) -> str:
    if about["km2"] is not None:
        return f"{about['km2']:,.0f} km²"
    bound = about.get("upper_bound_km2")
    return f"at most {bound:,.0f} km²" if bound is not None else "not computed"
