"""Workers of the previous release and of this one use the same snapshot during an upgrade."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

import pytest

from app import create_app
from app.catalogue import snapshot
from app.registry import changes
from tests.contract.conftest import WHEATEAR, answering_model, matching_slugs, registry_folder


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


def test_the_previous_release_reads_the_snapshot(two):
    one, _, ids = two
    species = {entry.slug: entry for entry in read_as_the_previous_release(registry_folder(one) / "active.json")}
    assert species[WHEATEAR].model.id == ids[1]
    assert species[WHEATEAR].study.slug == "test-hills"
    with one.app_context():
        assert [entry.slug for entry in snapshot.current().species] == list(species)


def test_a_snapshot_of_the_previous_release_is_read_and_completed(two, caplog):
    one, another, _ = two
    names = registry_folder(one) / "names.json"
    content = names.read_bytes()
    names.unlink()
    with caplog.at_level(logging.INFO):
        fresh = create_app(one.config["SETTINGS"])
        assert matching_slugs(fresh, {"q": "oreillard"}) == [WHEATEAR]
    assert names.read_bytes() == content
    assert not [record for record in caplog.records if record.name.startswith("app.catalogue")]
    assert matching_slugs(another, {"q": "oreillard"}) == [WHEATEAR]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"active": 1}', b'{"active": "", "other_names": {"x": 1}}', b"\xff"])
def test_broken_names_are_written_again(two, content):
    one, _, _ = two
    (registry_folder(one) / "names.json").write_bytes(content)
    assert matching_slugs(create_app(one.config["SETTINGS"]), {"q": "oreillard"}) == [WHEATEAR]


def test_an_activation_by_the_previous_release_is_seen_and_keeps_other_names(two, environment):
    one, another, ids = two
    assert matching_slugs(another, {"q": "oreillard"}) == [WHEATEAR]
    with one.app_context():
        changes.activate(ids[0])
    active, names = registry_folder(one) / "active.json", registry_folder(one) / "names.json"
    # that release writes the same entries, and no names
    written = active.read_bytes()
    with one.app_context():
        changes.activate(ids[1])
    before = names.read_bytes()
    draft = active.with_suffix(".draft")
    draft.write_bytes(written)
    draft.replace(active)
    assert answering_model(another, environment)["id"] == ids[0]
    # the digest differs, so the files are written again, from the database
    assert matching_slugs(another, {"q": "oreillard"}) == [WHEATEAR]
    assert names.read_bytes() == before
    assert answering_model(another, environment)["id"] == ids[1]
