"""The dashboards that operators get, and the queries of their panels."""

from __future__ import annotations

import json
from typing import Any

from tools.live import PROJECT

BOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((PROJECT / "monitoring" / "grafana").glob("*.json"))
}
#: What Grafana fills in.
STEP = "$__rate_interval"


def targets() -> list[tuple[str, str]]:
    """Return the title of each panel, after its dashboard, and each of its queries as it is stored."""
    return [
        (f"{name}: {panel['title']}", target["expr"])
        for name, board in BOARDS.items()
        for panel in board["panels"]
        for target in panel["targets"]
    ]


def queries(step: str = "5m") -> list[str]:
    """Return every query of every dashboard."""
    return [query.replace(STEP, step) for _, query in targets()]
