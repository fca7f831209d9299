"""Stated changes of continuous layers: a number that is added to all cells, within the width of the training range."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml.card import Predictor
from ml.numbers import with_unit
from ml.projection.errors import ProjectionError

if TYPE_CHECKING:
    from ml.projection.inputs import ProjectionInputs


class ShiftError(ProjectionError):
    """A stated change is not possible.

    Attributes
    ----------
    predictor : str
        Its name.
    reason : str
        The message without the name.
    """

    def __init__(self, predictor: str, reason: str) -> None:
        super().__init__(f"{predictor}: {reason}")
        self.predictor, self.reason = predictor, reason


def bound_of(predictor: Predictor) -> float | None:
    """Return the largest change of a predictor either way: the width of its training range; None where it has none."""
    if predictor.type != "continuous" or predictor.minimum is None or predictor.maximum is None:
        return None
    # in decimals, so that the bound that is shown has no digits of a binary fraction
    width = float(Decimal(repr(predictor.maximum)) - Decimal(repr(predictor.minimum)))
    return width if width > 0.0 and math.isfinite(width) else None


def check_shift(predictors: Sequence[Predictor], stated: Mapping[str, float]) -> dict[str, float]:
    """Return stated changes in the order of the predictors, without those of 0.

    Parameters
    ----------
    predictors : sequence of Predictor
        Of the model's card.
    stated : mapping of str to float
        Change by name of the predictor, in its unit.

    Raises
    ------
    ShiftError
        There is no such predictor, it has categories, or the change is larger than the width of its training range.
    """
    by_name = {predictor.name: predictor for predictor in predictors}
    for name, change in stated.items():
        predictor = by_name.get(name)
        if predictor is None:
            known = ", ".join([one.name for one in predictors if bound_of(one) is not None][:12]) or "none"
            raise ShiftError(name[:60], f"the model has no such predictor; those that can be changed are {known}")
        if predictor.type != "continuous":
            raise ShiftError(name, "has categories, which cannot be changed by a number")
        bound = bound_of(predictor)
        if bound is None:
            raise ShiftError(name, "the model does not state its training range, so that a change has no bound")
        if not math.isfinite(change) or abs(change) > bound:
            text = with_unit(bound, predictor.unit)
            raise ShiftError(
                name, f"a change may be at most {text} either way, the width of the training range of the predictor"
            )
    return {name: float(stated[name]) for name in by_name if stated.get(name)}


def shift_text(predictors: Sequence[Predictor], shift: Mapping[str, float]) -> str:
    """Return stated changes in words, such as "Annual mean temperature +2 °C"."""
    by_name = {predictor.name: predictor for predictor in predictors}
    return ", ".join(
        f"{by_name[name].label} {'+' if change > 0 else ''}{with_unit(change, by_name[name].unit)}"
        for name, change in shift.items()
    )


def with_shift(
    predictors: Sequence[Predictor], inputs: ProjectionInputs, stated: Mapping[str, float]
) -> ProjectionInputs:
    """Return the inputs of a projection with a stated change of layers.

    Raises
    ------
    ShiftError
        As `check_shift`.
    """
    shift = check_shift(predictors, stated)
    if not shift:
        return inputs
    text = shift_text(predictors, shift)
    note = (
        f"A stated change, the same in all cells: {text}. All other layers stay as they are, so that the combination "
        "of values may exist nowhere."
    )
    return dataclasses.replace(inputs, shift=shift, shift_text=text, notes=[*inputs.notes, note])


def add_shift(names: Sequence[str], values: NDArray[np.float32], shift: Mapping[str, float]) -> None:
    """Add stated changes to the values of layers, shape (n_layers, rows, columns), in place."""
    for name, change in shift.items():
        layer = values[list(names).index(name)]
        layer[...] = (layer.astype(np.float64) + change).astype(np.float32)
