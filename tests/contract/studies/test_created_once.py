"""A repeated request with an Idempotency-Key creates one study."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def test_a_repeated_request_with_a_key_creates_one_study(visitor):
    def create(key, **body):
        return visitor.post("/api/v1/studies", json=body, headers={"Idempotency-Key": key})

    first = create("k1", title="Frogs")
    assert (first.status_code, first.json["slug"]) == (201, "frogs")
    visitor.patch(first.headers["Location"], json={"title": "Frogs of Spain"})
    again = create("k1", title="Frogs")
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert (again.json["title"], again.headers["ETag"]) == ("Frogs of Spain", '"2"')
    other = create("k1", title="Toads")
    assert other.status_code == 409
    assert "which created the study frogs" in other.json["detail"]
    assert create("k2", title="Frogs").json["slug"] == "frogs-2"
    assert create("k3", title="Newts", slug="newts").status_code == 201
    assert create("k3", title="Newts", slug="newts").status_code == 201
    assert create("a b", title="Newts").status_code == 422
    assert len(visitor.get("/api/v1/studies").json["items"]) == 3


def test_the_migration_keeps_studies_and_their_files(own_app, visitor, study):
    visitor.put(f"{study}/files/a.csv", data=b"A")
    before = visitor.get(f"{study}/files").json
    for command, revision in (("downgrade", "0003"), ("upgrade", "head")):
        result = own_app.test_cli_runner().invoke(args=["db", command, revision])
        assert result.exit_code == 0, result.output
    assert visitor.get(f"{study}/files").json == before


def test_simultaneous_requests_with_one_key_create_one_study(own_app):
    begin = threading.Barrier(4)

    def create(_):
        begin.wait()
        return own_app.test_client().post(
            "/api/v1/studies", json={"title": "Frogs"}, headers={"Idempotency-Key": "one"}
        )

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(create, range(4)))
    assert {(one.status_code, one.json["slug"]) for one in responses} == {(201, "frogs")}
    assert len(own_app.test_client().get("/api/v1/studies").json["items"]) == 1
