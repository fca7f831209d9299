"""Rows of the outbox as JSON, also those of an earlier release: a spool survives an upgrade."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.outbox.row import QueuedRow

ROW = QueuedRow(
    id="0198c3a4-0000-7000-8000-000000000001",
    species_id=7,
    model_id="oenanthe-1",
    environment={"bare_rock": 40.0, "soil": "chalk"},
    answer=b'{"suitability":0.1,"interval":[0.05,0.3]}',
    created_at=datetime(2026, 11, 28, 5, 4, 3, 21, UTC),
    species="oenanthe-hispanica",
    version=2,
)
# as release 0.1 wrote it
FORMER = {
    "id": ROW.id,
    "species_id": 7,
    "model_id": "oenanthe-1",
    "environment": {"bare_rock": 40.0, "soil": "chalk"},
    "answer": {"suitability": 0.1, "interval": [0.05, 0.3]},
    "created_at": "2026-11-28T05:04:03.000021+00:00",
    "told": {"species": "oenanthe-hispanica", "version": 2},
}


def test_a_row_is_the_same_after_json():
    assert QueuedRow.from_json(ROW.to_json()) == ROW


def test_the_person_who_asked_is_kept():
    asked = replace(ROW, user_id="0198c3a4-0000-7000-8000-000000000009")
    assert QueuedRow.from_json(asked.to_json()) == asked


def test_the_json_has_the_columns_of_the_table_by_name():
    members = json.loads(ROW.to_json())
    assert {name: members[name] for name in FORMER if name != "told"} == {
        name: value for name, value in FORMER.items() if name != "told"
    }


def test_a_row_of_the_earlier_release_is_read():
    assert QueuedRow.from_json(json.dumps(FORMER).encode()) == ROW


@pytest.mark.parametrize(
    "changes",
    [{"told": None}, {"told": {}}, {"told": 3}, {"species_id": "x"}, {"created_at": "soon"}, {"environment": 1}],
)
def test_anything_else_is_refused(changes):
    with pytest.raises(ValueError):
        QueuedRow.from_json(json.dumps({**FORMER, **changes}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"{"])
def test_what_is_no_object_with_an_answer_is_refused(body):
    with pytest.raises(ValueError):
        QueuedRow.from_json(body)
