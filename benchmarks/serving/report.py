"""What came out, as tables: medians of the rounds, and of ratios taken within each round."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

#: What is aimed at, by scenario: of the empty route, times the usual design, p95 of the usual design's.
TARGETS = {0.9: (0.65, 5.0, 0.20), 0.0: (0.40, 9.0, 0.13)}


@dataclass
class Round:
    """One variant in one round."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu_own: float
    cpu_services: float
    waiting: int


@dataclass
class Series:
    """All rounds of one variant."""

    rounds: list[Round] = field(default_factory=list)

    def of(self, name: str) -> list[float]:
        """Return one figure of every round."""
        return [getattr(one, name) for one in self.rounds]


def spread(values: list[float], form: str) -> str:
    """Write a median with the lowest and the highest value."""
    middle = statistics.median(values)
    return f"{middle:{form}} ({min(values):{form}}–{max(values):{form}})"


def paired(values: list[float], others: list[float]) -> list[float]:
    """Return ratios within each round."""
    return [a / b for a, b in zip(values, others, strict=True)]


def table(repeated: float, found: dict[str, Series]) -> list[str]:
    """Return the lines of one scenario's table.

    Parameters
    ----------
    repeated : float
        Share of requests that were asked before.
    found : dict of str to Series
    """
    lines = [
        f"### {repeated:.0%} repeated",
        "",
        "| variant | requests/s | of the empty route | times the usual | p50 ms | p95 ms | p99 ms | p95 of the usual's "
        "| CPU µs a request: server | and services |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, series in found.items():
        cells = [name, spread(series.of("rate"), ".0f")]
        for other in ("empty", "usual"):
            against = found.get(other)
            known = against is not None and name != other
            cells.append(spread(paired(series.of("rate"), against.of("rate")), ".2f") if known and against else "")
        cells += [f"{statistics.median(series.of(p)):.1f}" for p in ("p50", "p95", "p99")]
        usual = found.get("usual")
        cells.append(spread(paired(series.of("p95"), usual.of("p95")), ".2f") if usual and name != "usual" else "")
        cells += [f"{statistics.median(series.of(part)):.0f}" for part in ("cpu_own", "cpu_services")]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *_targets(repeated, found), ""]


def _targets(repeated: float, found: dict[str, Series]) -> list[str]:
    """Say of each target whether it was met."""
    ours, empty, usual = found.get("ecopredict"), found.get("empty"), found.get("usual")
    if ours is None or repeated not in TARGETS:
        return []
    share, times, slow = TARGETS[repeated]
    lines = []
    if empty is not None:
        lines.append(_verdict("of an empty route", paired(ours.of("rate"), empty.of("rate")), share, more=True))
    if usual is not None:
        lines.append(_verdict("times the usual design", paired(ours.of("rate"), usual.of("rate")), times, more=True))
        lines.append(_verdict("p95 of the usual design's", paired(ours.of("p95"), usual.of("p95")), slow, more=False))
    return lines


def _verdict(what: str, ratios: list[float], wanted: float, *, more: bool) -> str:
    reached = statistics.median(ratios)
    met = reached >= wanted if more else reached <= wanted
    bound = "at least" if more else "at most"
    return f"- {what}: {reached:.2f}, wanted {bound} {wanted:g}: {'met' if met else 'missed'}"
