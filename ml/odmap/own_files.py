"""Texts about a study made of a user's own files: the files, the cleaning rules, the layers and the command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ml.card_preparation import Preparation, UsedLayer
from ml.odmap.wording import ElementText, OdmapTable, counted, listed, number, sentence, table
from ml.records.duplicates import DUPLICATE_REASONS
from ml.records.reasons import OF_PLACES

#: First characters of a hash that a table shows; the card has all of them.
HASH_LENGTH = 12
_AS_IN_FILE = "as in the file"
_ALIGNED = "aligned to the grid"
_SPAN = "The grid spans"
_NOT_SHOWN = "not shown"
#: Citation and licence of files that state neither.
NOT_STATED = "not stated in the files"
#: What the card of own data has in the place of a citation.
UNCITED = (NOT_STATED, "The source is not stated in the file.")
#: Text of a model whose predictors are not transformed.
NO_TRANSFORM = "No predictor was transformed before the fit."


def sources(about: Preparation) -> ElementText:
    """Return the files with their hashes, as the data sources."""
    rows = [
        [file.name, file.content, f"{file.size:,}" if file.size is not None else _NOT_SHOWN, file.sha256 or _NOT_SHOWN]
        for file in about.files
    ]
    return ElementText(
        f"{counted(len(rows), 'file')} of the user's own data.",
        tables=(table("Files", ["File", "Content", "Bytes", "SHA-256"], rows, words=(0, 1, 3)),),
    )


def cleaning(about: Preparation, left_out: OdmapTable | None, kept: str) -> ElementText:
    """Return the cleaning rules in sentences, and the records left out.

    Parameters
    ----------
    about : Preparation
    left_out : OdmapTable or None
        Records left out by reason.
    kept : str
        A sentence with the numbers.
    """
    return ElementText(
        f"{sentence(kept)} These rules were applied:" if about.rules else kept,
        points=tuple(sentence(rule) for rule in about.rules),
        tables=(left_out,) if left_out is not None else (),
        to_write="",
    )


def layers(about: Preparation) -> ElementText:
    """Return the layer of each predictor, as the predictors' data sources."""
    by_file: dict[tuple[str, str], list[UsedLayer]] = {}
    for layer in about.layers:
        by_file.setdefault((layer.file, layer.sha256), []).append(layer)
    rows = []
    for (file, sha256), members in by_file.items():
        members = sorted(members, key=lambda layer: (0, int(layer.band)) if layer.band.isdecimal() else (1, 0))
        predictors = ", ".join(layer.predictor for layer in members)
        rows.append([file, predictors, bands([layer.band for layer in members]), sha256[:HASH_LENGTH] or "–"])
    columns = ["File", "Predictors", "Bands", "SHA-256 with companions"]
    return ElementText(
        f"{counted(len(about.layers), 'layer')}, each read from a file of the user.",
        tables=(
            table(
                "Layer of each predictor, in the order of the bands; the card has all characters of the hashes",
                columns,
                rows,
                words=(0, 1, 2, 3),
            ),
        ),
    )


def bands(names: Sequence[str]) -> str:
    """Return bands as a list in which three or more numbers in a row are a range."""
    if not all(name.isdecimal() for name in names):
        return ", ".join(names)
    runs: list[list[int]] = []
    for band in map(int, names):
        if runs and band == runs[-1][-1] + 1:
            runs[-1].append(band)
        else:
            runs.append([band])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def has_grid(about: Preparation) -> bool:
    """Return whether the study has a grid; samples with data have none."""
    return " cells of " in about.grid


def extent(about: Preparation, presences: ElementText) -> ElementText:
    """Return the extent of the study area, which is that of the grid, after the extent of the presences."""
    if not has_grid(about):
        return presences
    text = presences.text.partition(" The extent of the ")[0]
    return ElementText(
        f"{sentence(text)} The study area is the part of the grid with a value in every layer. {sentence(about.grid)}",
        to_write="" if _SPAN in about.grid else None,
    )


def resolution(about: Preparation) -> ElementText:
    """Return the size of the cell that one record stands for."""
    if not has_grid(about):
        return ElementText()
    return ElementText(f"One record stands for one cell of the grid: {_cells(about)}.", to_write="")


def layers_extent(about: Preparation) -> ElementText:
    """Return the extent of the layers' files as far as the grid shows it."""
    if not has_grid(about) or _SPAN not in about.grid:
        return ElementText()
    return _of_files(about, about.grid[about.grid.index(_SPAN) :])


def layers_resolution(about: Preparation) -> ElementText:
    """Return the resolution of the layers' files as far as the grid shows it."""
    if not has_grid(about):
        return ElementText()
    return _of_files(about, f"{_cells(about)[:1].upper()}{_cells(about)[1:]}.")


def _of_files(about: Preparation, text: str) -> ElementText:
    aligned = [layer.predictor for layer in about.layers if _ALIGNED in layer.treatment]
    if not aligned:
        return ElementText(f"{text} All files have this grid.", to_write="")
    return ElementText(
        f"{text} The files of {listed(aligned)} have other grids and were aligned to it.",
        to_write=f"Give that of the files of {listed(aligned)}.",
    )


def _cells(about: Preparation) -> str:
    unit = "degrees" if "in EPSG:4326" in about.grid else "the unit of the coordinate reference system"
    return f"{about.grid.partition('; ')[0]} (cell size in {unit})"


def scaling(about: Preparation, dropped: Mapping[str, int]) -> ElementText:
    """Return how the records were thinned: one a cell, duplicates, and the smallest distance.

    Parameters
    ----------
    about : Preparation
    dropped : mapping of str to int
        Records left out, by reason.
    """
    counts = {reason.lower(): n for reason, n in dropped.items() if n}
    distance = (json.loads(about.recipe or "{}").get("rules") or {}).get("thin_km")
    reasons = {reason: f"there was {reason}" for reason in DUPLICATE_REASONS}
    reasons["duplicate"] = "another had the same species, place and date"
    reasons["thinned"] = "another of the species was nearer than " + (
        f"{number(distance)} km" if distance else "the distance that was chosen"
    )
    texts = ["A cell of the grid with records of the species is one presence."] if has_grid(about) else []
    texts += [
        f"{counted(counts[reason], 'record')} left out because {why}."
        for reason, why in reasons.items()
        if reason in counts
    ]
    if OF_PLACES in counts:
        texts.append("How many records were left out for being close to another is not told apart here.")
    return ElementText(" ".join(texts) or "No record was left out for being close to another.", to_write="")


def grid(about: Preparation) -> ElementText:
    """Return the grid of the layers, with its coordinate reference system."""
    text = sentence(about.grid)
    if has_grid(about):
        text += " Coordinates of records were transformed to WGS 84 and then to this grid."
    return ElementText(text, to_write="")


def processing(about: Preparation, transforms: str) -> ElementText:
    """Return what was done to the values of each layer, and the transforms before the fit."""
    names: dict[str, list[str]] = {}
    for layer in about.layers:
        if layer.treatment:
            names.setdefault(layer.treatment, []).append(layer.predictor)
    points = tuple(sentence(f"{listed(group)}: {treatment}") for treatment, group in names.items())
    if not any(treatment != _AS_IN_FILE and not treatment.startswith("as in the table") for treatment in names):
        return ElementText(transforms, points=points, to_write="" if points else None)
    converted = "Values were converted as listed below"
    text = f"{converted}; the model applies no further transform."
    if transforms != NO_TRANSFORM:
        text = f"{converted}. Then {transforms}"
    return ElementText(text, points=points, to_write="")


def command(about: Preparation, text: str) -> ElementText:
    """Return how the fit is repeated: a text, and the command."""
    return ElementText(f"{sentence(text)} The command is: {about.command}")


def availability(about: Preparation, text: str) -> ElementText:
    """Return where the data are: the files by hash, and the recipe in the card."""
    return ElementText(
        f"{sentence(text)} The {counted(len(about.files), 'file')} are listed there with SHA-256; the recipe is in the "
        "model card. The two are enough to make the training table again."
    )
