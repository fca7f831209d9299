"""Keys, tokens and plans on PostgreSQL and Valkey: instances that count together, races, and no database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from app.accounts import keys, tokens, users
from app.accounts.credentials import MOST
from app.components import components
from app.config.settings import load_settings
from app.database.db import db
from app.errors import Conflict, CredentialRefused
from app.jobs import service as jobs
from app.jobs.steps import Step, register_kind
from app.plans import service as plans
from app.plans.tables import MonthlyUsage
from app.plans.usage import Usage
from tests.contract.accounts.conftest import PASSWORD, Browser
from tests.services.conftest import create_database, drop_database
from tests.services.test_sessions import at_once, predicts
from tools import live

EDITOR = "editor@example.org"


@pytest.fixture
def apps(database: str, redis: live.Program, prepared: Path, workroom: Path) -> list[Flask]:
    """Two instances as in production that share a PostgreSQL and a Valkey."""
    environ = live.copy_site(
        prepared,
        workroom / "programs",
        ENVIRONMENT="production",
        DATABASE_URL=database,
        REDIS_URL=f"redis://127.0.0.1:{redis.port}/0",
    )
    made = [create_app(load_settings(environ)) for _ in range(2)]
    with made[0].app_context():
        users.create(EDITOR, "editor", PASSWORD)
    return made


def key_of(app: Flask) -> str:
    with app.app_context():
        user = users.get(EDITOR)
        return keys.create(user, user.epoch, "a test", ["write"], 1)[1]


def ask(app: Flask, key: str) -> Any:
    return app.test_client().get("/api/v1/studies", headers={"X-API-Key": key})


def outcomes_of(work: Callable[[], object], number: int = 2) -> list[bool]:
    found: list[bool] = []

    def run() -> None:
        try:
            work()
            found.append(True)
        except (Conflict, CredentialRefused):
            found.append(False)

    at_once(*[run] * number)
    return sorted(found)


def test_instances_count_a_person_together(apps: list[Flask]) -> None:
    key = key_of(apps[0])
    with apps[0].app_context():
        plans.change("free", 0, "6/hour", {"requests_a_month": 1000})
    left = [ask(apps[number % 2], key).headers["RateLimit-Remaining"] for number in range(4)]
    assert left == ["5", "4", "3", "2"]
    for app in apps:
        components(app).get(Usage).write()
    with apps[0].app_context():
        assert db.session.scalars(select(MonthlyUsage.requests)).all() == [4]
    assert [ask(app, key).status_code for app in apps] == [200, 200]
    assert [ask(app, key).status_code for app in apps] == [429, 429]


def test_of_things_done_at_once_as_many_succeed_as_should(apps: list[Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    app = apps[0]
    monkeypatch.setattr(keys, "MOST", 3)
    key = key_of(app)
    key_of(app)
    assert outcomes_of(lambda: key_of(app)) == [False, True]
    with app.app_context():
        user = users.get(EDITOR)
        pair = tokens.begin(user.id, user.epoch)

    def refresh() -> None:
        with app.app_context():
            tokens.refresh(pair.refresh)

    assert outcomes_of(refresh) == [False, True]
    headers = {"Authorization": f"Bearer {pair.access}"}
    assert app.test_client().get("/api/v1/studies", headers=headers).status_code == 200

    def change() -> None:
        with app.app_context():
            plans.change("free", 0, None, {"jobs_at_once": 1})

    assert outcomes_of(change) == [False, True]
    register_kind("plan-test", "A test", (Step("one", "One", lambda work: None),))

    def start() -> None:
        with app.test_request_context("/", headers={"X-API-Key": key}):
            app.preprocess_request()
            jobs.enqueue("plan-test", "", {})

    assert outcomes_of(start, 3) == [False, False, True]


def test_without_the_database_keys_are_not_checked_and_strangers_predict(
    postgres: str, stocked: Path, prepared: Path, workroom: Path
) -> None:
    url = create_database(postgres, "programs_down", "stocked")
    app = create_app(
        load_settings(live.copy_site(prepared, workroom / "down", ENVIRONMENT="production", DATABASE_URL=url))
    )
    app.test_client_class = Browser
    with app.app_context():
        users.create(EDITOR, "editor", PASSWORD)
        user = users.get(EDITOR)
        pair = tokens.begin(user.id, user.epoch)
    token, key = pair.access, key_of(app)
    assert ask(app, key).status_code == 200
    with app.app_context():
        db.engine.dispose()
    drop_database(url)
    for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {token}"}):
        for path in ("/api/v1/studies", "/api/v1/species", "/species"):
            refused = app.test_client().get(path, headers=headers)
            assert (refused.status_code, refused.mimetype) == (503, "application/problem+json"), path
    body = {"email": EDITOR, "password": PASSWORD}
    assert app.test_client().post("/api/v1/auth/token", json=body).status_code == 503
    for what in ("refresh", "revoke"):
        sent = app.test_client().post(f"/api/v1/auth/{what}", json={"refresh_token": pair.refresh})
        assert sent.status_code == 503, what
    # a wrong one is not told from a true one, and is not counted
    statuses = {ask(app, f"eco_AAAAAAAA_{number:043}").status_code for number in range(MOST + 5)}
    assert statuses == {503}
    assert predicts(app.test_client())


def test_without_redis_keys_and_tokens_go_on(apps: list[Flask], redis: live.Program) -> None:
    app, key = apps[0], key_of(apps[0])
    with app.app_context():
        user = users.get(EDITOR)
        pair = tokens.begin(user.id, user.epoch)
    redis.stop()
    assert ask(app, key).status_code == 200
    with_token = {"Authorization": f"Bearer {pair.access}"}
    assert app.test_client().get("/api/v1/studies/x/files", headers=with_token).status_code == 404
    assert app.test_client().post("/api/v1/auth/refresh", json={"refresh_token": pair.refresh}).status_code == 200
    statuses = [ask(app, f"eco_AAAAAAAA_{number:043}").status_code for number in range(MOST + 1)]
    assert statuses == [401] * MOST + [429]
    assert ask(app, key).status_code == 200
    assert predicts(app.test_client())
