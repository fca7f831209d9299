"""Tables of the results: medians of the rounds, and ratios that are taken within each round."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.floods.kinds import FLOODS
from benchmarks.serving.report import BEFORE, paired, spread

#: The rounds of each kind of flood, by version.
Results = dict[str, dict[str, list["Round"]]]


@dataclass
class Round:
    """The results of one version during one flood.

    Attributes
    ----------
    p50, p95 : float
        Percentiles of the victim's latency, ms.
    memory : float
        Largest resident set of a worker, MB.
    others : dict of str to int
        Number of the victim's responses by status other than 200.
    statuses : dict of str to float
        Responses a second to the attacker, by status.
    largest : dict of str to int
        Bytes of the largest response to the attacker, by status.
    """

    p50: float
    p95: float
    memory: float
    others: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, float] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)


def tables(results: Results) -> list[str]:
    """Return the lines of both tables, that of the victim and that of the attacker."""
    lines = _victim(results) + _attacker(results)
    for kind, versions in results.items():
        for name, rounds in versions.items():
            others = sum((Counter(one.others) for one in rounds), Counter())
            if others:
                counts = ", ".join(f"{count} times {status}" for status, count in others.items())
                lines.append(f"- {kind}, {name}: the victim's responses were {counts} instead of 200")
    return lines


def _values(rounds: list[Round], figure: str) -> list[float]:
    return [getattr(one, figure) for one in rounds]


def _victim(results: Results) -> list[str]:
    names = list(next(iter(results.values())))
    compared = BEFORE in names and len(names) > 1
    heads = ["victim, under", *(f"{figure} {name}, ms" for figure in ("p50", "p95") for name in names)]
    if compared:
        heads += ["p50, before ÷ after", "p95, before ÷ after"]
    if "none" in results:
        heads += [f"p50 {name} ÷ without flood" for name in names]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for kind, versions in results.items():
        cells = [FLOODS[kind]]
        cells += [f"{statistics.median(_values(versions[n], p)):.1f}" for p in ("p50", "p95") for n in names]
        if compared:
            after = next(name for name in names if name != BEFORE)
            for figure in ("p50", "p95"):
                ratios = paired(_values(versions[BEFORE], figure), _values(versions[after], figure))
                cells.append(spread(ratios, ".2f"))
        if kind == "none":
            cells += [""] * len(names)
        elif "none" in results:
            for name in names:
                ratios = paired(_values(versions[name], "p50"), _values(results["none"][name], "p50"))
                cells.append(spread(ratios, ".2f"))
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _attacker(results: Results) -> list[str]:
    names = list(next(iter(results.values())))
    heads = ["attacker", *(f"answers/s of {name}, by status" for name in names)]
    heads += [f"peak of a worker, {name}, MB" for name in names]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for kind, versions in results.items():
        cells = [FLOODS[kind], *(_statuses(versions[name]) for name in names)]
        cells += [f"{max(_values(versions[name], 'memory')):.0f}" for name in names]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _statuses(rounds: list[Round]) -> str:
    """Format for each status the median of its rates, 0 in a round without it, and the size of the largest answer."""
    parts = []
    for status in sorted({status for one in rounds for status in one.statuses}):
        rate = statistics.median(one.statuses.get(status, 0.0) for one in rounds)
        largest = max(one.largest.get(status, 0) for one in rounds)
        size = f" of {largest / 1024:,.1f} KiB" if largest else ""
        parts.append(f"{status}: {rate:,.1f}{size}")
    return ", ".join(parts)
