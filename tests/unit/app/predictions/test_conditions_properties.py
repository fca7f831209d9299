"""Conditions from strangers are canonical, finite and within limits, or every error names its place."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from app.errors import ValidationFailed
from app.predictions.conditions import cache_key, read_environment
from app.predictions.form import PREFIX, environment_of, query_of, value_texts
from app.predictions.query_schemas import PredictionQuery
from app.web.input_validation import pointer, pointer_parts, validate
from ml.card import ModelCard, Predictor

PREDICTORS = [
    Predictor(name="trees", label="Trees", unit="%", lowest_possible=0, highest_possible=100),
    Predictor(name="temperature", label="Temperature", unit="°C"),
    Predictor(name="soil/~", label="Soil", type="categorical", levels=["chalk", "clay, wet", "2", "007"]),
]
NAMES = [predictor.name for predictor in PREDICTORS]
CARD = ModelCard.model_construct(predictors=PREDICTORS)

numbers = st.one_of(st.floats(), st.integers(), st.floats(0, 100).map(str), st.integers(0, 100).map(str))
levels = st.sampled_from(["chalk", " clay, wet", 2, 2.0, "2.0", "7", "007", "peat"])
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, levels, st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
plausible = st.fixed_dictionaries({"trees": st.floats(0, 100), "temperature": st.floats(-1e6, 1e6), "soil/~": levels})
environments = st.one_of(
    st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), anything, max_size=5),
    st.builds(lambda base, more: base | more, plausible, st.dictionaries(st.sampled_from(NAMES), anything, max_size=1)),
)


@given(environments)
def test_conditions_are_canonical_or_every_error_names_its_place(values):
    try:
        conditions = read_environment(values, CARD)
    except ValidationFailed as error:
        places = [pointer_parts(place) for place, _ in error.errors]
        assert places
        assert all(place[0] == "environment" and place[1] in {*NAMES, *values} for place in places)
        assert all(text for _, text in error.errors)
        return
    assert list(conditions) == NAMES
    assert set(values) == set(NAMES)
    assert 0 <= conditions["trees"] <= 100
    assert math.isfinite(conditions["temperature"])
    assert conditions["soil/~"] in PREDICTORS[2].levels
    # The canonical form is its own canonical form, also after it was shown in a form.
    for again in (conditions, value_texts(conditions)):
        assert cache_key("m", read_environment(again, CARD)) == cache_key("m", conditions)


@given(plausible.filter(lambda values: values["soil/~"] not in ("7", "peat")))
def test_plausible_conditions_are_accepted_in_json_and_in_a_form(values):
    conditions = read_environment(values, CARD)
    posted = MultiDict({PREFIX + name: text for name, text in value_texts(conditions).items()})
    assert read_environment(environment_of(posted), CARD) == conditions


fields = st.sampled_from(["species", "threshold", "own_threshold", "extrapolation", *(PREFIX + name for name in NAMES)])
texts = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["own", "P10", "0,5", "\u22120,5", "1e999", "1_0", "\uff11", "flag", "refuse", "chalk", "nan"]),
)


@given(st.lists(st.tuples(st.one_of(fields, st.text(max_size=8)), texts), max_size=8))
def test_any_form_is_a_query_or_errors_with_places(pairs):
    posted = MultiDict(pairs)
    try:
        query = validate(PredictionQuery, query_of(posted))
    except ValidationFailed as error:
        assert error.errors
        assert all(place == pointer(*pointer_parts(place)) and text for place, text in error.errors)
        return
    assert query.species == posted["species"].strip()
    assert query.threshold is None or isinstance(query.threshold, str) or 0 <= query.threshold <= 1
    assert all(value and value == value.strip() for value in query.environment.values())


@given(st.lists(st.text(max_size=100), max_size=4))
def test_a_pointer_has_the_names_it_was_made_of(names):
    assert pointer_parts(pointer(*names)) == names
