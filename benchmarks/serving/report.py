"""Tables of the results: medians of the rounds, and ratios that are taken within each round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

#: Targets by share of repeated requests: times the rate of the empty route, times the rate of the usual design, times
#: the p95 of the usual design.
TARGETS = {0.9: (0.65, 5.0, 0.20), 0.0: (0.40, 9.0, 0.13)}
#: The variant that `--against` adds.
BEFORE = "before"
_FIGURES = {
    "rate": "requests/s",
    "p50": "p50",
    "p95": "p95",
    "cpu_own": "CPU a request, server",
    "cpu_total": "CPU a request, server and services",
    "memory": "memory of the server",
}


@dataclass
class Round:
    """The results of one variant in one round.

    Attributes
    ----------
    rate : float
        Answers a second.
    p50, p95, p99 : float
        Percentiles of the latency, ms.
    cpu_own, cpu_services : float
        CPU microseconds a request, of the server with its nginx and of PostgreSQL with Redis.
    rows_pending : int
        Answers that were not stored yet when the round ended.
    memory : float
        Proportional memory (PSS) of the server after the round, MB.
    """

    rate: float
    p50: float
    p95: float
    p99: float
    cpu_own: float
    cpu_services: float
    rows_pending: int
    memory: float = 0.0

    @property
    def cpu_total(self) -> float:
        """CPU microseconds a request, of all processes."""
        return self.cpu_own + self.cpu_services


@dataclass
class Series:
    """All rounds of one variant."""

    rounds: list[Round] = field(default_factory=list)

    def values(self, name: str) -> list[float]:
        """Return one figure of every round."""
        return [getattr(one, name) for one in self.rounds]


def spread(values: list[float], form: str) -> str:
    """Format a median with the lowest and the highest value."""
    middle = statistics.median(values)
    return f"{middle:{form}} ({min(values):{form}}–{max(values):{form}})"


def paired(values: list[float], others: list[float]) -> list[float]:
    """Return the ratio within each round."""
    return [a / b for a, b in zip(values, others, strict=True)]


def table(repeated: float, results: dict[str, Series]) -> list[str]:
    """Return the lines of one scenario's tables.

    Parameters
    ----------
    repeated : float
        Share of repeated requests.
    results : dict of str to Series
        By variant.
    """
    lines = [
        f"### {repeated:.0%} repeated",
        "",
        "| variant | requests/s | of the empty route | times the usual | p50 ms | p95 ms | p99 ms | p95 of the usual's "
        "| CPU µs a request: server | and services |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, series in results.items():
        cells = [name, spread(series.values("rate"), ".0f")]
        cells += [_ratio(results, name, other, "rate") for other in ("empty", "usual")]
        cells += [f"{statistics.median(series.values(p)):.1f}" for p in ("p50", "p95", "p99")]
        cells.append(_ratio(results, name, "usual", "p95"))
        cells += [f"{statistics.median(series.values(part)):.0f}" for part in ("cpu_own", "cpu_services")]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *_comparison(results), *_targets(repeated, results), ""]


def _ratio(results: dict[str, Series], name: str, other: str, figure: str) -> str:
    """Format the ratio of two variants; empty when there is no other one."""
    if other not in results or name == other:
        return ""
    return spread(paired(results[name].values(figure), results[other].values(figure)), ".2f")


def _comparison(results: dict[str, Series]) -> list[str]:
    """Return the table that compares EcoPredict with another checkout of it."""
    if BEFORE not in results or "ecopredict" not in results:
        return []
    lines = ["| figure | before | ecopredict | ecopredict ÷ before |", "|---|---|---|---|"]
    after, before = results["ecopredict"], results[BEFORE]
    for name, title in _FIGURES.items():
        ratios = paired(after.values(name), before.values(name))
        medians = [f"{statistics.median(series.values(name)):.1f}" for series in (before, after)]
        lines.append(f"| {title} | {medians[0]} | {medians[1]} | {spread(ratios, '.3f')} |")
    return [*lines, ""]


def _targets(repeated: float, results: dict[str, Series]) -> list[str]:
    """State for each target whether it was met."""
    ours, empty, usual = results.get("ecopredict"), results.get("empty"), results.get("usual")
    if ours is None or repeated not in TARGETS:
        return []
    of_empty, of_usual, p95_of_usual = TARGETS[repeated]
    lines = []
    if empty is not None:
        ratios = paired(ours.values("rate"), empty.values("rate"))
        lines.append(_verdict("of an empty route", ratios, of_empty, at_least=True))
    if usual is not None:
        ratios = paired(ours.values("rate"), usual.values("rate"))
        lines.append(_verdict("times the usual design", ratios, of_usual, at_least=True))
        ratios = paired(ours.values("p95"), usual.values("p95"))
        lines.append(_verdict("p95 of the usual design's", ratios, p95_of_usual, at_least=False))
    return lines


def _verdict(title: str, ratios: list[float], target: float, *, at_least: bool) -> str:
    median = statistics.median(ratios)
    met = median >= target if at_least else median <= target
    bound = "at least" if at_least else "at most"
    return f"- {title}: {median:.2f}, target {bound} {target:g}: {'met' if met else 'missed'}"
