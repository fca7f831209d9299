"""The form of the page of layers: from its fields to the change that the API takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.layers.schemas import LayersAnswer
from app.web.form_values import Form, FormErrors, change_of_button
from ml.recipes.recipe import LayerChoice
from ml.recipes.reports import LayerReport

#: The texts of a layer that can be typed, and the member of the choice.
_TEXTS = ("name", "unit", "crs", "scenario")
_NUMBERS = ("factor", "offset")


def change_of(fields: Mapping[str, str], answer: LayersAnswer, errors: FormErrors) -> dict[str, Any]:
    """Return the body of PATCH for the form: only what differs from the state.

    Parameters
    ----------
    fields : mapping
        ``<member>.<number>`` is a member of the choice of a layer by its position in `answer`.
    answer : LayersAnswer
        The state.
    errors : FormErrors
        Receives the fields that cannot be read.
    """
    body: dict[str, Any] = {}
    choices = {(choice.file, choice.band): choice for choice in answer.choices}
    layers = []
    for number, (layer, role) in enumerate(zip(answer.layers, answer.roles, strict=True)):
        choice = choices.get((layer.file, layer.band), LayerChoice(file=layer.file, band=layer.band))
        changed = _layer(fields, number, layer, role, choice, errors)
        if changed:
            layers.append({"file": layer.file, "band": layer.band, **changed})
    if layers:
        body["layers"] = layers
    if "grid" in fields:
        grid = _grid(fields["grid"], answer)
        if grid != answer.chosen_grid:
            body["grid"] = grid
    pressed = change_of_button(fields, errors)
    if isinstance(pressed.get("layers"), list):
        pressed["layers"] = [*layers, *pressed["layers"]]
    return body | pressed


def layer_numbers(body: Mapping[str, Any], answer: LayersAnswer) -> dict[int, int]:
    """Return the position on the page of each layer of a body of PATCH."""
    positions = {(layer.file, layer.band): number for number, layer in enumerate(answer.layers)}
    numbers = {}
    for number, item in enumerate(body.get("layers", [])):
        if isinstance(item, dict):
            numbers[number] = positions.get((str(item.get("file")), str(item.get("band", "1"))), -1)
    return numbers


def _layer(
    fields: Mapping[str, str], number: int, layer: LayerReport, role: str, choice: LayerChoice, errors: FormErrors
) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if fields.get(f"role.{number}", role) != role:
        changed["role"] = fields[f"role.{number}"]
    if fields.get(f"kind.{number}", layer.kind) != layer.kind:
        changed["kind"] = fields[f"kind.{number}"]
    for member in _TEXTS:
        field = f"{member}.{number}"
        if field in fields:
            text = fields[field].strip() or None
            if text != getattr(choice, member):
                changed[member] = text
    form = Form(fields, errors)
    for member in _NUMBERS:
        field = f"{member}.{number}"
        if field in fields:
            value = form.number(field)
            if value != getattr(choice, member):
                changed[member] = value
    if f"legend.{number}" in fields:
        legend = _legend(fields[f"legend.{number}"], f"legend.{number}", errors)
        if legend != choice.legend:
            changed["legend"] = legend
    return changed


def _legend(text: str, field: str, errors: FormErrors) -> dict[str, str] | None:
    """Return codes with labels from lines such as "3 = steppe"; None without lines."""
    legend: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        code, sign, label = line.partition("=")
        code, label = code.strip(), label.strip()
        if not (sign and code and label):
            errors.add(field, f"line {number} must be a code, the sign = and a label, as in 3 = steppe")
            return None
        if code in legend:
            errors.add(field, f"line {number} repeats the code {code[:20]}")
            return None
        legend[code] = label
    return legend or None


def _grid(text: str, answer: LayersAnswer) -> tuple[str, str] | None:
    """Return the layer whose position is the value of a field; None for "as chosen by the program"."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 4) or int(text) >= len(answer.layers):
        return None
    layer = answer.layers[int(text)]
    return layer.file, layer.band
