"""Reports on layers made for tests of reviews."""

from __future__ import annotations

from ml.layers.review import review
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, Grid, LayerReport

GRID = Grid(crs="EPSG:4326", width=100, height=80, west=0, north=50, cell_x=0.1, cell_y=0.1)


def layer(name, minimum, maximum, mean, *, file=None, scenario=None, grid=GRID, extent=(0, 42, 10, 50), **members):
    return LayerReport(
        file=file or f"{name}{'_future' if scenario else ''}.tif",
        band="1",
        name=name,
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        crs=grid.crs,
        grid=grid,
        extent=extent,
        scenario=scenario,
        **members,
    )


def result(*layers, **recipe):
    files = [FileReport(name=one.file, size=1, sha256="", role="layers", sentence="", layers=[one]) for one in layers]
    return review(Recipe(title="Study", **recipe), files)


FUTURE = {"label": "ssp585", "pathway": "ssp585"}
#: bio1 of Iberia in °C, and what the same region has in other units.
BIO1 = (2.5, 18.5, 13.4)


def times(numbers, factor, offset=0.0):
    return [number * factor + offset for number in numbers]
