"""The summary of a map: what `map.json` and the tags of its files say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ml.card import ModelCard, Source
from ml.projection.blocks import BlockResult
from ml.projection.cells import Unanswered
from ml.projection.inputs import ProjectionInputs
from ml.projection.quantities import VERDICT_COLOURS, Category, Quantity
from ml.serving.artifact import Artifact
from ml.serving.verdict import VERDICTS, WORDS

#: A CRS that is written out in a note, characters; longer ones are definitions.
_LONGEST_CRS = 30


def summarise(
    artifact: Artifact,
    inputs: ProjectionInputs,
    quantities: Sequence[Quantity],
    results: Sequence[BlockResult],
    files: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the content of `map.json`.

    Parameters
    ----------
    artifact : Artifact
    inputs : ProjectionInputs
    quantities : sequence of Quantity
    results : sequence of BlockResult
        In the order of the blocks, so that sums do not depend on the order in which they were finished.
    files : mapping of str to mapping
        Size and SHA-256 of each quantity's file.
    """
    card, grid = artifact.card, inputs.stack.grid
    cells = [sum(result.cells[n] for result in results) for n in range(len(VERDICTS))]
    areas = [math.fsum(result.areas[n] for result in results) for n in range(len(VERDICTS))]
    beyond, beyond_area = sum(r.beyond for r in results), math.fsum(r.beyond_area for r in results)
    outside_range = sum(r.outside_range for r in results)
    outside_range_area = math.fsum(r.outside_range_area for r in results)
    valid, area = sum(cells), math.fsum(areas)
    unanswered = Unanswered()
    for result in results:
        unanswered.add(Unanswered.from_json(result.unanswered))
    cutoff = artifact.predictor.cutoff()
    sources = sources_of(card, inputs)
    return {
        "model_id": artifact.model_id,
        "species": {"slug": card.species.slug, "scientific_name": card.species.scientific_name},
        "study": {"slug": card.study.slug, "title": card.study.title},
        "scenario": inputs.scenario.model_dump() if inputs.scenario is not None else None,
        "shift": inputs.shift,
        "shift_text": inputs.shift_text,
        "beyond": {
            "cells": beyond,
            "share": beyond / valid if valid else 0.0,
            "area_km2": beyond_area,
            "area_share": beyond_area / area if area else 0.0,
            "outside_range": {
                "cells": outside_range,
                "share": outside_range / valid if valid else 0.0,
                "area_km2": outside_range_area,
                "area_share": outside_range_area / area if area else 0.0,
            },
            "sentence": _beyond_sentence(
                beyond_area / area if area else 0.0, outside_range_area / area if area else 0.0
            ),
        },
        "grid": grid.model_dump(),
        "cells": {
            "total": grid.width * grid.height,
            "valid": valid,
            "by_verdict": dict(zip(VERDICTS, cells, strict=True)),
        },
        "area_km2": {"valid": area, "by_verdict": dict(zip(VERDICTS, areas, strict=True))},
        "without_answer": unanswered.as_json(),
        "threshold": {"value": cutoff.value, "rule": cutoff.rule},
        "better_than_chance": artifact.quality.better_than_chance,
        "legend": [
            {"index": n, "verdict": name, "label": WORDS[name], "colour": hexadecimal(VERDICT_COLOURS[name])}
            for n, name in enumerate(VERDICTS)
        ],
        "predictors": [predictor.name for predictor in card.predictors],
        "quantities": {one.name: _describe(one) | dict(files[one.name]) for one in quantities},
        "layers": [
            layer.model_dump() | {"unit": report.unit, "kind": report.kind}
            for layer, report in zip(inputs.used, inputs.stack.layers, strict=True)
        ],
        "sources": [source.model_dump() for source in sources],
        "licences": licences_of(sources),
        "citation": citation_of(artifact, inputs, sources),
        "notes": inputs.notes + ([_no_place_note(unanswered.no_place, grid.crs)] if unanswered.no_place else []),
    }


def _no_place_note(n: int, crs: str) -> str:
    """Return how many cells a grid has beside the Earth."""
    short = crs if len(crs) < _LONGEST_CRS else "the projection"
    return f"{n:,} cells of the grid have no place on Earth in {short}: they have no answer and no area."


def _beyond_sentence(beyond: float, outside_range: float) -> str:
    """Return how much of the area lies beyond what the model has seen, and in how much a single value does."""
    if beyond == 0.0:
        return "All of the map's area lies within what the model has seen in training."
    text = _percent(beyond)
    text = f"{text[:1].upper()}{text[1:]} of the map's area lies beyond what the model has seen in training"
    if outside_range == 0.0:
        return f"{text}: combinations of values are new there, no single value is outside its training range."
    return f"{text}; in {_percent(outside_range)} of the area a value is outside its training range."


def _percent(share: float) -> str:
    return "less than 1 %" if share < 0.01 else "more than 99 %" if 0.99 < share < 1.0 else f"{100 * share:.0f} %"


def _describe(quantity: Quantity) -> dict[str, Any]:
    return {
        "file": quantity.file,
        "title": quantity.title,
        "description": quantity.description,
        "dtype": {"|u1": "uint8", "<u2": "uint16", "<f4": "float32"}[quantity.dtype],
        "scale": quantity.scale,
        # JSON has no NaN.
        "nodata": None if math.isnan(quantity.nodata) else int(quantity.nodata),
        "categories": [
            {"value": one.value, "name": one.name, "label": one.label, "colour": hexadecimal(one.colour)}
            for one in quantity.categories
        ],
    }


def hexadecimal(colour: Iterable[int]) -> str:
    """Return a colour as CSS writes it."""
    return "#" + "".join(f"{part:02x}" for part in colour)


def sources_of(card: ModelCard, inputs: ProjectionInputs) -> list[Source]:
    """Return the sources of the model and those of the layers, each once."""
    sources = {source.model_dump_json(): source for source in [*card.study.sources, *inputs.sources]}
    return list(sources.values())


def licences_of(sources: Sequence[Source]) -> list[str]:
    """Return the licences of sources, each once."""
    return list(dict.fromkeys(source.licence for source in sources))


def citation_of(artifact: Artifact, inputs: ProjectionInputs, sources: Sequence[Source]) -> str:
    """Return how a map is cited."""
    card = artifact.card
    scenario = f" under the scenario {inputs.scenario.label}" if inputs.scenario is not None else ""
    scenario += f" with a stated change ({inputs.shift_text})" if inputs.shift else ""
    text = (
        f"EcoPredict. Map of the suitability for {card.species.scientific_name}{scenario}, model {artifact.model_id}, "
        f"study {card.study.title}."
    )
    cited = list(dict.fromkeys(source.citation.rstrip(". ") for source in sources))
    return f"{text} Data: {'; '.join(cited)}." if cited else text


def tags_of(artifact: Artifact, inputs: ProjectionInputs, quantity: Quantity) -> dict[str, str]:
    """Return the tags of a file."""
    card, cutoff = artifact.card, artifact.predictor.cutoff()
    sources = sources_of(card, inputs)
    tags = {
        "MODEL_ID": artifact.model_id,
        "SPECIES": card.species.scientific_name,
        "STUDY": card.study.title,
        "SCENARIO": inputs.scenario.label if inputs.scenario is not None else "present",
        "QUANTITY": quantity.name,
        "DESCRIPTION": quantity.description,
        "THRESHOLD": f"{cutoff.value!r} ({cutoff.rule})",
        "LICENCE": "; ".join(licences_of(sources)),
        "CITATION": citation_of(artifact, inputs, sources),
        "SOFTWARE": "EcoPredict",
    }
    if inputs.shift:
        tags["SHIFT"] = inputs.shift_text
    if quantity.categories:
        tags["LEGEND"] = legend_text(quantity.categories)
    return tags


def legend_text(categories: Sequence[Category]) -> str:
    """Return a legend in one line."""
    return "; ".join(f"{one.value} = {one.label}" for one in categories)
