"""Layers as the rows of a page, in groups: the training set, each scenario, and what is not used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.layers.schemas import LayersAnswer
from ml.numbers import rounded
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import Grid, LayerReport

#: Roles with their names on the page.
ROLES = {
    "training": "training",
    "static": "training; also in every scenario",
    "scenario": "scenario",
    "unused": "not used",
}


@dataclass(frozen=True)
class LayerRow:
    """A layer on the page.

    Attributes
    ----------
    number : int
        Position in the answer; the fields of the row end with it.
    layer : LayerReport
    role : str
    choice : LayerChoice
        What the user chose for it.
    lost : int or None
        Cells that only this layer lacks; None where it is not counted.
    version : str
        Changes with the picture.
    """

    number: int
    layer: LayerReport
    role: str
    choice: LayerChoice
    lost: int | None
    version: str

    @property
    def blocked(self) -> bool:
        """Whether a problem of the layer stands in the way of training."""
        return any(problem.blocking for problem in self.layer.problems)

    @property
    def size(self) -> str:
        """Columns and rows of the grid, as text."""
        grid = self.layer.grid
        return "" if grid is None else f"{grid.width:,} × {grid.height:,}"

    @property
    def cell(self) -> str:
        """Size of a cell, as text."""
        return "" if self.layer.grid is None else cell_size(self.layer.grid)


@dataclass
class Group:
    """Layers under one heading.

    Attributes
    ----------
    id, title : str
    rows : list of LayerRow
    folded : bool
        Whether the group is folded; a group with a problem is not.
    """

    id: str
    title: str
    folded: bool
    rows: list[LayerRow] = field(default_factory=list)


def groups(answer: LayersAnswer) -> list[Group]:
    """Return the layers in groups: the training set, the scenarios in their order, and those that are not used."""
    choices = {(choice.file, choice.band): choice for choice in answer.choices}
    by_title: dict[str, Group] = {"": Group("group-0", "Training set", folded=False)}
    unused = Group("group-unused", "Not used", folded=True)
    for number, (layer, role) in enumerate(zip(answer.layers, answer.roles, strict=True)):
        choice = choices.get((layer.file, layer.band), LayerChoice(file=layer.file, band=layer.band))
        lost = answer.lost.get(layer.name) if role in ("training", "static") else None
        version = f"{layer.sha256[:8]}-{layer.kind[:3]}"
        row = LayerRow(number, layer, role, choice, lost, version)
        if role == "unused":
            unused.rows.append(row)
        elif role == "scenario":
            label = layer.scenario.label if layer.scenario is not None else "Scenario without a name"
            group = by_title.setdefault(label, Group(f"group-{len(by_title)}", f"Scenario {label}", folded=True))
            group.rows.append(row)
        else:
            by_title[""].rows.append(row)
    result = [group for group in (*by_title.values(), unused) if group.rows]
    for group in result:
        group.folded = group.folded and not any(row.layer.problems for row in group.rows)
    return result


def grids(answer: LayersAnswer) -> list[tuple[int, str]]:
    """Return the layers whose grids can be chosen, one for each grid: its position and a text."""
    seen: list[Grid] = []
    options = []
    for number, (layer, role) in enumerate(zip(answer.layers, answer.roles, strict=True)):
        if layer.grid is None or role == "unused" or layer.grid in seen:
            continue
        seen.append(layer.grid)
        options.append((number, f"{layer.file}, {grid_text(layer.grid)}"))
    return options


def grid_text(grid: Grid) -> str:
    """Return a grid as text, as "25 × 21 cells of 0.1667°, EPSG:4326"."""
    return f"{grid.width:,} × {grid.height:,} cells of {cell_size(grid)}, {crs_name(grid.crs)}"


def cell_size(grid: Grid) -> str:
    """Return the size of a cell with its unit: degrees, or units of the CRS."""
    unit = "°" if _in_degrees(grid) else " m"
    sizes = [_figure(grid.cell_x), _figure(grid.cell_y)]
    return f"{sizes[0]}{unit}" if sizes[0] == sizes[1] else f"{sizes[0]} × {sizes[1]}{unit}"


def crs_name(crs: str | None) -> str:
    """Return the authority code of a CRS, or the name in its WKT."""
    if not crs:
        return "no CRS"
    return crs if "[" not in crs else crs.partition('"')[2].partition('"')[0] or "own CRS"


def legend_lines(levels: Iterable[tuple[str, str]]) -> str:
    """Return a legend as the lines of a text field."""
    return "\n".join(f"{code} = {label}" for code, label in levels)


def _in_degrees(grid: Grid) -> bool:
    # A cell of a projected grid is not smaller than half a metre, and no grid in degrees lies beyond 360.
    return abs(grid.west) <= 360 and abs(grid.north) <= 90 and grid.cell_x * grid.width <= 361


def _figure(value: float) -> str:
    return rounded(value, 4)
