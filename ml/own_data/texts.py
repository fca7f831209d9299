"""The texts of a study of a user's own data: its description, sources, limits and rules, as the card stores them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ml.card import Source, StudyDescription
from ml.card_preparation import UsedFile, UsedLayer
from ml.recipes.recipe import Recipe
from ml.recipes.reports import FileReport, Grid, LayerReport, LayersReport, ReasonCount

_LIMITS = [
    "Records come from where people looked, so gaps in the map are not absences.",
    "Only the layers of the study are known to the model; anything else that limits the species is not.",
    "One record a cell of the grid is kept, and conditions are those of the whole cell.",
]
_WORLDCLIM = (
    "Fick, S. E. & Hijmans, R. J. 2017. WorldClim 2: new 1-km spatial resolution climate surfaces for global land "
    "areas. International Journal of Climatology 37: 4302–4315."
)
_CHELSA = (
    "Karger, D. N. et al. 2017. Climatologies at high resolution for the earth's land surface areas. Scientific Data "
    "4: 170122."
)
#: Part of a file name to the maker of the layers: title, citation, licence.
_MAKERS = {
    "wc2": ("WorldClim 2.1", _WORLDCLIM, "terms at worldclim.org"),
    "worldclim": ("WorldClim", _WORLDCLIM, "terms at worldclim.org"),
    "chelsa": ("CHELSA", _CHELSA, "terms at chelsa-climate.org"),
}
_UNKNOWN = "not stated in the files"


def describe_study(
    title: str,
    slug: str,
    species: Sequence[str],
    n_records: int,
    n_cells: int,
    layers: Sequence[str],
    sources: list[Source],
    have_places: bool = True,
) -> StudyDescription:
    """Return the description of a study; `n_cells` is 0 without layers."""
    who = species[0] if len(species) == 1 else f"{len(species)} species"
    where = f"in {n_cells:,} cells " if n_cells else ""
    return StudyDescription(
        slug=slug,
        title=title,
        description=(
            f"{n_records:,} records of {who} {where}against {len(layers)} predictors: {', '.join(layers[:20])}"
            + (f" and {len(layers) - 20} more." if len(layers) > 20 else ".")
        ),
        records="presence-background",
        sources=sources,
        limits=_LIMITS if n_cells else [_LIMITS[0], _LIMITS[1], *([] if have_places else [_NO_PLACES])],
    )


_NO_PLACES = (
    "The records have no coordinates, so validation by place is impossible and the scores are likely to flatter."
)


def record_sources(files: Sequence[FileReport], licences: Counter[str]) -> list[Source]:
    """Return the sources of the records, with the licences of the records that are kept."""
    terms = ", ".join(f"{licence}: {n:,} records" for licence, n in sorted(licences.items()))
    sources = []
    for file in files:
        about = file.records
        if about is None:
            continue
        sources.append(
            Source(
                title=f"Records: {file.name}",
                citation=about.citation or ("The source is not stated in the file." if terms else _UNKNOWN),
                licence=terms or _UNKNOWN,
            )
        )
    return sources[:50]


def layer_sources(files: Sequence[FileReport], used: LayersReport) -> list[Source]:
    """Return the sources of the layers, by maker where the name of a file shows it."""
    names = {layer.file for layer, role in zip(used.layers, used.roles, strict=True) if role in ("training", "static")}
    titles: dict[tuple[str, str, str], list[str]] = {}
    for file in files:
        if file.name in names:
            maker = next((about for part, about in _MAKERS.items() if part in file.name.lower()), None)
            titles.setdefault(maker or ("", _UNKNOWN, _UNKNOWN), []).append(file.name)
    return [
        Source(
            title=(f"Layers: {title}" if title else "Layers")
            + f" ({', '.join(sorted(of)[:5])}"
            + (f" and {len(of) - 5} more)" if len(of) > 5 else ")"),
            citation=citation,
            licence=licence,
        )
        for (title, citation, licence), of in titles.items()
    ]


def describe_rules(recipe: Recipe, reasons: Sequence[ReasonCount]) -> list[str]:
    """Return the cleaning rules as sentences: what was checked, with the number of records that each check dropped."""
    sentences = []
    for reason in reasons:
        if reason.kind == "flag" and not reason.drops:
            continue
        state = (
            f"{reason.n:,} records left out."
            if reason.on
            else f"not applied, though it concerns {reason.n_concerned:,} records."
        )
        if reason.on or reason.n_concerned:
            sentences.append(f"{reason.label}: {state}")
    rules = recipe.rules
    if rules.licences is not None:
        sentences.append(f"Licences that are kept: {', '.join(rules.licences) or 'none'}.")
    if rules.first_year is not None or rules.last_year is not None:
        sentences.append(f"Years that are kept: {rules.first_year or 'any'} to {rules.last_year or 'any'}.")
    if rules.max_uncertainty_m is not None:
        sentences.append(f"Largest coordinate uncertainty: {rules.max_uncertainty_m:g} m.")
    if rules.thin_km is not None:
        sentences.append(f"Smallest distance between records of a species: {rules.thin_km:g} km.")
    for other, name in sorted(recipe.merge.items()):
        sentences.append(f"Records of {other} were counted as {name}.")
    return sentences


def used_files(files: Sequence[FileReport], names: set[str]) -> list[UsedFile]:
    """Return the files of a study as the card lists them."""
    return [
        UsedFile(name=file.name, sha256=file.sha256, size=file.size, content=file.sentence)
        for file in files
        if file.name in names
    ]


def describe_grid(grid: Grid, extent: tuple[float, float, float, float] | None, n_valid: int) -> str:
    """Return the grid of a study: size, cells, CRS and extent.

    Parameters
    ----------
    grid : Grid
    extent : tuple of float, or None
        West, south, east and north in degrees of WGS 84.
    n_valid : int
        Number of cells with a value in every layer.
    """
    cells = (
        f"{grid.width:,} × {grid.height:,} cells of {grid.cell_x:.6g} × {grid.cell_y:.6g} in {grid.crs[:200]}; "
        f"{n_valid:,} cells have a value in every layer."
    )
    if extent is None:
        return cells
    west, south, east, north = (f"{value:.2f}°".replace("-", "−") for value in extent)
    return f"{cells} The grid spans longitudes {west} to {east} and latitudes {south} to {north} (WGS 84)."


def used_layer(layer: LayerReport, resampled: bool) -> UsedLayer:
    """Return the layer of a predictor as the card lists it.

    Parameters
    ----------
    layer : LayerReport
        With the choice of the user applied, so that its notes say what was done to the values.
    resampled : bool
        Whether the layer was aligned to another grid.
    """
    parts = list(dict.fromkeys(layer.notes))
    if resampled:
        parts.append(
            "aligned to the grid by "
            + ("the nearest cell" if layer.kind == "categorical" else "bilinear interpolation")
        )
    return UsedLayer(
        predictor=layer.name,
        file=layer.file,
        band=layer.band,
        sha256=layer.sha256,
        treatment="; ".join(parts) or "as in the file",
    )
