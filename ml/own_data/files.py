"""What a file of a user is: records, layers, or a companion of a layer."""

from __future__ import annotations

from pathlib import Path

from ml.layers.files import sha256_of
from ml.recipes.companions import CITATION, is_companion
from ml.recipes.recipe import RecordFile
from ml.recipes.reports import FileReport, LayerReport, Problem, RecordFileReport

_RASTER_MARKS = (
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"CDF\x01",
    b"CDF\x02",
    b"CDF\x05",
    b"\x89HDF\r\n\x1a\n",
)
_RASTER_ENDINGS = (".tif", ".tiff", ".asc", ".grd", ".nc", ".nc4", ".cdf")
_FORMATS = {
    "darwin-core-archive": "Darwin Core Archive",
    "event-core-archive": "Darwin Core Archive of events",
    "gbif-simple-csv": "GBIF simple download",
    "table": "Table of records",
    "swd-table": "Samples with data",
    "workbook": "Excel workbook",
}


def is_raster(path: Path) -> bool:
    """Return whether a file is a raster by its first bytes, or else by its ending."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if start.startswith(_RASTER_MARKS):
        return True
    if start[:200].lstrip().lower().startswith((b"ncols", b"nrows", b"[general]")):
        return True
    return path.suffix.lower() in _RASTER_ENDINGS


def inspect_file(folder: Path, name: str, choice: RecordFile | None = None, sha256: str = "") -> FileReport:
    """Find out what a file is.

    Parameters
    ----------
    folder : Path
        Folder of the file and its companions.
    name : str
    choice : RecordFile, optional
        How a file of records is read where that is not guessed.
    sha256 : str
        Hash of the file where it is known.

    Returns
    -------
    FileReport
        With the role "unknown" and the reason for a file that cannot be read.

    Raises
    ------
    OSError
        There is no such file.
    """
    path = folder / name
    report = FileReport(
        name=name, size=path.stat().st_size, sha256=sha256 or sha256_of(path), role="unknown", sentence=""
    )
    if is_companion(name):
        owner = "file of records, and states its citation" if name.casefold().endswith(CITATION) else "layer file"
        return report.model_copy(update={"role": "companion", "sentence": f"Belongs to a {owner}."})
    update: dict[str, object]
    try:
        if is_raster(path):
            # Each of the two readers needs about a second to import.
            from ml.layers.inspection import inspect_layers

            layers = inspect_layers(path)
            problems = [problem for layer in layers for problem in layer.problems]
            update = {"role": "layers", "layers": layers, "sentence": describe_layers(layers), "problems": problems}
        else:
            from ml.records.reading import column_problems, inspect_records

            records = inspect_records(path, choice)
            reasons = column_problems(records)
            if reasons and not records.mapping:
                # Any text can be read as a table, but no column of this one means something.
                raise ValueError(reasons[0])
            update = {
                "role": "records",
                "records": records,
                "sentence": describe_records(records),
                "problems": [
                    Problem(code="columns", text=f"{name}: {_without_name(reason, name)}", file=name)
                    for reason in reasons
                ],
            }
    except ValueError as error:
        text = _without_name(str(error), name)
        problem = Problem(code="unreadable", text=f"{name}: {text}", blocking=False, file=name)
        if "." not in text.split(" ")[0].rstrip(".,:"):
            # The name of a file keeps its first letter.
            text = text[:1].upper() + text[1:]
        update = {"sentence": text, "problems": [problem]}
    return report.model_copy(update=update)


def _without_name(text: str, name: str) -> str:
    """Return a message as one line that does not begin with the name of the file."""
    line = " ".join(text.split())
    for separator in (": ", ", ", " "):
        line = line.removeprefix(name + separator)
    return line


def describe_records(report: RecordFileReport) -> str:
    """Return a sentence such as ``GBIF simple download, 1,268 records, Lacerta schreiberi``."""
    parts = [_FORMATS.get(report.format, "Records"), f"{report.n:,} record{'s' if report.n != 1 else ''}"]
    if len(report.species) == 1:
        parts.append(report.species[0][0])
    elif report.species:
        parts.append(f"{report.species[0][0]} and other species")
    else:
        parts.append("no species names")
    return ", ".join(parts)


def describe_layers(layers: list[LayerReport]) -> str:
    """Return a sentence such as ``4 layers, HadGEM3 SSP245 2081–2100``."""
    names = ", ".join(layer.name for layer in layers[:6]) + (f" and {len(layers) - 6} more" if len(layers) > 6 else "")
    count = "1 layer" if len(layers) == 1 else f"{len(layers)} layers"
    labels = list(dict.fromkeys(layer.scenario.label for layer in layers if layer.scenario is not None))
    return f"{count}: {names}" + (f"; scenario {', '.join(labels)}" if labels else "")
