"""Lines about keys, tokens, plans, sharing and observations, and none about reading and predicting with them."""

from __future__ import annotations

import time

import pytest

from app.accounts import tokens
from tests.contract.accounts.conftest import PASSWORD
from tests.contract.audit.conftest import EDITOR, VIEWER


@pytest.fixture
def program(production):
    """A client without cookies."""
    client = production.test_client()
    return lambda path, body, **more: client.post(f"/api/v1/auth/{path}", json=body, **more)


def test_a_key_leaves_lines_of_its_life_and_none_of_its_use(production, editor, lines, id_of):
    form = {"name": "my program", "scopes": ["read", "predict"], "days": "30", "confirm": PASSWORD}
    assert editor.post("/account/keys", data=form).status_code == 200
    made = production.test_cli_runner().invoke(args=["keys", "create", EDITOR, "--name", "second"])
    key = made.output.strip().splitlines()[-1]
    client = production.test_client()
    for path in ("/species", "/studies", "/jobs"):
        assert client.get(f"/api/v1{path}", headers={"X-API-Key": key}).status_code == 200
    client.post("/api/v1/predictions", json={"species": "x", "environment": {}}, headers={"X-API-Key": key})
    assert client.post("/api/v1/studies", json={"title": "x"}, headers={"X-API-Key": key}).status_code == 403
    editor.post("/account/keys/revoke")
    told = [(line.action, line.result, line.source) for line in lines() if line.source != "program"]
    assert told == [
        ("account.sign-in", "done", "web"),
        ("key.create", "done", "web"),
        ("key.create", "done", "command"),
        ("study.create", "refused", "api"),
        ("key.revoke-all", "done", "web"),
    ]
    assert lines("study.create")[0].person_id == id_of(EDITOR)
    secret = key[-20:]
    assert not [value for line in lines() for value in vars(line).values() if secret in str(value)]


def test_tokens_leave_lines_of_the_sign_in_and_of_a_used_one_that_came_again(program, lines, id_of, monkeypatch):
    assert program("token", {"email": EDITOR, "password": "wrong horse battery"}).status_code == 401
    first = program("token", {"email": EDITOR, "password": PASSWORD}).json
    second = program("refresh", {"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    assert [(line.action, line.result) for line in lines("token.refresh")] == []
    monkeypatch.setattr(tokens, "OVERLAP", type(tokens.OVERLAP)(0))
    time.sleep(0.01)
    assert program("refresh", {"refresh_token": first["refresh_token"]}).status_code == 401
    assert program("refresh", {"refresh_token": "forged"}).status_code == 401
    own = id_of(EDITOR)
    told = [(line.action, line.result, line.object_id) for line in lines() if line.source == "api"]
    assert told == [
        ("token.create", "refused", own),
        ("token.create", "done", own),
        ("token.refresh", "done", own),
    ]
    assert "came again" in lines("token.refresh")[0].detail
    assert first["refresh_token"] not in str([vars(line) for line in lines()])


def test_plans_and_sharing_have_lines(production, admin, editor, lines):
    run = production.test_cli_runner().invoke
    assert run(args=["users", "plan", VIEWER, "partner"]).exit_code == 0
    assert run(args=["plans", "set", "free", "--rate", "300/second"]).exit_code == 0
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    editor.put("/api/v1/studies/lizards/people", json={"email": VIEWER, "role": "reader"})
    editor.patch("/api/v1/studies/lizards", json={"visibility": "shared"})
    told = [
        (line.action, line.object_id) for line in lines() if line.action.startswith(("plan.", "study.", "account.plan"))
    ]
    assert [action for action, _ in told] == [
        "account.plan",
        "plan.change",
        "study.create",
        "study.share",
        "study.change",
    ]
    assert {identity for action, identity in told if action.startswith("study.")} == {"lizards"}
    assert ("plan.change", "free") in told
    assert lines("study.change")[0].detail.startswith("visibility shared, before private")
    assert VIEWER not in str([vars(line) for line in lines()])
