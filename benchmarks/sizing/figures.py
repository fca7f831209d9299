"""Figures of several rounds, and their table."""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field


@dataclass
class Figures:
    """Values by what was measured and in which unit, in the order in which they were first added."""

    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, what: str, unit: str, *values: float) -> None:
        """Add the values of one or several rounds, and tell them on standard error."""
        shown = ", ".join(_shown(value) for value in values[:4])
        print(f"{what}: {shown}{', …' if len(values) > 4 else ''} {unit}", file=sys.stderr, flush=True)
        self.values.setdefault((what, unit), []).extend(values)

    def table(self) -> list[str]:
        """Return the lines of a table in Markdown: the median, the lowest and the highest value, and their number."""
        lines = ["| figure | median | lowest to highest | values | unit |", "|---|---|---|---|---|"]
        for (what, unit), values in self.values.items():
            spread = f"{_shown(min(values))} to {_shown(max(values))}" if len(values) > 1 else ""
            lines.append(f"| {what} | {_shown(statistics.median(values))} | {spread} | {len(values)} | {unit} |")
        return lines


def _shown(value: float) -> str:
    """Return a number with about three digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
