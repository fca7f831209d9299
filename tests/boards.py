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


#: The page of the reference that has each query with a value.
PAGE = PROJECT / "docs" / "reference" / "dashboards.md"
_HEAD = """# Dashboards

Each query of the dashboards in `monitoring/grafana`, with a value. A real Prometheus computed it after it had read the
metrics of a site of the tests: some dozens of predictions, a failed request, two jobs that ended and one that waits, a
rollout, and 120 reports. The values show that a query finds something, and in which unit. They measure no service.
`$__rate_interval` was one minute. Of several series the value is that of the first one that has a number.

A test writes this page, and another one compares it with the dashboards. After a change of a query write it again:

```sh
WRITE_DASHBOARDS=1 .venv/bin/python -m pytest tests/services/test_dashboards.py -n 0
```
"""


def line(panel: str, query: str) -> str:
    """Return the beginning of the line of the page about a query: all but the number of series and the value."""
    text = " ".join(query.split()).replace("|", "\\|")
    return f"| {panel} | `{text}` |"


def page(samples: list[tuple[int, float | None]]) -> str:
    """Return the page.

    Parameters
    ----------
    samples : list of (int, float or None)
        Number of series and a value for each of `targets`, in their order.
    """
    lines = [_HEAD]
    board = ""
    for (title, query), (number, value) in zip(targets(), samples, strict=True):
        name, _, panel = title.partition(": ")
        if name != board:
            board = name
            lines.append(f"\n## {BOARDS[name]['title']}\n\n| panel | query | series | a value |\n|---|---|---|---|\n")
        lines.append(f"{line(panel, query)} {number} | {'none' if value is None else format(value, '.4g')} |\n")
    return "".join(lines)
