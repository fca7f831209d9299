"""Fields of the form of maps for stated changes of continuous layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import ValidationFailed
from app.web.input_validation import pointer
from ml.card import Predictor
from ml.numbers import with_unit
from ml.projection.shifts import ShiftError, bound_of, check_shift

PREFIX = "shift-"
_LONGEST = 40


@dataclass
class ShiftField:
    """The field of one predictor.

    Attributes
    ----------
    name, label, unit : str
    bound : float
        Largest change either way.
    bound_text : str
        With its unit.
    value : str
        As it was typed.
    """

    name: str
    label: str
    unit: str
    bound: float
    bound_text: str
    value: str = ""


def fields_of(predictors: list[Predictor], typed: Mapping[str, str]) -> list[ShiftField]:
    """Return the field of each continuous predictor."""
    fields = []
    for one in predictors:
        bound = bound_of(one)
        if bound is not None:
            text = typed.get(f"{PREFIX}{one.name}", "")[:_LONGEST]
            fields.append(ShiftField(one.name, one.label, one.unit, bound, with_unit(bound, one.unit), text))
    return fields


def read_fields(typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the changes of a posted form by predictor; empty fields are left out.

    Raises
    ------
    ValidationFailed
        A field has no number.
    """
    shift: dict[str, Any] = {}
    for key, text in typed.items():
        name, value = key.removeprefix(PREFIX), text.strip().replace("−", "-")
        if not key.startswith(PREFIX) or not value:
            continue
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ValidationFailed([(pointer("shift", name), "must be a number")])
        shift[name] = number
    return shift


def checked(predictors: list[Predictor], shift: Mapping[str, float]) -> dict[str, float]:
    """Return stated changes in the order of the predictors.

    Raises
    ------
    ValidationFailed
        A change is not possible.
    """
    try:
        return check_shift(predictors, shift)
    except ShiftError as error:
        raise ValidationFailed([(pointer("shift", error.predictor), error.reason)]) from None
