"""Bad input: 4xx, the field named, in the face asked for; nothing stored, nothing logged as our error."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("nothing_happened")
HTML, SQL = "<script>alert(1)</script>", "'; DROP TABLE species; --"
URL = "/api/v1/predictions"


def problem(response, status, *pointers):
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    body = response.json
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == status
    assert "Traceback" not in response.get_data(as_text=True)
    named = [error["pointer"] for error in body.get("errors", [])]
    for pointer in pointers:
        assert pointer in named, named
    return body


@pytest.mark.parametrize("name", ["unknown", "", HTML, SQL, "x" * 10_000, "a\x00b", 12, None, True, [], {}])
def test_species(ask, name):
    problem(ask(species=name), 422, "/species")


@pytest.mark.parametrize(
    "value",
    ["many", "", " ", HTML, SQL, "NaN", "inf", "-Infinity", "1_000", "0x10", "1e999", True, None, [1], {"a": 1},
     10**400, -1, 101, "１２", "1" * 10_000],
)  # fmt: skip
def test_value(ask, value):
    problem(ask(trees=value), 422, "/environment/trees")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_literals_that_are_not_finite(client, environment, literal):
    body = json.dumps({"species": "oenanthe-hispanica", "environment": {**environment, "trees": "HERE"}})
    response = client.post(URL, data=body.replace('"HERE"', literal), content_type="application/json")
    problem(response, 422, "/environment/trees")


@pytest.mark.parametrize("value", [1e300, -1e13, 1e13])
def test_absurd_value(ask, value):
    problem(ask(temperature=value), 422, "/environment/temperature")


@pytest.mark.parametrize("value", ["peat", HTML, 3, None, True])
def test_level(ask, value):
    problem(ask(soil=value), 422, "/environment/soil")


def test_missing_and_extra(ask):
    problem(ask(trees=...), 422, "/environment/trees")
    problem(ask(depth=3), 422, "/environment/depth")
    problem(ask(**{"a/b~c": 3}), 422, "/environment/a~1b~0c")


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ("{", 400, ""),
        ("", 400, ""),
        (b"\xff\xfe", 400, ""),
        ('{"species": "a", "environment": {"trees": NaN}', 400, ""),
        ('{"species": "a", "environment": {"trees": Infinity}', 400, ""),
        ('{"species": "\\ud800", "environment": {}}', 400, ""),
        ("[" * 100_000, 400, ""),
        ("[]", 422, ""),
        ("null", 422, ""),
        ('"text"', 422, ""),
        ("{}", 422, "/species"),
        ('{"species": "a"}', 422, "/environment"),
        ('{"species": "a", "environment": []}', 422, "/environment"),
        ('{"species": "a", "environment": {}, "extra": 1}', 422, "/extra"),
        ('{"species": "a", "location": {"latitude": 91, "longitude": 2}}', 422, "/location/latitude"),
    ],
)
def test_body(client, body, status, pointer):
    problem(client.post(URL, data=body, content_type="application/json"), status, pointer)


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        ({"species": 3, "environment": {}}, "/species", "must be text"),
        ({"species": "x" * 201, "environment": {}}, "/species", "must have at most 200 characters"),
        ({"species": "x"}, "/environment", "a value is needed"),
        ({"species": "x", "environment": []}, "/environment", "must be a JSON object"),
        ({"species": "x", "environment": {}, "place": 1}, "/place", "is not a known field"),
        ({"species": "x", "environment": {}, "extrapolation": "no"}, "/extrapolation", "must be allow, flag or refuse"),
    ],
)
def test_an_invalid_member_has_a_plain_message(client, body, pointer, message):
    answer = client.post("/api/v1/predictions", json=body)
    assert answer.status_code == 422
    assert {"pointer": pointer, "detail": message} in answer.json["errors"]


def test_huge_environment(client):
    body = {"species": "oenanthe-hispanica", "environment": {f"p{i}": i for i in range(5000)}}
    assert len(problem(client.post(URL, json=body), 422, "/environment")["errors"]) < 10


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_content_type(client, kind):
    problem(client.post(URL, data=json.dumps({"species": "a", "environment": {}}), content_type=kind), 415)


def test_ten_megabytes(client):
    problem(client.post(URL, data=b" " * 10_000_000, content_type="application/json"), 413)
    page = client.post("/", data={"species": "x" * 10_000_000})
    assert page.status_code == 413
    assert page.mimetype == "text/html"


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("species?limit=0", "/limit"),
        ("species?limit=101", "/limit"),
        ("species?limit=x", "/limit"),
        ("species?limit=", "/limit"),
        ("species?limit=1&limit=2", "/limit"),
        ("species?q=" + "x" * 10_000, "/q"),
        ("species?q=%00", "/q"),
        ("species?study=%00", "/study"),
        ("species?cursor=nonsense", "/cursor"),
        ("species?q=a&cursor=WyJhIl0", "/cursor"),
        ("predictions?cursor=%C3%A9", "/cursor"),
        ("predictions?species=%00", "/species"),
        ("models?cursor=WzFd", "/cursor"),
        ("studies?cursor=bnVsbA", "/cursor"),
    ],
)
def test_query(client, path, pointer):
    problem(client.get(f"/api/v1/{path}"), 422, pointer)


def test_query_on_a_page(client):
    response = client.get("/species?limit=x")
    assert response.status_code == 422
    assert response.mimetype == "text/html"


@pytest.mark.parametrize(
    "path", ["/api/v1/species/%00", "/api/v1/models/..%2f", "/species/%3Cscript%3E", "/api/v1/studies/" + "x" * 500]
)
def test_paths(client, path):
    assert client.get(path).status_code == 404


def test_wrong_method(client):
    response = client.delete("/api/v1/species")
    problem(response, 405)
    assert "GET" in response.headers["Allow"]
    page = client.put("/")
    assert page.status_code == 405
    assert page.mimetype == "text/html"


def test_an_error_outside_the_api_is_json_on_request(client):
    response = client.get("/nothing-here", headers={"Accept": "application/json"})
    problem(response, 404)
    fragment = client.get("/nothing-here", headers={"HX-Request": "true"})
    assert fragment.status_code == 404
    assert "<html" not in fragment.get_data(as_text=True)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_forms_from_other_sites(client, headers):
    assert client.post("/", data={"species": "a"}, headers=headers).status_code == 403
