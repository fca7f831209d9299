"""Which model answers: every process sees a change at its next request, and needs no database for it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app import create_app
from app.catalogue import snapshot, versions
from app.registry import service as registry
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, make_settings, upgrade
from tests.synthetic import synthetic_study


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


def test_two_operators_at_once_leave_what_the_database_says(two):
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
