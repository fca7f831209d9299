"""Measure the served application beside an empty Flask route and beside the usual design.

Run it with ``.venv/bin/python -m benchmarks.serving``, after
``.venv/bin/pip install -r benchmarks/serving/requirements.txt``; the variants ``empty`` and ``ecopredict`` do without.
PostgreSQL, Valkey and nginx are real and on loopback, and each variant has an nginx with the shipped configuration in
front of it. All programs run at the same time, with workers pinned to cores. In each round the variants take turns in a
random order. Ratios are taken within a round, and answers are counted against stored rows.

``--against DIR`` adds the variant ``before``: EcoPredict as it is in another checkout, with its own code and settings
of gunicorn and a model that its own code trained, run by the same interpreter.
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

from benchmarks.serving.checkouts import folder_of
from benchmarks.serving.protocol import LoadGenerator, Protocol
from benchmarks.serving.report import Series, table
from benchmarks.serving.scrape import scrape_under_load
from benchmarks.serving.testbed import VARIANTS, Testbed, TestbedOptions, running_testbed


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and return the lines of the report."""
    settings = TestbedOptions(
        options.variants,
        behind_nginx=not options.direct,
        fsync=options.fsync == "on",
        rate_limit=options.rate_limit,
        trees=options.trees,
        against=options.against,
    )
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-serving-"))
    # PostgreSQL does not run as root, and must be able to read its folder
    folder.chmod(0o755)
    try:
        _log("starting PostgreSQL, Valkey and every variant ...")
        with running_testbed(folder, settings) as testbed:
            generator = LoadGenerator(testbed.fields, options.connections, options.callers)
            try:
                return _measure(options, testbed, generator)
            finally:
                generator.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(options: argparse.Namespace, testbed: Testbed, generator: LoadGenerator) -> list[str]:
    protocol = Protocol(testbed, generator, options.seconds)
    lines = [_describe(options), *testbed.notes, ""]
    for repeated in options.repeated:
        results = {variant.name: Series() for variant in testbed.variants}
        for variant in testbed.variants:
            # fills the caches with the repeated conditions, and compiles what is compiled at first use
            protocol.measure(variant, 1.0, 0)
            protocol.measure(variant, repeated, 0)
        for number in range(1, options.rounds + 1):
            for variant in random.sample(testbed.variants, len(testbed.variants)):
                results[variant.name].rounds.append(protocol.measure(variant, repeated, number))
            rates = ", ".join(f"{name} {series.rounds[-1].rate:.0f}" for name, series in results.items())
            _log(f"{repeated:.0%} repeated, round {number} of {options.rounds}: requests/s {rates}")
        lines += table(repeated, results)
        if "ecopredict" in results:
            pending = results["ecopredict"].values("rows_pending")
            lines += [f"EcoPredict's rows not stored yet at the end of a round: {min(pending)} to {max(pending)}.", ""]
    lines += _count_rows(testbed, protocol)
    lines += scrape_under_load(testbed, protocol)
    return lines


def _count_rows(testbed: Testbed, protocol: Protocol) -> list[str]:
    """Return the table of answers and stored rows."""
    lines = ["| variant | answers given | rows stored | lost | more | refused | connections broken |"]
    lines.append("|---|---|---|---|---|---|---|")
    for variant in testbed.variants:
        answers, broken = protocol.answers[variant.name], protocol.broken[variant.name]
        refused = sum(protocol.refused[variant.name].values())
        cells = [answers, "", "", "", refused, len(broken)]
        if variant.database is not None:
            rows = variant.rows()
            cells[1:4] = [rows, max(0, answers - rows), max(0, rows - answers)]
        lines.append(f"| {variant.name} | " + " | ".join(map(str, cells)) + " |")
    lines += [f"- {name}: closed {text}" for name, texts in protocol.broken.items() for text in texts[:3]]
    return [*lines, ""]


def _describe(options: argparse.Namespace) -> str:
    cores = len(os.sched_getaffinity(0))
    addresses = f"{options.callers:,} addresses of {options.rate_limit}, " if options.callers else ""
    route = "without nginx" if options.direct else "behind nginx"
    return (
        f"{cores} cores, Python {platform.python_version()}; {options.rounds} rounds of {options.seconds:g} s, "
        f"{options.connections} connections, {addresses}{route}, fsync {options.fsync}; median (lowest–highest)"
    )


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in VARIANTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown) or text}; there are {', '.join(VARIANTS)}")
    return names


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return value


def main(arguments: list[str] | None = None) -> None:
    """Read the options, measure and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description="Measure the served application beside an empty Flask route and the usual design.",
        epilog="Variants: " + "; ".join(f"{name}: {text}" for name, text in VARIANTS.items()),
    )
    parser.add_argument("--variants", type=_names, default=list(VARIANTS), help="names separated by commas (all)")
    parser.add_argument("--against", type=folder_of, metavar="DIR", help="another checkout, as the variant `before`")
    parser.add_argument("--repeated", type=_share, nargs="+", default=[0.9, 0.0], help="shares of repeats (0.9 0)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each scenario (%(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round for each variant (2)")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (%(default)s)")
    parser.add_argument("--direct", action="store_true", help="send requests to the servers, without nginx")
    parser.add_argument(
        "--fsync", choices=("on", "off"), default="on", help="whether PostgreSQL waits for the disk (on)"
    )
    parser.add_argument("--rate-limit", default=TestbedOptions.rate_limit, help="of each address (%(default)s)")
    parser.add_argument("--callers", type=int, default=0, help="number of client addresses; needs --direct")
    parser.add_argument("--trees", type=int, default=TestbedOptions.trees, help="of EcoPredict's forest (%(default)s)")
    options = parser.parse_args(arguments)
    if options.callers and not options.direct:
        parser.error("--callers needs --direct: nginx replaces the address by that of the connection")
    if options.rounds < 1 or options.seconds <= 0 or options.connections < 1:
        parser.error("--rounds, --seconds and --connections must be positive")
    print("\n".join(run(options)))


if __name__ == "__main__":
    main()
