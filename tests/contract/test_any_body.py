"""Any JSON body and any form are answered with 2xx or 4xx, and every problem is a valid problem document."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import WHEATEAR, form_of

pytestmark = pytest.mark.usefixtures("no_server_error")
one_application = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
PATHS = ["/api/v1/predictions", "/api/v1/comparisons/species", "/api/v1/comparisons/conditions"]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from([WHEATEAR, "sand", "1e999", "\ud800", "a\x00b", 10**400, "flag", "own", "P10", 0.5, -0.0]),
)  # fmt: skip
members = st.sampled_from(
    ["species", "environment", "threshold", "extrapolation", "bare_rock", "trees", "temperature", "soil", "conditions",
     "label", "sets", "", "a/b~c"]
)  # fmt: skip
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(members, st.text(max_size=5)), inner, max_size=5)
    ),
    max_leaves=8,
)


@pytest.fixture
def no_server_error(caplog):
    yield
    errors = [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
    assert not errors, errors


def check_problem(response):
    assert response.content_type == "application/problem+json"
    body = json.loads(response.get_data(as_text=True), parse_constant=pytest.fail)
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == response.status_code
    assert len(body.get("errors", [])) <= 50
    for error in body.get("errors", []):
        assert error["pointer"] == "" or error["pointer"].startswith("/")
        assert error["detail"]


def check_json(response, body):
    assert response.status_code < 500, response.get_data(as_text=True)
    if response.status_code >= 400:
        check_problem(response)
        assert len(response.data) < 20_000 + 4 * len(body)
    else:
        answer = json.loads(response.get_data(as_text=True), parse_constant=pytest.fail)
        assert 0 <= answer["suitability"] <= 1
    return response


@one_application
@given(st.sampled_from(PATHS), st.one_of(json_values.map(json.dumps).map(str.encode), st.binary(max_size=60)))
def test_any_body(client, path, body):
    response = client.post(path, data=body, content_type="application/json")
    assert response.status_code in (400, 422), response.get_data(as_text=True)
    check_problem(response)


@one_application
@given(st.dictionaries(members, json_values, max_size=2), st.dictionaries(members, json_values, max_size=1))
def test_a_valid_question_with_some_other_members(client, environment, changes, more):
    body = json.dumps({"species": WHEATEAR, "environment": {**environment, **changes}, **more}).encode()
    response = check_json(client.post(PATHS[0], data=body, content_type="application/json"), body)
    if not more and not changes:
        assert response.status_code == 200


@one_application
@given(
    st.sampled_from(["/", "/compare/species", "/compare/conditions"]),
    st.dictionaries(
        st.one_of(
            st.sampled_from(["species", "threshold", "own_threshold", "extrapolation", "env.trees", "env.soil"]),
            st.text(max_size=6),
        ),
        st.one_of(st.text(max_size=12), scalars.map(lambda value: str(value).replace("\ud800", "?"))),
        max_size=4,
    ),
    st.booleans(),
)
def test_any_form(client, environment, path, changes, is_fragment):
    headers = {"HX-Request": "true"} if is_fragment else {}
    fields = form_of(environment) | changes
    if path == "/":
        response = client.post(path, data=fields, headers=headers)
    else:
        response = client.get(path, query_string=fields, headers=headers)
    assert response.status_code in (200, 409, 422), response.get_data(as_text=True)
    assert response.mimetype == "text/html"
    assert ("<!doctype" in response.get_data(as_text=True)[:100].lower()) != is_fragment


@one_application
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).filter(str.strip))
def test_any_other_host(app, host):
    response = app.test_client().get("/api/v1/species", headers={"Host": host})
    assert response.status_code in (400, 421)
    check_problem(response)
