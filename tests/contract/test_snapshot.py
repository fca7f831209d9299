"""Which model answers: every process sees a change at its next request, and needs no database for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app import create_app
from app.catalogue import snapshot, versions
from app.catalogue.entries import ModelEntry, SpeciesEntry, StudyEntry
from app.components import components
from app.errors import ValidationFailed
from app.registry import changes
from ml.training.train import train_species
from tests.contract.conftest import (
    WHEATEAR,
    LintingClient,
    answering_model,
    make_settings,
    matching_slugs,
    registry_folder,
)
from tests.synthetic import synthetic_study

AWAY = "postgresql+psycopg2://u:p@127.0.0.1:1/none"


def test_a_change_is_seen_at_the_next_request(two, environment):
    one, another, ids = two
    assert answering_model(another, environment) == {"id": ids[1], "version": 2}
    with one.app_context():
        changes.activate(ids[0])
    assert answering_model(another, environment) == {"id": ids[0], "version": 1}
    with one.app_context():
        changes.rollback("test-hills")
    assert answering_model(another, environment)["id"] == ids[1]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b'[{"slug": "x"}]', b"\x00\xff"])
def test_a_file_that_is_lost_or_broken_is_taken_from_the_database(two, environment, content, caplog):
    one, another, ids = two
    file = Path(one.config["SETTINGS"].data_dir) / "registry" / "active.json"
    assert answering_model(one, environment)["id"] == ids[1]
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert answering_model(one, environment)["id"] == ids[1]
    assert answering_model(another, environment)["id"] == ids[1]


def test_concurrent_activations_leave_the_snapshot_equal_to_the_database(two):
    one, another, ids = two

    def flip(app, first, second):
        with app.app_context():
            for _ in range(6):
                changes.activate(first)
                changes.activate(second)

    # of different species, so that the two never wait for the same row
    with one.app_context():
        path = train_species(
            synthetic_study(n_species=4, categorical=True),
            "parus-major",
            Path(one.config["SETTINGS"].data_dir) / "tit",
            n_estimators=12,
            n_networks=1,
        )
        tit, _ = changes.register(path)
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
    (registry_folder(one) / "names.json").unlink()
    assert matching_slugs(away, {"q": "wheatear"}) == [WHEATEAR]
    assert matching_slugs(away, {"q": "oreillard"}) == []
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
    assert matching_slugs(away, {"q": "oreillard"}) == [WHEATEAR]


def test_without_snapshot_and_database_the_document_has_no_example(tmp_path):
    client = create_app(make_settings(tmp_path, database_url=AWAY)).test_client()
    document = client.get("/openapi.json")
    assert document.status_code == 200
    body = document.json["paths"]["/api/v1/predictions"]["post"]["requestBody"]["content"]["application/json"]
    assert "example" not in body
    assert client.get("/api/v1/species").status_code == 503


@pytest.mark.parametrize("content", [None, b"", b"{", b'[{"slug": "x"}]'])
def test_a_worker_uses_its_snapshot_while_the_file_is_broken_and_the_database_is_down(
    two, away, environment, content, caplog, monkeypatch
):
    one, _, ids = two
    file = registry_folder(one) / "active.json"
    good = file.read_bytes()
    client = away.test_client()
    assert matching_slugs(away, {"q": "wheatear"}) == [WHEATEAR]
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    monkeypatch.setattr(snapshot._old, "_next", 0.0)
    for _ in range(3):
        assert client.get("/").status_code == 200
        assert matching_slugs(away, {"q": "wheatear"}) == [WHEATEAR]
    query = {"species": WHEATEAR, "environment": environment}
    assert client.post("/api/v1/predictions", json=query).json["model"]["id"] == ids[1]
    assert "the snapshot cannot be written, the previous one is used: OperationalError" in caplog.text
    # a process without a snapshot has nothing to use
    settings = one.config["SETTINGS"]
    fresh = create_app(make_settings(settings.data_dir, database_url=AWAY)).test_client()
    assert fresh.get("/api/v1/species").status_code == 503
    # a file that is replaced is read at once, without the pause
    draft = file.with_suffix(".draft")
    draft.write_bytes(good)
    draft.replace(file)
    assert fresh.get("/api/v1/species").status_code == 200
    with one.app_context():
        changes.activate(ids[0])
    assert client.post("/api/v1/predictions", json=query).json["model"]["id"] == ids[0]


def test_a_candidate_of_another_study_does_not_block_a_name():
    def entry(number, slug, model=None):
        study = StudyEntry(f"study-{number}", f"Study {number}")
        return SpeciesEntry(number, slug, "Lacerta schreiberi", "", study, model)

    model = ModelEntry("m", 1, "m", 0.8)
    answering, candidate = entry(1, "lacerta-schreiberi", model), entry(2, "lacerta-schreiberi-mine")
    both = snapshot.Snapshot.of([candidate, answering])
    for name in ("Lacerta schreiberi", "Lacerta schreiberi Bedriaga, 1878"):
        assert both.resolve(name) is answering
    assert both.resolve("lacerta-schreiberi-mine") is candidate
    assert snapshot.Snapshot.of([candidate]).resolve("Lacerta schreiberi") is candidate
    for several in ([candidate, entry(3, "third")], [answering, entry(3, "third", model), candidate]):
        with pytest.raises(ValidationFailed) as refused:
            snapshot.Snapshot.of(several).resolve("Lacerta schreiberi")
        assert "third" in refused.value.errors[0][1]
