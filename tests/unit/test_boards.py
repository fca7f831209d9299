"""The form of the dashboards; Grafana itself is not run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.boards import BOARDS, PAGE, line, targets


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_can_be_provisioned(name: str) -> None:
    board = BOARDS[name]
    assert board["uid"] == (name if name == "ecopredict" else f"ecopredict-{name}")
    assert "ecopredict" in board["tags"]
    # without an id, so that Grafana gives one
    assert "id" not in board
    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
    for panel in board["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references)), panel["title"]
        assert all(target["legendFormat"] or panel["type"] in ("table", "stat") for target in panel["targets"])


@pytest.mark.parametrize("name", BOARDS)
def test_panels_of_a_dashboard_do_not_cover_each_other(name: str) -> None:
    panels: list[dict[str, Any]] = BOARDS[name]["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_dashboards_are_told_apart() -> None:
    for member in ("uid", "title"):
        assert len({board[member] for board in BOARDS.values()}) == len(BOARDS)


def test_the_page_of_the_reference_has_each_query() -> None:
    rows = PAGE.read_text().splitlines()
    missing = [
        title
        for title, query in targets()
        if not any(one.startswith(line(title.partition(": ")[2], query)) for one in rows)
    ]
    assert missing == []
    assert len([one for one in rows if "| `" in one]) == len(targets())
