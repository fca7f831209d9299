"""Checks of the grids of layers: other grids than that of the study, and layers of another place."""

from __future__ import annotations

from collections.abc import Sequence

from ml.layers.placement import same_grid
from ml.layers.review_checks import layers_remedy
from ml.recipes.reports import LayerReport, Problem


def check_grids(used: Sequence[LayerReport], reference: LayerReport) -> list[Problem]:
    """Report files on another grid than that of the study, and files that do not overlap it."""
    problems: dict[str, Problem] = {}
    for layer in used:
        if layer.grid is None or not layer.crs or reference.grid is None or layer.file in problems:
            continue
        if any(problem.code == "crs-wrong" for problem in layer.problems):
            continue
        if same_grid(reference.grid, layer.grid):
            continue
        of = f"{reference.file}, band {reference.band}"
        if not _overlap(reference, layer):
            members = [other for other in used if other.file == layer.file]
            problems[layer.file] = Problem(
                code="no-overlap",
                text=f"{layer.file} does not overlap the grid of {of}: it is of another place, or its CRS is wrong; "
                "leave it unused, or choose another grid",
                file=layer.file,
                remedy=layers_remedy(f"leave {layer.file} unused", members, role="unused"),
            )
            continue
        differs = "in another CRS" if layer.crs != reference.crs else "on another grid"
        problems[layer.file] = Problem(
            code="aligned",
            text=f"{layer.file} is {differs}: it is aligned to the grid of {of} (bilinear; categories by nearest cell)",
            blocking=False,
            file=layer.file,
        )
    return list(problems.values())


def _overlap(one: LayerReport, other: LayerReport) -> bool:
    if one.extent is None or other.extent is None:
        return True
    (w1, s1, e1, n1), (w2, s2, e2, n2) = one.extent, other.extent
    if min(n1, n2) <= max(s1, s2):
        return False
    width1, width2 = (e - w if e > w else e - w + 360.0 for w, e in ((w1, e1), (w2, e2)))
    return (w2 - w1) % 360.0 < width1 or (w1 - w2) % 360.0 < width2
