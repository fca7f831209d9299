"""Inspection of layer files: what each band or variable is, from its name, georeference and all of its values."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyproj
from pyproj.exceptions import CRSError

from ml.layers import layer_names
from ml.layers.crs_checks import crs_problems, extent_of
from ml.layers.errors import LayerError
from ml.layers.files import companions, hash_layers
from ml.layers.gridded_netcdf import NetCdfSource, is_netcdf
from ml.layers.legends import MAX_CLASSES, code, read_legend
from ml.layers.placement import Placement, place
from ml.layers.raster_values import Source, Summary, summarise
from ml.layers.rasters import MAX_BYTES, Band, RasterSource, gdal
from ml.layers.review_checks import layers_remedy
from ml.layers.scenarios import recognise_scenario
from ml.recipes.reports import DoubtfulValue, LayerReport, Problem

#: Whole numbers of a layer without a legend are taken as codes if there are no more of them.
_FEW_CODES = 20


def open_source(path: Path) -> Source:
    """Open a raster or NetCDF file; within `rasters.gdal`.

    Raises
    ------
    LayerError
        The file is missing, is a link, is not of a known format, or exceeds a bound.
    """
    for file in (path, *companions(path)):
        try:
            status = file.lstat()
        except OSError as error:
            raise LayerError(f"{file.name} cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(status.st_mode):
            kind = "a link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            raise LayerError(f"{file.name} is {kind}: copy the file itself")
        if status.st_size > MAX_BYTES:
            raise LayerError(f"{file.name} has {status.st_size:,} bytes; at most {MAX_BYTES:,} are read")
    if path.stat().st_size == 0:
        raise LayerError(f"{path.name} is empty")
    try:
        return NetCdfSource(path) if is_netcdf(path) else RasterSource(path)
    except OSError as error:
        raise LayerError(f"{path.name} cannot be read: {error.strerror or error}") from error


def inspect_layers(path: Path, progress: Callable[[float], None] | None = None) -> list[LayerReport]:
    """Read a layer file and describe its bands or variables.

    Parameters
    ----------
    path : Path
        GeoTIFF, COG, ESRI ASCII grid, R grid (the ``.grd``; its ``.gri`` beside it), NetCDF 3 or 4.
    progress : callable, optional
        Gets the share that is done.

    Returns
    -------
    list of LayerReport
        One for each band or variable; damaged bands with a problem.

    Raises
    ------
    LayerError
        The file is not a raster, is a link, is rotated, has no gridded variable, or exceeds a bound.
    """
    with gdal():
        source = open_source(path)
        try:
            place_source(path, source, None)
            digest = hash_layers(path)
            reports = []
            for number, band in enumerate(source.bands):

                def share(part: float, number: int = number) -> None:
                    if progress is not None:
                        progress((number + part) / len(source.bands))

                reports.append(_describe(path, source, band, digest, share))
        finally:
            source.close()
    for text in getattr(source, "refused", [])[:20]:
        reports[0].notes.append(f"left out: {text}")
    return reports


def place_source(path: Path, source: Source, crs: str | None, *, turn: bool = True) -> Placement:
    """Return the placement of a file, with the CRS that was typed for a file without one.

    Parameters
    ----------
    path : Path
    source : Source
    crs : str or None
    turn : bool
        Turn longitudes to -180…180.

    Raises
    ------
    LayerError
        The grid is rotated, has no georeference, or the CRS is not known.
    """
    layout = source.layout
    text = crs or layout.crs or ""
    geographic = False
    if text:
        try:
            geographic = pyproj.CRS.from_user_input(text).is_geographic
        except CRSError as error:
            raise LayerError(f"{path.name}: {text[:60]!r} is not a known coordinate reference system") from error
    if not layout.georeferenced:
        raise LayerError(f"{path.name} has no georeference: add its world file (.tfw), or export it with coordinates")
    return place(path.name, layout.width, layout.height, layout.transform, text, geographic and turn)


def _describe(path: Path, source: Source, band: Band, digest: str, progress: Callable[[float], None]) -> LayerReport:
    placement = place_source(path, source, None)
    problems = crs_problems(path, band, place_source(path, source, None, turn=False).grid)
    is_wrong = any(problem.code == "crs-wrong" for problem in problems)
    if is_wrong:
        # Longitudes are turned when the right CRS is known.
        placement = place_source(path, source, None, turn=False)
    name, title = _name(path, source, band)
    report = LayerReport(
        file=path.name,
        band=band.band,
        name=name,
        title=title,
        unit=band.unit,
        scale=band.scale,
        offset=band.offset,
        crs=placement.grid.crs or None,
        grid=placement.grid,
        extent=None if is_wrong else extent_of(placement.grid),
        scenario=recognise_scenario(path.stem) or (recognise_scenario(band.title) if band.title else None),
        sha256=digest,
        notes=[*placement.notes, *([band.note] if band.note else [])],
        problems=problems,
    )
    known = layer_names.KNOWN.get(name)
    if not report.unit and known is not None:
        report.unit = known.unit
    if known is None and not layer_names.is_latin(title):
        # The name is not readable.
        report.label = title
    legend, legend_file = read_legend(path, int(band.band)) if band.band.isdigit() else ({}, "")
    classes = {float(key) for key in legend if key.lstrip("-").isdigit()}
    try:
        summary = summarise(source, band, placement, classes, progress)
    except LayerError as error:
        report.problems.append(_problem(report, "damaged", f"{error}: replace the file, or leave the layer unused"))
        return report
    _add_values(report, band, summary)
    _add_kind(report, band, summary, legend, legend_file)
    _add_doubtful(report, band, summary)
    return report


def _name(path: Path, source: Source, band: Band) -> tuple[str, str]:
    """Return the canonical name of a layer, and its name in the file."""
    title = band.title
    if isinstance(source, NetCdfSource):
        return layer_names.canonical_name(title), title
    if len(source.bands) == 1:
        own = layer_names.canonical_name(path.stem)
        useful = layer_names.is_useful(title) and not layer_names.is_auxiliary(path.name, own)
        if own in layer_names.KNOWN or not useful:
            return own, title or path.stem
        return layer_names.canonical_name(title), title
    if layer_names.is_useful(title) and title != path.stem:
        return layer_names.canonical_name(title), title
    if len(source.bands) == 19 and "bioc" in path.stem.lower():
        return f"bio{band.band}", title or f"band {band.band}"
    stem = layer_names.canonical_name(path.stem)[:50]
    return f"{stem}_{band.band}", title or f"band {band.band}"


def _add_values(report: LayerReport, band: Band, summary: Summary) -> None:
    report.values_hash = f"{summary.digest:016x}"
    report.missing = [mark for mark in summary.missing if np.isfinite(mark)]
    report.notes += summary.notes
    report.nodata_share = (summary.n - summary.n_valid) / summary.n
    if (band.scale, band.offset) != (1.0, 0.0):
        report.notes.append(f"scale {band.scale:g} and offset {band.offset:g} applied")
    if not summary.n_valid:
        report.problems.append(
            _problem(
                report,
                "no-values",
                f"{report.file}, band {band.band}: no cell has a value; replace the file, or leave the layer unused",
            )
        )
        return
    edges = [summary.minimum * band.scale + band.offset, summary.maximum * band.scale + band.offset]
    report.minimum, report.maximum = min(edges), max(edges)
    report.mean = summary.total / summary.n_valid * band.scale + band.offset


def _add_kind(report: LayerReport, band: Band, summary: Summary, legend: dict[str, str], legend_file: str) -> None:
    """Recognise classes: by a legend, a colour table, a name, or few distinct whole numbers."""
    codes = summary.codes
    if codes and (band.scale, band.offset) == (1.0, 0.0):
        report.codes = sorted(codes)
    if not codes or (band.scale, band.offset) != (1.0, 0.0) or report.name in layer_names.KNOWN or report.unit:
        return
    named = layer_names.is_of_classes(report.name) or layer_names.is_of_classes(report.title.lower())
    few = len(codes) <= _FEW_CODES and len(codes) * 10 <= summary.n_valid
    if not (legend or band.palette or (named and len(codes) <= MAX_CLASSES) or few):
        return
    report.kind = "categorical"
    report.levels = {code(value): code(value) for value in sorted(codes)}
    if legend:
        report.levels |= {key: label for key, label in legend.items() if key in report.levels}
        report.legend_from = legend_file
        unlabelled = [key for key in report.levels if key not in legend]
        if unlabelled:
            report.notes.append(f"codes without a label in {legend_file}: {', '.join(unlabelled[:10])}")
    elif not (band.palette or named):
        report.problems.append(
            Problem(
                code="kind-unsure",
                text=f"{report.file}, band {band.band} ({report.name}) has only {len(codes)} different values, all "
                "whole numbers: it is used as categories; choose continuous if the numbers are quantities",
                blocking=False,
                file=report.file,
                band=band.band,
                remedy=layers_remedy("treat as continuous", [report], kind="continuous"),
            )
        )


def _add_doubtful(report: LayerReport, band: Band, summary: Summary) -> None:
    """State values that may mean no value, with what the layer has without them."""
    for mark, *ends in summary.doubtful:
        total, n = summary.total - mark.value * mark.n, summary.n_valid - mark.n
        edges = [end * band.scale + band.offset for end in ends]
        report.doubtful.append(
            DoubtfulValue(
                value=mark.value,
                cells=mark.n,
                minimum=min(edges),
                maximum=max(edges),
                mean=total / n * band.scale + band.offset,
            )
        )


def _problem(report: LayerReport, code: str, text: str) -> Problem:
    """Return a problem that is solved by leaving the layer out."""
    solution = layers_remedy("leave it unused", [report], role="unused")
    return Problem(code=code, text=text, file=report.file, band=report.band, remedy=solution)
