"""Requests of an attack: long names, malformed hosts and origins, repeated fields, numbers in other spellings."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from app import create_app
from tests.contract.conftest import WHEATEAR, make_settings
from tests.contract.test_requests import API, JSON, post


@pytest.mark.parametrize("host", ["LOCALHOST", "localhost.", "Localhost:80", "127.0.0.1:8000"])
def test_redirects_name_no_host(client, host):
    # without the check of pages: the body of a redirect is not one
    client = FlaskClient(client.application, client.application.response_class)
    for address in ("/api/v1//species?q=a", "//species", "///evil.example/x"):
        response = client.get(address, headers={"Host": host})
        if 300 <= response.status_code < 400:
            assert re.fullmatch(r"/([^/].*)?", response.location), response.location
            assert "http" not in response.get_data(as_text=True).lower().replace("<!doctype html>", "")
    assert client.get("/api/v1//species?q=a", headers={"Host": host}).location == "/api/v1/species?q=a"


@pytest.mark.parametrize(
    "origin", ["http://[", "http://]:", "null", "http://evil.example", "//", "http://localhost.evil"]
)
def test_a_form_from_another_site_is_refused_however_the_site_is_written(client, origin):
    assert client.post("/", data={"species": "x"}, headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("origin", ["http://localhost", "http://LOCALHOST"])
def test_a_form_of_this_site_is_read(client, origin):
    assert client.post("/", data={"species": "x"}, headers={"Origin": origin}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        lambda: {"species": "x", "environment": {}, **{"\x7f" * 20_000 + str(i): 1 for i in range(50)}},
        lambda: {"species": "x", "environment": {"\u00e9" * 9_000 + str(i): 1 for i in range(50)}},
        lambda: '{"' + "k" * 900_000 + '": {"a": 1, "a": 2}}',
        lambda: '{"a":' * 900 + '{"b": 1, "b": 2}' + "}" * 900,
    ],
)
@pytest.mark.parametrize("path", [API, "/api/v1/comparisons/species"])
def test_names_of_unknown_members_are_shortened(client, body, path):
    text = body() if isinstance(body(), str) else json.dumps(body(), ensure_ascii=False)
    response = client.post(path, data=text.encode(), headers=JSON)
    assert response.status_code == 422
    assert len(response.data) < 60_000


def test_objects_with_repeated_members_are_read_once(client):
    """The first one is named; looking for the name in each took a second."""
    members = ",".join(f'"{i:x}":1' for i in range(499))
    text = '{"species":"x","environment":[' + ",".join(f'{{{members},"0":2}}' for _ in range(30)) + "]}"
    response = post(client, text)
    assert response.json["errors"] == [{"pointer": "/environment/0/0", "detail": "given more than once"}]


def test_a_number_with_thousands_of_digits_is_named(client, environment):
    body = json.dumps({"species": WHEATEAR, "environment": environment}).replace(
        f'"trees": {json.dumps(environment["trees"])}', '"trees": 1' + "0" * 5000
    )
    response = post(client, body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/environment/trees"]


@pytest.mark.parametrize("text", ["0.5_0", "\u0660.5", " 0.5", "0x1", "inf", "nan", "1e5000"])
def test_numbers_in_addresses_are_those_of_json(client, environment, text):
    body = {"species": WHEATEAR, "environment": environment}
    response = client.post(API, json=body, query_string={"threshold": text})
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"].startswith("/threshold")


@pytest.mark.parametrize("text", ["1_0", "5.0", "+5", " 5", "1e1", "\u0665", ""])
def test_whole_numbers_in_addresses_are_digits(client, text):
    response = client.get("/api/v1/species", query_string={"limit": text})
    assert response.status_code == 422
    assert response.json["errors"] == [{"pointer": "/limit", "detail": "must be a whole number"}]


@pytest.mark.parametrize("kind", [*JSON.values(), "text/plain", "application/x-www-form-urlencoded; charset=utf-16"])
def test_a_body_that_is_not_a_form_is_415(client, kind):
    assert client.post("/", data=b"species=x", headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize(
    "query",
    ["env.trees=1&env.trees=3", "env.trees=1&env.trees=1", f"species={WHEATEAR}", "threshold=MTP&threshold=MTP"],
)
@pytest.mark.parametrize("path", ["/", "/compare/species"])
def test_a_repeated_field_in_an_address_is_named(client, query, path):
    response = client.get(f"{path}?species={WHEATEAR}&{query}")
    assert response.status_code == 422
    assert "iven more than once" in response.get_data(as_text=True)


def test_the_page_uses_the_options_in_its_address(client, environment):
    conditions = {f"env.{name}": value for name, value in environment.items()}
    texts = {}
    for threshold in ("0.01", "0.99"):
        options = {"species": WHEATEAR, **conditions, "threshold": "own", "own_threshold": threshold}
        texts[threshold] = client.get("/", query_string=options).get_data(as_text=True)
        assert f"your own line: {threshold}" in " ".join(texts[threshold].split())
    wrong = ({"threshold": "bogus"}, {"threshold": "own", "own_threshold": "zz"}, {"extrapolation": "bogus"})
    for options in wrong:
        assert client.get("/", query_string={"species": WHEATEAR, **conditions, **options}).status_code == 422
    far = {"species": WHEATEAR, **conditions, "env.temperature": "45", "extrapolation": "refuse"}
    assert client.get("/", query_string=far).status_code == 409


@pytest.mark.parametrize("number", ["001", "01", "\u0661"])
def test_the_number_of_a_set_has_one_spelling(client, environment, number):
    sets = {f"env.{n}.{name}": value for n in (1, 2) for name, value in environment.items()}
    same = client.get("/compare/conditions", query_string={"species": WHEATEAR, **sets})
    more = client.get("/compare/conditions", query_string={"species": WHEATEAR, **sets, f"env.{number}.trees": "9"})
    assert same.status_code == 200
    assert more.get_data(as_text=True).count('value="9"') == same.get_data(as_text=True).count('value="9"')


def test_curves_of_an_answer_and_public_lists_are_stored_by_no_cache(client, ask, tmp_path):
    number = ask().json["id"]
    for path in (f"/api/v1/species/{WHEATEAR}/response-curves", f"/species/{WHEATEAR}/response-curves"):
        assert client.get(path, query_string={"prediction": number}).headers["Cache-Control"] == "private, no-store"
        assert "no-store" not in client.get(path).headers.get("Cache-Control", "")
    for path in (API, "/analytics", "/api/v1/analytics"):
        assert client.get(path).headers["Cache-Control"] == "private, no-store"
    assert client.get("/nothing").headers["Cache-Control"] == "no-store"


def test_the_origin_decides_where_origins_are_set(tmp_path):
    origins = ("https://one.example", "https://two.example")
    app = create_app(make_settings(tmp_path, cors_origins=origins)).test_client()
    for origin in (None, "null", "https://evil.example", *origins):
        response = app.get("/api/v1/nothing", headers={"Origin": origin} if origin else {})
        assert "Origin" in response.vary
        allowed = response.headers.get("Access-Control-Allow-Origin")
        assert allowed == (origin if origin in origins else None)


def test_private_lists_leave_no_tag(tmp_path):
    hidden = create_app(make_settings(tmp_path, public_predictions=False, public_analytics=False)).test_client()
    document = hidden.get("/openapi.json").json
    used = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in document["tags"]} == used


@pytest.mark.parametrize("path", ["/", "/compare/species", "/compare/conditions"])
def test_a_repeated_parameter_of_a_campaign_does_not_matter(client, path):
    assert client.get(f"{path}?utm_source=a&utm_source=b&ref=x&ref=y").status_code == 200


def test_a_request_without_a_body_has_no_encoding(client):
    for headers in ({"Content-Encoding": "gzip"}, {"Content-Type": "text/html; charset=latin-1"}):
        assert client.get("/", headers=headers).status_code == 200


def test_a_transfer_is_not_compressed(client):
    response = client.post(API, data=b"{}", headers={**JSON, "Transfer-Encoding": "gzip, chunked"})
    assert response.status_code == 415


def test_json_in_ascii_is_json_in_utf8(client, environment):
    body = json.dumps({"species": WHEATEAR, "environment": environment}).encode("ascii")
    assert (
        client.post(API, data=body, headers={"Content-Type": "application/json; charset=us-ascii"}).status_code == 200
    )
