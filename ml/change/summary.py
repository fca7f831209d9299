"""The summary of a comparison: what `change.json` and the tags of its files say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.card import Source
from ml.change.counting import ScenarioCount, Suitable, Tally, Together
from ml.change.maps import MapRef
from ml.change.quantities import CLASSES, words_of
from ml.change.range_size import DEFINITIONS
from ml.change.sentences import NO_RECORDS, agreement_sentence, beyond_sentence, sentences_of
from ml.projection.quantities import SCALE, Quantity
from ml.projection.summary import hexadecimal, legend_text, licences_of

_CAVEAT = (
    "A cell of which the model cannot say anything, today or in the scenario, is neither a gain nor a loss. The "
    "figures state exposure to a change of the conditions, not a forecast: dispersal, time and other pressures are not "
    "in them."
)
_CHANCE = "The model is not better than chance, so that it cannot say anything about any cell."


@dataclass(frozen=True)
class Counts:
    """Counts of all cells.

    Attributes
    ----------
    today : Suitable
    scenarios : list of ScenarioCount
    together : Together or None
        Of several scenarios.
    """

    today: Suitable
    scenarios: list[ScenarioCount]
    together: Together | None

    @property
    def suitable(self) -> list[Suitable]:
        """Suitable cells of each map, today first."""
        return [self.today, *(one.suitable for one in self.scenarios)]


def summarise(
    refs: Sequence[MapRef],
    counts: Counts,
    sizes: Sequence[Mapping[str, Any]],
    quantities: Sequence[Quantity],
    files: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the content of `change.json`.

    Parameters
    ----------
    refs : sequence of MapRef
        Today first.
    counts : Counts
    sizes : sequence of mapping
        AOO and EOO of each map, today first.
    quantities : sequence of Quantity
    files : mapping of str to mapping
        Size and SHA-256 of each quantity's file.
    """
    about, together = refs[0].about, counts.together
    today = counts.today.as_json() | dict(sizes[0])
    scenarios = [
        _scenario(ref, count, counts.today, size)
        for ref, count, size in zip(refs[1:], counts.scenarios, sizes[1:], strict=True)
    ]
    classes = together.classes if together is not None else counts.scenarios[0].classes
    agreement = together.agreement_json() if together is not None else None
    spread = together.spread_json(SCALE) if together is not None else None
    # first what lies beyond, of all scenarios
    sentences = [one["beyond"]["sentence"] for one in scenarios]
    if agreement is not None:
        sentences.append(agreement_sentence(len(scenarios), agreement, counts.today.tally.km2))
    else:
        sentences = list(scenarios[0]["sentences"])
    sources = _sources(refs)
    return {
        "kind": "change",
        "model_id": about.model_id,
        "species": about.species.model_dump(include={"slug", "scientific_name"}),
        "study": about.study.model_dump(include={"slug", "title"}),
        "sentences": sentences,
        "scenarios": scenarios,
        "today": today,
        "classes": _classes(classes, len(scenarios)),
        "agreement": agreement,
        "spread": spread,
        "definitions": DEFINITIONS,
        "caveat": _CAVEAT,
        "legend": [
            {"index": one.value, "name": one.name, "label": one.label, "colour": hexadecimal(one.colour)}
            for one in quantities[0].categories
        ],
        "grid": about.grid.model_dump(),
        "quantities": {one.name: _describe(one) | dict(files[one.name]) for one in quantities},
        "sources": [source.model_dump() for source in sources],
        "licences": licences_of(sources),
        "citation": _citation(refs, sources),
        "notes": _notes(refs),
    }


def _scenario(ref: MapRef, count: ScenarioCount, today: Suitable, size: Mapping[str, Any]) -> dict[str, Any]:
    beyond = count.beyond_json()
    beyond["sentence"] = beyond_sentence(ref.label, beyond)
    moved = count.movement()
    content = {
        "label": ref.label,
        "scenario": ref.about.scenario.label if ref.about.scenario is not None else None,
        "shift": ref.about.shift,
        "map_key": ref.about.key,
        "beyond": beyond,
        "exposure": count.exposure_json(),
        "classes": _classes(count.classes, 1),
        "suitable": count.suitable.as_json() | dict(size),
        "shift_km": moved[0] if moved is not None else None,
        "bearing": moved[1] if moved is not None else None,
        "without_answer": {"only_today": count.only_today.as_json(), "only_scenario": count.only_scenario.as_json()},
    }
    return content | {"sentences": sentences_of(ref.label, content)}


def _classes(tallies: Sequence[Tally], n_scenarios: int) -> dict[str, Any]:
    words = words_of(n_scenarios)
    return {name: tallies[CLASSES.index(name)].as_json() | {"label": label} for name, label in words.items()}


def _describe(quantity: Quantity) -> dict[str, Any]:
    return {
        "file": quantity.file,
        "title": quantity.title,
        "description": quantity.description,
        "dtype": {"|u1": "uint8", "<u2": "uint16"}[quantity.dtype],
        "scale": quantity.scale,
        "nodata": None if math.isnan(quantity.nodata) else int(quantity.nodata),
        "categories": [
            {"value": one.value, "name": one.name, "label": one.label, "colour": hexadecimal(one.colour)}
            for one in quantity.categories
        ],
    }


def _notes(refs: Sequence[MapRef]) -> list[str]:
    notes = [] if refs[0].about.better_than_chance else [_CHANCE]
    for ref in refs:
        notes += [f"{ref.label or 'Today'}: {note}" for note in ref.about.notes]
    return [*dict.fromkeys(notes), NO_RECORDS]


def _sources(refs: Sequence[MapRef]) -> list[Source]:
    sources = {source.model_dump_json(): source for ref in refs for source in ref.about.sources}
    return list(sources.values())


def _citation(refs: Sequence[MapRef], sources: Sequence[Source]) -> str:
    about = refs[0].about
    labels = ", ".join(ref.label for ref in refs[1:])
    text = (
        f"EcoPredict. Change of the suitability for {about.species.scientific_name} between today and {labels}, model "
        f"{about.model_id}, study {about.study.title}."
    )
    cited = list(dict.fromkeys(source.citation.rstrip(". ") for source in sources))
    return f"{text} Data: {'; '.join(cited)}." if cited else text


def tags_of(refs: Sequence[MapRef], quantity: Quantity) -> dict[str, str]:
    """Return the tags of a file."""
    about, sources = refs[0].about, _sources(refs)
    tags = {
        "MODEL_ID": about.model_id,
        "SPECIES": about.species.scientific_name,
        "STUDY": about.study.title,
        "SCENARIO": "; ".join(ref.label for ref in refs[1:]),
        "COMPARED_WITH": "present",
        "QUANTITY": quantity.name,
        "DESCRIPTION": quantity.description,
        "LICENCE": "; ".join(licences_of(sources)),
        "CITATION": _citation(refs, sources),
        "SOFTWARE": "EcoPredict",
    }
    unsure = next((one.value for one in quantity.categories if one.name == "cannot_say"), None)
    if unsure is not None:
        tags["CANNOT_SAY"] = str(unsure)
    if quantity.categories:
        tags["LEGEND"] = legend_text(quantity.categories)
    return tags
