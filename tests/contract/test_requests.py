"""Requests that were misread: repeated members, encodings, ids, parameters, hosts; and what caches may store."""

from __future__ import annotations

import gzip
import json
import re

import pytest

from app import create_app
from app.errors import MOST_ERRORS
from tests.contract.conftest import WHEATEAR, make_settings

API = "/api/v1/predictions"
JSON = {"Content-Type": "application/json"}


def post(client, body, **headers):
    return client.post(API, data=body if isinstance(body, bytes) else body.encode(), headers={**JSON, **headers})


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-unknown", "gzip, identity"])
def test_a_compressed_body_is_415(client, coding):
    response = post(client, gzip.compress(b'{"species": "x"}'), **{"Content-Encoding": coding})
    assert response.status_code == 415
    assert response.headers["Accept-Encoding"] == "identity"
    assert "Content-Encoding" in response.json["detail"]


@pytest.mark.parametrize("kind", ["application/json; charset=utf-16", "application/json; charset=latin-1"])
def test_json_in_another_encoding_is_415(client, kind):
    assert client.post(API, data=b"{}", headers={"Content-Type": kind}).status_code == 415


@pytest.mark.parametrize("kind", ["application/json; charset=UTF-8", "application/json; charset=utf8"])
def test_json_that_says_it_is_utf8_is_read(client, environment, kind):
    body = json.dumps({"species": WHEATEAR, "environment": environment})
    assert (
        client.post(API, data=body, headers={"Content-Type": kind, "Content-Encoding": "identity"}).status_code == 200
    )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda body: body.replace('"species"', '"species": "Parus major", "species"', 1), "/species"),
        (lambda body: body.replace('"trees"', '"trees": 1, "trees"', 1), "/environment/trees"),
        (lambda body: body.replace('"trees"', '"tr\\u0065es": 1, "trees"', 1), "/environment/trees"),
        (lambda body: body.replace('"trees"', '"trees" : 1,\n"trees"', 1), "/environment/trees"),
    ],
)
def test_a_member_given_twice_is_named(client, environment, change, pointer):
    response = post(client, change(json.dumps({"species": WHEATEAR, "environment": environment})))
    assert response.status_code == 422
    assert response.json["errors"] == [{"pointer": pointer, "detail": "given more than once"}]


def test_a_member_given_twice_in_a_list_is_named(client, environment):
    one = json.dumps({"environment": environment})
    two = one.replace('"trees"', '"trees": 1, "trees"')
    body = f'{{"species": "{WHEATEAR}", "environments": [{one}, {two}]}}'
    response = client.post("/api/v1/comparisons/conditions", data=body, headers=JSON)
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"pointer": "/environments/1/environment/trees", "detail": "given more than once"}
    ]


def test_a_field_given_twice_in_a_form_is_named(client, environment):
    fields = [("species", WHEATEAR), *((f"env.{name}", value) for name, value in environment.items())]
    response = client.post("/", data={**dict(fields), "env.trees": ["1", "2"]})
    assert response.status_code == 422
    assert "Given more than once" in response.get_data(as_text=True)


def test_an_answer_is_found_by_its_id_in_capitals(client, ask):
    answer = ask().json
    for path in (f"{API}/{answer['id'].upper()}", f"/predictions/{answer['id'].upper()}"):
        assert client.get(path).status_code == 200
    assert client.get(f"{API}/{answer['id'].upper()}").json["id"] == answer["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/v1/species?limit=3&colour=red"),
        ("get", "/api/v1/studies?colour=red"),
        ("get", f"/api/v1/species/{WHEATEAR}?colour=red"),
        ("get", "/api/v1/analytics?day=7&colour=red"),
        ("post", f"{API}?colour=red"),
    ],
)
def test_an_unknown_parameter_is_422(client, method, path):
    response = getattr(client, method)(path, json={}) if method == "post" else client.get(path)
    assert response.status_code == 422
    assert {"pointer": "/colour", "detail": "is not a known parameter"} in response.json["errors"]


def test_pages_ignore_parameters_of_other_sites(client):
    assert client.get("/species?utm_source=mail").status_code == 200


def test_many_problems_are_counted_and_few_are_listed(client):
    body = {"species": WHEATEAR, "environment": {f"x{i}": 1 for i in range(190)}}
    response = post(client, json.dumps(body))
    assert response.status_code == 422
    assert len(response.json["errors"]) == MOST_ERRORS == 50
    assert "more are not" in response.json["detail"]
    assert "/environment" not in response.json["detail"]
    assert len(response.data) < 10_000


@pytest.mark.parametrize("where", ["body", "environment"])
def test_an_object_with_too_many_members_is_one_problem(client, where):
    members = {f"member {i:06}": 1 for i in range(10_000)}
    body = members if where == "body" else {"species": WHEATEAR, "environment": members}
    response = post(client, json.dumps(body))
    assert response.status_code == 422
    pointer = "" if where == "body" else "/environment"
    assert response.json["errors"] == [{"pointer": pointer, "detail": "must have at most 500 members"}]


@pytest.mark.parametrize(
    "body",
    [
        '{"species": [' + "[]," * 20_000 + "[]]}",
        '{"environment": {' + ",".join(f'"p{i}": 1' for i in range(20_001)) + "}}",
    ],
)
def test_a_body_with_too_many_values_is_refused_before_it_is_parsed(client, body):
    response = post(client, body)
    assert response.status_code == 422
    assert response.json["errors"] == [{"pointer": "", "detail": "must contain at most 20,000 values"}]


def test_pages_list_fifty_problems_with_the_name_of_each_field_and_count_the_others(client):
    many = "&".join(f"env.foo{i}=1" for i in range(70))
    for address in (
        f"/?species={WHEATEAR}&{many}",
        f"/compare/species?{many}",
        f"/compare/conditions?species={WHEATEAR}",
    ):
        if "conditions" in address:
            address += "&" + "&".join(f"env.{n}.foo{i}=1" for n in (1, 2) for i in range(35))
        response = client.get(address)
        page = response.get_data(as_text=True)
        assert response.status_code == 422, address
        lines = re.findall(r"<li>(.*?)</li>", page[page.index('id="error-summary"') :].split("</ul>")[0])
        assert len(lines) == 51
        shown = int(re.search(r"problems with (\d+) values", page)[1])
        assert lines[-1] == f"and {shown - 50} more"
        unknown = [line for line in lines if "no such predictor" in line]
        assert unknown
        assert all(
            re.fullmatch(
                r"(Set \d, )?foo\d+: This model has no such predictor; an earlier version may have had it", line
            )
            for line in unknown
        )


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/", {"HX-Request", "HX-Boosted", "HX-History-Restore-Request"}),
        ("/species", {"HX-Request", "HX-Boosted", "HX-History-Restore-Request"}),
        ("/nothing", {"HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Accept"}),
        ("/compare/species", {"HX-Request", "HX-Boosted", "HX-History-Restore-Request", "HX-Target"}),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}, {"Accept": "application/json"}])
def test_vary_names_every_header_that_decides(client, path, names, headers):
    assert names <= set(client.get(path, headers=headers).vary)


def test_answers_are_stored_by_no_cache(client, ask, environment):
    answer = ask()
    compared = client.post("/api/v1/comparisons/species", json={"study": "test-hills", "environment": environment})
    stored = client.get(f"/predictions/{answer.json['id']}")
    for response in (answer, compared, stored, client.get("/?env.trees=5"), client.get("/compare/species?env.trees=5")):
        assert response.headers["Cache-Control"] == "private, no-store"
    assert "no-store" not in client.get("/").headers.get("Cache-Control", "")


def test_lists_of_what_others_asked_are_absent_unless_they_are_public(tmp_path):
    hidden = create_app(make_settings(tmp_path, public_predictions=False, public_analytics=False)).test_client()
    assert hidden.get(API).status_code in (404, 405)
    assert hidden.get("/analytics").status_code == 404
    assert hidden.get("/api/v1/analytics").status_code == 404
    assert "/analytics" not in hidden.get("/docs").get_data(as_text=True)
    paths = hidden.get("/openapi.json").json["paths"]
    assert "/api/v1/analytics" not in paths
    assert set(paths[API]) == {"post"}


def test_analytics_are_public_by_default_in_development_only(tmp_path):
    def shows(environment):
        return make_settings(tmp_path, environment=environment, public_analytics=None).shows_analytics

    assert [shows(environment) for environment in ("development", "testing", "production")] == [True, False, False]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.2",
        "",
        "evil.example:8000",
        "localhost@evil.example",
        # Flask makes no address for these
        "localhost..",
        ".localhost",
        "a..b",
        "x" * 64,
        "[::1",
    ],
)
@pytest.mark.parametrize(
    "path", ["/", "/species", "/api/v1/species", "/health/live", "/nothing", "/static/css/base.css", "/docs"]
)
def test_a_request_for_another_host_is_421(client, host, path):
    response = client.get(path, headers={"Host": host}, base_url="http://localhost")
    assert response.status_code == 421
    assert "evil" not in response.get_data(as_text=True)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "eco.example.org", "ECO.example.org"]
)
def test_a_request_for_an_allowed_host_is_answered(tmp_path, host):
    client = create_app(make_settings(tmp_path, allowed_hosts=("eco.example.org",))).test_client()
    assert client.get("/docs", headers={"Host": host}).status_code == 200


def test_the_document_is_built_once_and_has_an_etag(client, monkeypatch):
    first = client.get("/openapi.json")
    assert re.fullmatch(r'"[0-9a-f]+"', first.headers["ETag"])
    monkeypatch.setattr("app.api_docs.openapi.build", None)
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/openapi.json").data == first.data
