"""Measure the latency of one client while another one floods the service, before and after a change.

Run it with ``.venv/bin/python -m benchmarks.floods --against DIR``. PostgreSQL, Valkey, nginx and gunicorn are real and
on loopback. EcoPredict and the checkout DIR (the variant ``before``) run at the same time, each behind nginx with its
own configuration, and with the limits that are shipped. The victim posts predictions, half of them repeated, over one
connection. The attacker has another address and 16 connections that each send the next request after the previous
response. Floods and versions take turns in a random order, and ratios are taken within a round.

The shipped settings keep the list of answers and the analytics private. The floods meet the list as it is shipped, and
the analytics as an operator can publish them, because they are the most expensive page.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.floods.clients import VICTIM_RATE, Attacker
from benchmarks.floods.kinds import FLOODS
from benchmarks.floods.report import Results, tables
from benchmarks.floods.rounds import Rounds, store_answers
from benchmarks.serving.checkouts import folder_of
from benchmarks.serving.testbed import TestbedOptions, running_testbed

_RATE_LIMIT = "10/second"
_SETTINGS = {"PUBLIC_PREDICTIONS": "0", "PUBLIC_ANALYTICS": "1"}


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and return the lines of the report."""
    settings = TestbedOptions(
        ("ecopredict",),
        rate_limit=_RATE_LIMIT,
        trees=options.trees,
        against=options.against,
        shipped_limits=True,
        environ=_SETTINGS,
    )
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-floods-"))
    # PostgreSQL does not run as root, and must be able to read its folder
    folder.chmod(0o755)
    attacker = Attacker(options.connections)
    try:
        _log("starting PostgreSQL, Valkey, gunicorn and nginx ...")
        with running_testbed(folder, settings) as testbed:
            store_answers(testbed)
            rounds = Rounds(testbed, attacker, options.seconds)
            rounds.warm_up(options.floods)
            results: Results = {
                kind: {variant.name: [] for variant in reversed(testbed.variants)} for kind in options.floods
            }
            number = 0
            for turn in range(1, options.rounds + 1):
                for kind in random.sample(options.floods, len(options.floods)):
                    number += 1
                    for variant in random.sample(testbed.variants, len(testbed.variants)):
                        results[kind][variant.name].append(rounds.measure(variant, kind, number))
                    p50 = ", ".join(f"{name} {each[-1].p50:.1f}" for name, each in results[kind].items())
                    _log(f"round {turn} of {options.rounds}, {kind}: p50 in ms {p50}")
            return [_describe(options), *testbed.notes, "", *tables(results)]
    finally:
        attacker.close()
        shutil.rmtree(folder, ignore_errors=True)


def _describe(options: argparse.Namespace) -> str:
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores, Python {platform.python_version()}; {options.rounds} rounds of {options.seconds:g} s for each "
        f"flood, {options.connections} connections of the attacker, {VICTIM_RATE} requests/s of the victim; the limits "
        "that are shipped; median (lowest–highest)"
    )


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in FLOODS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown) or text}; there are {', '.join(FLOODS)}")
    return [name for name in FLOODS if name in names]


def main(arguments: list[str] | None = None) -> None:
    """Read the options, measure and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.floods",
        description="Measure the latency of one client while another one floods the service.",
        epilog="Floods: " + "; ".join(f"{name}: {text}" for name, text in FLOODS.items()),
    )
    parser.add_argument("--against", type=folder_of, metavar="DIR", help="another checkout, as the variant `before`")
    parser.add_argument("--floods", type=_names, default=list(FLOODS), help="names separated by commas (all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each flood (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a round for each variant (5)")
    parser.add_argument("--connections", type=int, default=16, help="of the attacker (%(default)s)")
    parser.add_argument("--trees", type=int, default=TestbedOptions.trees, help="of the forest (%(default)s)")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.seconds < 0.5 or options.connections < 1:
        parser.error("--rounds and --connections must be positive, and --seconds at least 0.5")
    print("\n".join(run(options)))


if __name__ == "__main__":
    main()
