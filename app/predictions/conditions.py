"""Validation of conditions against the predictors of a model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import orjson

from app.errors import ValidationFailed
from app.web.input_validation import NUMBER, pointer
from ml.card import ModelCard, Predictor
from ml.predictors.encoding import find_level, list_levels, number_text, why_impossible

Canonical = dict[str, float | str]


def read_environment(values: Mapping[str, object], card: ModelCard) -> Canonical:
    """Validate conditions and return them in canonical form.

    Parameters
    ----------
    values : mapping
        Values by predictor: numbers, or text that reads as a number.
    card : ModelCard
        Of the model that answers.

    Returns
    -------
    dict
        Floats and level names, in the order of the card's predictors: 12, 12.0 and "12" come out equal.

    Raises
    ------
    ValidationFailed
        Naming every value that is missing, unknown or impossible.
    """
    problems: list[tuple[str, str]] = []
    canonical: Canonical = {}
    for predictor in card.predictors:
        name = predictor.name
        value = values.get(name)
        if value is None:
            problems.append((pointer("environment", name), "a value is needed"))
            continue
        try:
            canonical[name] = _read_value(value, predictor)
        except ValueError as error:
            problems.append((pointer("environment", name), str(error)))
    if problems or len(canonical) != len(values):
        known = {predictor.name for predictor in card.predictors}
        for name in values:
            if name not in known:
                problems.append((pointer("environment", name[:100]), "this model has no such predictor"))
    if problems:
        raise ValidationFailed(problems)
    return canonical


def value_texts(environment: Canonical) -> dict[str, str]:
    """Return conditions as the text of their fields."""
    return {name: value if isinstance(value, str) else number_text(value) for name, value in environment.items()}


def cache_key(model_id: str, canonical: Canonical) -> str:
    """Return the cache key of a model's answer to conditions."""
    body = orjson.dumps([model_id, canonical], option=orjson.OPT_SORT_KEYS)
    return "prediction:" + hashlib.sha256(body).hexdigest()


def _read_value(value: object, predictor: Predictor) -> float | str:
    if predictor.type == "categorical":
        return _read_level(value, predictor)
    number = value if type(value) is float else _read_number(value)
    problem = why_impossible(predictor, number)
    if problem is not None:
        raise ValueError(problem)
    return number + 0.0 if number else 0.0  # -0.0 and 0.0 are the same value


def _read_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    if isinstance(value, str):
        text = value.strip()
        # float() alone would also take "nan", "inf" and "1_000".
        if len(text) > 40 or not NUMBER.fullmatch(text):
            raise ValueError("must be a number")
        return float(text)
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _read_level(value: object, predictor: Predictor) -> str:
    levels = predictor.levels or []
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        code = find_level(levels, value)
        if code is not None:
            return levels[code]
    raise ValueError(f"must be one of {list_levels(levels)}")
