"""Which model answers: every process sees a change at its next request, and needs no database for it."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import create_app
from app.catalogue import snapshot, versions
from app.components import components
from app.registry import service as registry
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.synthetic import synthetic_study

AWAY = "postgresql+psycopg2://u:p@127.0.0.1:1/none"


@dataclass(frozen=True)
class PreviousStudy:
    slug: str
    title: str


@dataclass(frozen=True)
class PreviousModel:
    id: str
    version: int
    path: str
    auc: float | None


@dataclass(frozen=True)
class PreviousSpecies:
    id: int
    slug: str
    scientific_name: str
    vernacular_name: str
    study: PreviousStudy
    model: PreviousModel | None


def read_as_the_previous_release(file):
    """The reader of the release before names.json: an entry with another member is a TypeError there."""
    species = []
    for entry in json.loads(file.read_bytes()):
        model, study = entry.pop("model"), PreviousStudy(**entry.pop("study"))
        species.append(PreviousSpecies(**entry, study=study, model=PreviousModel(**model) if model else None))
    return species


@pytest.fixture
def two(tmp_path, artifacts, newer_model):
    """Two processes' applications on one data directory, the ids of two models, the second of which answers."""
    settings = make_settings(tmp_path)
    one, another = create_app(settings), create_app(settings)
    upgrade(one)
    ids = []
    with one.app_context():
        for path in (artifacts[WHEATEAR], newer_model, artifacts["parus-major"]):
            version, _ = registry.register(path)
            registry.activate(version.id)
            ids.append(version.id)
    return one, another, ids


def _answers(app, environment):
    given = app.test_client().post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment})
    assert given.status_code == 200, given.json
    return given.json["model"]


def test_a_change_is_seen_at_the_next_request(two, environment):
    one, another, ids = two
    assert _answers(another, environment) == {"id": ids[1], "version": 2}
    with one.app_context():
        registry.activate(ids[0])
    assert _answers(another, environment) == {"id": ids[0], "version": 1}
    with one.app_context():
        registry.rollback("test-hills")
    assert _answers(another, environment)["id"] == ids[1]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'[{"slug": "x"}]', b"\x00\xff"])
def test_a_file_that_is_lost_or_broken_is_taken_from_the_database(two, environment, content, caplog):
    one, another, ids = two
    file = Path(one.config["SETTINGS"].data_dir) / "registry" / "active.json"
    assert _answers(one, environment)["id"] == ids[1]
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert _answers(one, environment)["id"] == ids[1]
    assert _answers(another, environment)["id"] == ids[1]


def test_concurrent_activations_leave_the_snapshot_equal_to_the_database(two):
    one, another, ids = two

    def flip(app, first, second):
        with app.app_context():
            for _ in range(6):
                registry.activate(first)
                registry.activate(second)

    # of different species, so that the two never wait for the same row
    with one.app_context():
        path = train_species(
            synthetic_study(n_species=4, categorical=True),
            "parus-major",
            Path(one.config["SETTINGS"].data_dir) / "tit",
            n_estimators=12,
            n_networks=1,
        )
        tit, _ = registry.register(path)
        tit_id = tit.id
    threads = [
        threading.Thread(target=flip, args=(one, ids[0], ids[1])),
        threading.Thread(target=flip, args=(another, ids[2], tit_id)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with one.app_context():
        known = {s.slug: s.model.id for s in snapshot.current().species if s.model}
        answering = {s.slug: versions.active_for(s.id) for s in _species()}
        wanted = {slug: version.id for slug, version in answering.items() if version}
    assert known == wanted == {WHEATEAR: ids[1], "parus-major": tit_id}


def _species():
    from app.catalogue.species import Species
    from app.database.db import db

    return list(db.session.scalars(db.select(Species)))


def test_without_any_model_the_page_says_what_to_do(empty_app):
    assert b"No model is installed yet" in empty_app.test_client().get("/").data


def _folder(app):
    return Path(app.config["SETTINGS"].data_dir) / "registry"


def _slugs(app, query):
    response = app.test_client().get("/api/v1/species", query_string=query)
    assert response.status_code == 200, response.json
    return [item["slug"] for item in response.json["items"]]


def test_the_previous_release_reads_the_snapshot(two):
    one, _, ids = two
    species = {entry.slug: entry for entry in read_as_the_previous_release(_folder(one) / "active.json")}
    assert species[WHEATEAR].model.id == ids[1]
    assert species[WHEATEAR].study.slug == "test-hills"
    with one.app_context():
        assert [entry.slug for entry in snapshot.current().species] == list(species)


def test_a_snapshot_of_the_previous_release_is_read_and_completed(two, caplog):
    one, another, _ = two
    names = _folder(one) / "names.json"
    content = names.read_bytes()
    names.unlink()
    with caplog.at_level(logging.INFO):
        fresh = create_app(one.config["SETTINGS"])
        assert _slugs(fresh, {"q": "oreillard"}) == [WHEATEAR]
    assert names.read_bytes() == content
    assert not [record for record in caplog.records if record.name.startswith("app.catalogue")]
    assert _slugs(another, {"q": "oreillard"}) == [WHEATEAR]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"active": 1}', b'{"active": "", "other_names": {"x": 1}}', b"\xff"])
def test_broken_names_are_written_again(two, content):
    one, _, _ = two
    (_folder(one) / "names.json").write_bytes(content)
    assert _slugs(create_app(one.config["SETTINGS"]), {"q": "oreillard"}) == [WHEATEAR]


def test_an_activation_by_the_previous_release_is_seen_and_keeps_other_names(two, environment):
    one, another, ids = two
    assert _slugs(another, {"q": "oreillard"}) == [WHEATEAR]
    with one.app_context():
        registry.activate(ids[0])
    active, names = _folder(one) / "active.json", _folder(one) / "names.json"
    # that release writes the same entries, and no names
    written = active.read_bytes()
    with one.app_context():
        registry.activate(ids[1])
    before = names.read_bytes()
    draft = active.with_suffix(".draft")
    draft.write_bytes(written)
    draft.replace(active)
    assert _answers(another, environment)["id"] == ids[0]
    # the digest differs, so the files are written again, from the database
    assert _slugs(another, {"q": "oreillard"}) == [WHEATEAR]
    assert names.read_bytes() == before
    assert _answers(another, environment)["id"] == ids[1]


@pytest.fixture
def away(two):
    """An application on the same data directory whose database refuses connections."""
    one, _, _ = two
    app = create_app(make_settings(one.config["SETTINGS"].data_dir, database_url=AWAY))
    app.test_client_class = LintingClient
    return app


def test_species_and_search_answer_while_the_database_is_down(two, away):
    one, _, _ = two
    queries = (
        {},
        {"limit": 1},
        {"study": "test-hills"},
        {"q": "oreillard"},
        {"q": "mesange"},
        {"q": "onanthe hispanca"},
    )
    for query in queries:
        answers = [app.test_client().get("/api/v1/species", query_string=query) for app in (one, away)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json == answers[1].json
        assert answers[0].json["items"]
    client = away.test_client()
    assert "Oenanthe hispanica" in client.get("/species").get_data(as_text=True)
    options = client.get("/species?q=oreillard&pick=1", headers={"HX-Request": "true"})
    assert "Oenanthe hispanica" in options.get_data(as_text=True)


def test_the_api_document_and_its_example_come_without_the_database(two, away):
    one, _, _ = two
    document = away.test_client().get("/openapi.json")
    assert document.status_code == 200
    assert document.json == one.test_client().get("/openapi.json").json
    body = document.json["paths"]["/api/v1/predictions"]["post"]["requestBody"]["content"]["application/json"]
    assert one.test_client().post("/api/v1/predictions", json=body["example"]).status_code == 200


def test_conditions_are_compared_while_the_database_is_down(away, environment):
    query = {"species": "Oenanthe hispanica", "environments": [{"environment": environment}]}
    answer = away.test_client().post("/api/v1/comparisons/conditions", json=query)
    assert (answer.status_code, answer.json["species"]["slug"]) == (200, WHEATEAR)


def test_search_answers_without_the_names_file_while_the_database_is_down(two, away, caplog, monkeypatch):
    one, _, _ = two
    (_folder(one) / "names.json").unlink()
    assert _slugs(away, {"q": "wheatear"}) == [WHEATEAR]
    assert _slugs(away, {"q": "oreillard"}) == []
    assert [record.getMessage() for record in caplog.records if record.name == snapshot.__name__] == [
        "the snapshot lacks other names of species: OperationalError"
    ]

    # and are there when it is back
    def write():
        with one.app_context():
            components().get(snapshot.SnapshotFile).write()

    file = components(away).get(snapshot.SnapshotFile)
    monkeypatch.setattr(file, "write", write)
    monkeypatch.setattr(file, "_next_attempt", 0.0)
    assert _slugs(away, {"q": "oreillard"}) == [WHEATEAR]


def test_without_snapshot_and_database_the_document_has_no_example(tmp_path):
    client = create_app(make_settings(tmp_path, database_url=AWAY)).test_client()
    document = client.get("/openapi.json")
    assert document.status_code == 200
    body = document.json["paths"]["/api/v1/predictions"]["post"]["requestBody"]["content"]["application/json"]
    assert "example" not in body
    assert client.get("/api/v1/species").status_code == 503
