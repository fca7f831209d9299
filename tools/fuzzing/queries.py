"""The target of conditions: JSON bodies and forms, as the prediction views read them."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

from flask import Flask, request

from app.errors import AppError
from app.predictions import form as forms
from app.predictions.conditions import Canonical, cache_key, read_environment
from app.predictions.query_schemas import ALSO_IN_ADDRESS, PredictionQuery
from app.web.input_validation import pointer_parts, read_json, validate
from ml.card import ModelCard, Predictor
from tools.fuzzing.targets import Mutate

_PREDICTORS = [
    Predictor(name="trees", label="Trees", unit="%", lowest_possible=0, highest_possible=100, transform="log1p"),
    Predictor(name="temperature", label="Temperature", unit="°C"),
    Predictor(name="soil", label="Soil", type="categorical", levels=["chalk", "clay, wet", "2", "007"]),
]


class ConditionsTarget:
    """A body gives canonical conditions, or an error with JSON pointers. The first byte chooses JSON or a form."""

    def __init__(self, folder: Path) -> None:
        self._app = Flask("fuzzing")
        # Conditions are checked against the predictors alone.
        self._card = ModelCard.model_construct(predictors=_PREDICTORS)

    def seeds(self) -> list[bytes]:
        """Return bodies as clients send them."""
        return [
            b' {"species": "parus-major", "environment": {"trees": 12.5, "temperature": "-3", "soil": 2}}',
            b' {"species": "x", "environment": {"trees": 1e2, "temperature": NaN, "soil": "\\ud800"}, "threshold": 1}',
            b' {"species": "x", "environment": {"a": 1, "a": [2]}, "threshold": "maxSSS", "extrapolation": "refuse"}',
            b"&species=parus-major&env.trees=12,5&env.temperature=%E2%88%923&env.soil=clay%2C+wet&threshold=P10",
            b"&species=x&env.trees=1&env.trees=2&threshold=own&own_threshold=0,5&extrapolation=allow",
        ]

    def check(self, data: bytes) -> None:
        """Read a body in the context of a request."""
        is_form, body = data[:1] == b"&", data[1:]
        kind = "application/x-www-form-urlencoded" if is_form else "application/json"
        with self._app.test_request_context("/", method="POST", data=body, content_type=kind):
            try:
                if is_form:
                    query = validate(PredictionQuery, forms.query_of(request.form))
                else:
                    query = read_json(PredictionQuery, also_in_address=ALSO_IN_ADDRESS)
                conditions = read_environment(query.environment, self._card)
            except AppError as error:
                _check_problem(error)
                return
        self._check_conditions(conditions)

    def _check_conditions(self, conditions: Canonical) -> None:
        assert list(conditions) == [predictor.name for predictor in _PREDICTORS]
        assert 0 <= float(conditions["trees"]) <= 100
        assert math.isfinite(float(conditions["temperature"]))
        assert conditions["soil"] in (_PREDICTORS[2].levels or [])
        again = read_environment(forms.value_texts(conditions), self._card)
        assert cache_key("m", again) == cache_key("m", conditions), "the text of conditions is other conditions"

    def mutate(self, data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
        """Change a body at random."""
        return change(data, most)


def _check_problem(error: AppError) -> None:
    assert 400 <= error.status < 500, error.status
    for place, text in error.errors:
        assert place == "" or place.startswith("/"), place
        assert pointer_parts(place) is not None
        assert text, "a problem without a message"
    # Problems are sent as JSON in UTF-8.
    json.dumps([error.detail, error.errors], ensure_ascii=False).encode()
