"""The form that starts a map: the species whose studies have stored layers, and the scenarios of one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.catalogue import snapshot
from app.catalogue.entries import SpeciesEntry
from app.errors import AppError, ValidationFailed
from app.maps.shift_fields import PREFIX, ShiftField, fields_of
from app.places.stores import store_or_none
from app.registry import service as registry
from app.web.faces import settings
from app.web.input_validation import pointer_parts
from ml.layers.stored import list_stores

_LONGEST = 200


@dataclass
class MapForm:
    """The form.

    Attributes
    ----------
    species : list of (str, list of SpeciesEntry)
        Titles of studies and their species.
    chosen : SpeciesEntry or None
    scenarios : list of (str, str)
        Label and note of each scenario of the layers of the chosen species.
    scenario : str
        The chosen one; empty for the training conditions.
    note : str
        Of the chosen scenario.
    compared : list of str
        The chosen scenarios of a comparison.
    shifts : list of ShiftField
        Stated changes of layers.
    errors : dict of str to str
        By field; under "" what concerns none.
    """

    species: list[tuple[str, list[SpeciesEntry]]]
    chosen: SpeciesEntry | None = None
    scenarios: list[tuple[str, str]] = field(default_factory=list)
    scenario: str = ""
    compared: list[str] = field(default_factory=list)
    shifts: list[ShiftField] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """Note of the chosen scenario."""
        return next((note for label, note in self.scenarios if label == self.scenario), "")


def form_for(
    species: str,
    scenario: str = "",
    error: AppError | None = None,
    *,
    compared: Sequence[str] = (),
    typed: Mapping[str, str] | None = None,
) -> MapForm:
    """Return the form with a chosen species, by default the first one, and the messages of an error.

    `compared` are the chosen scenarios of a comparison, and `typed` has the fields of stated changes.
    """
    form = MapForm(_species_with_layers(), scenario=scenario[:_LONGEST], compared=list(compared))
    every = [entry for _, entries in form.species for entry in entries]
    name = species[:_LONGEST]
    form.chosen = next((entry for entry in every if entry.slug == name), None)
    if form.chosen is None and name:
        try:
            form.chosen = snapshot.current().resolve(name)
        except ValidationFailed as unknown:
            form.errors["species"] = _sentence(unknown.listed[0][1])
    if form.chosen is None and not name and every:
        form.chosen = every[0]
    if form.chosen is not None and form.chosen.model is not None:
        card = registry.card_of(form.chosen.model)
        store = store_or_none(card)
        sets = store.index.sets if store is not None else []
        form.shifts = fields_of(card.predictors, typed or {})
        form.scenarios = [(one.scenario, one.note) for one in sets if one.scenario is not None]
    for at, text in error.listed if error is not None else []:
        parts = pointer_parts(at)
        form.errors[_field_of(parts)] = _sentence(text)
    if error is not None and not form.errors:
        form.errors[""] = error.detail
    return form


def _field_of(parts: list[str]) -> str:
    if parts[:1] == ["shift"]:
        return PREFIX + "/".join(parts[1:])
    return parts[0] if parts[:1] in (["scenario"], ["scenarios"]) else "species"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _species_with_layers() -> list[tuple[str, list[SpeciesEntry]]]:
    by_study: dict[str, list[SpeciesEntry]] = {}
    titles: dict[str, str] = {}
    for entry in snapshot.current().species:
        if entry.model is None:
            continue
        if entry.study.slug not in titles:
            has_layers = bool(list_stores(settings().layers_dir / entry.study.slug))
            titles[entry.study.slug] = entry.study.title if has_layers else ""
        if titles[entry.study.slug]:
            by_study.setdefault(titles[entry.study.slug], []).append(entry)
    return [(title, sorted(by_study[title], key=lambda one: one.scientific_name)) for title in sorted(by_study)]
