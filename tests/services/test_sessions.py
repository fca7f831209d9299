"""Accounts on PostgreSQL and Valkey: sessions that instances share, races, and both services down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyotp
import pytest
import redis as redis_client
from flask import Flask

from app import create_app
from app.accounts import second_factor, users
from app.accounts.sessions import _PREFIX, IDLE
from app.components import components
from app.config.settings import load_settings
from app.database.db import db
from app.errors import Conflict
from app.outbox.outbox import Outbox
from tests.contract.accounts.conftest import PASSWORD, ROLES, Browser
from tests.services.conftest import ENVIRONMENT, WHEATEAR, create_database, drop_database
from tools import live

EDITOR = "editor@example.org"
Apps = Callable[[], Flask]


@pytest.fixture
def make_app(database: str, redis: live.Program, prepared: Path, workroom: Path) -> Iterator[Apps]:
    """Return a function that makes an application as in production; all share a PostgreSQL and a Valkey."""
    environ = live.copy_site(
        prepared,
        workroom / "sessions",
        ENVIRONMENT="production",
        DATABASE_URL=database,
        REDIS_URL=f"redis://127.0.0.1:{redis.port}/0",
    )

    apps: list[Flask] = []

    def make() -> Flask:
        app = create_app(load_settings(environ))
        app.test_client_class = Browser
        apps.append(app)
        return app

    with make().app_context():
        for role in ROLES:
            users.create(f"{role}@example.org", role, PASSWORD)
    yield make
    for app in apps:
        stop_outbox(app)


def stop_outbox(app: Flask) -> None:
    """End the thread that stores answers; it would make its folder again when the test has removed it."""
    components(app).get(Outbox).stop()


def sessions_in(redis: live.Program) -> dict[str, bytes]:
    with redis_client.Redis(port=redis.port) as client:
        return {key.decode(): client.get(key) for key in client.keys(f"{_PREFIX}*")}


def predicts(browser: Any) -> bool:
    query = {"species": WHEATEAR, "environment": ENVIRONMENT}
    return browser.post("/api/v1/predictions", json=query).status_code == 200


def test_instances_share_a_session_that_is_in_redis(make_app: Apps, redis: live.Program) -> None:
    one, other = make_app().test_client(), make_app().test_client()
    assert one.get("/species").status_code == 200
    assert sessions_in(redis) == {}, "nobody has a session before they sign in"
    assert one.sign_in(EDITOR).status_code == 303
    ((key, entry),) = sessions_in(redis).items()
    with redis_client.Redis(port=redis.port) as client:
        assert 0 < client.ttl(key) <= IDLE.total_seconds()
    other.set_session(one.cookie())
    assert other.signed_in()
    assert other.post("/api/v1/studies", json={"title": "Lizards"}).status_code == 201
    # whoever can read Redis has no cookie
    thief = make_app().test_client()
    thief.set_session(entry.decode())
    assert not thief.signed_in()
    # whoever can write to Redis makes no session
    with redis_client.Redis(port=redis.port) as client:
        client.set(key, entry[:-3] + b"abc")
        assert not other.signed_in()
        client.set(key, b"{}")
        assert not other.signed_in()
        client.set(key, entry)
        assert other.signed_in()
    one.post("/logout")
    assert sessions_in(redis) == {}
    assert not other.signed_in()
    # an entry that somebody kept does not bring the session back
    with redis_client.Redis(port=redis.port) as client:
        client.set(key, entry)
    assert not other.signed_in()


def test_signing_in_replaces_the_session_in_redis(make_app: Apps, redis: live.Program) -> None:
    browser = make_app().test_client()
    browser.sign_in(EDITOR)
    (first,) = sessions_in(redis)
    changed = browser.post(
        "/account/password", data={"present": PASSWORD, "new": PASSWORD + "s", "again": PASSWORD + "s"}
    )
    assert changed.status_code == 303
    (second,) = sessions_in(redis)
    assert first != second
    assert browser.signed_in()


def test_without_redis_reading_and_predicting_go_on(make_app: Apps, redis: live.Program, workroom: Path) -> None:
    browser, visitor = make_app().test_client(), make_app().test_client()
    browser.sign_in(EDITOR)
    redis.stop()
    for one in (browser, visitor):
        assert one.get("/species").status_code == 200
        assert predicts(one)
        assert one.get("/login").status_code == 200
    assert browser.post("/api/v1/studies", json={"title": "x"}).status_code == 503
    assert visitor.post("/api/v1/studies", json={"title": "x"}).status_code == 401
    assert browser.get("/account").status_code == 503
    assert visitor.sign_in(EDITOR).status_code == 503
    assert "Set-Cookie" not in visitor.sign_in("viewer@example.org").headers
    # the cookie goes, and the session is known as ended
    kept = browser.cookie()
    assert browser.post("/logout").status_code == 303
    assert browser.cookie() is None
    with live.valkey(workroom / "valkey-back", port=redis.port):
        # a moment passes before Redis is asked again
        live.wait_until(lambda: visitor.sign_in(EDITOR).status_code == 303, 10, "Redis is back")
        browser.set_session(kept)
        assert not browser.signed_in()


def test_without_the_database_reading_and_predicting_go_on(
    make_app: Apps, postgres: str, stocked: Path, prepared: Path, workroom: Path
) -> None:
    url = create_database(postgres, "sessions_down", "stocked")
    environ = live.copy_site(prepared, workroom / "down", ENVIRONMENT="production", DATABASE_URL=url)
    app = create_app(load_settings(environ))
    app.test_client_class = Browser
    with app.app_context():
        users.create(EDITOR, "editor", PASSWORD)
    browser = app.test_client()
    assert browser.sign_in(EDITOR).status_code == 303
    assert browser.signed_in()
    with app.app_context():
        db.engine.dispose()
    drop_database(url)
    assert predicts(browser)
    assert browser.get("/").status_code == 200
    assert "Sign in" in browser.get("/").text
    assert browser.post("/api/v1/studies", json={"title": "x"}).status_code == 503
    assert browser.sign_in(EDITOR).status_code == 503
    link = f"/account/password/{'A' * 43}"
    for method, address in (("GET", "/account"), ("GET", "/people"), ("GET", link), ("POST", link), ("GET", "/plans")):
        data = {"password": PASSWORD, "again": PASSWORD} if method == "POST" else None
        assert browser.open(address, method=method, data=data).status_code == 503, address
    # nobody knows who it is, so nothing says that signing in would help
    missing = browser.get("/nothing", headers={"Accept": "text/html"})
    assert (missing.status_code, "If somebody shared it" in missing.text) == (404, False)
    stop_outbox(app)


def at_once(*work: Callable[[], object]) -> None:
    together = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        together.wait()
        one()

    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_two_simultaneous_sign_ins_with_one_code_one_succeeds(make_app: Apps) -> None:
    apps = [make_app() for _ in range(2)]
    with apps[0].app_context():
        user = users.get(EDITOR)
        secret = pyotp.random_base32()
        before = pyotp.TOTP(secret).now()
        assert second_factor.turn_on(user.id, user.epoch, secret, before)
    browsers = [app.test_client() for app in apps]
    for browser in browsers:
        assert browser.sign_in(EDITOR).location.startswith("/login/code")
    statuses: list[int] = []
    code = pyotp.TOTP(secret).at(__import__("time").time() + 30)
    at_once(
        *(lambda one=one: statuses.append(one.post("/login/code", data={"code": code}).status_code) for one in browsers)
    )
    assert sorted(statuses) == [303, 422]


def test_two_admins_who_demote_each_other_leave_one(make_app: Apps) -> None:
    app = make_app()
    with app.app_context():
        users.create("second@example.org", "admin", PASSWORD)
    outcomes: list[str] = []

    def demote(email: str) -> None:
        with app.app_context():
            try:
                users.set_role(email, "viewer")
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")

    for _ in range(5):
        outcomes.clear()
        at_once(lambda: demote("admin@example.org"), lambda: demote("second@example.org"))
        with app.app_context():
            assert sum(user.role == "admin" for user in users.browse()) == 1
            for email in ("admin@example.org", "second@example.org"):
                users.set_role(email, "admin")
        assert sorted(outcomes) == ["done", "refused"]


def test_an_address_is_taken_once_in_any_case(make_app: Apps) -> None:
    outcomes: list[str] = []
    app = make_app()

    def create(email: str) -> None:
        with app.app_context():
            try:
                users.create(email, "viewer", PASSWORD)
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")

    at_once(lambda: create("New@example.org"), lambda: create("new@EXAMPLE.org"))
    assert sorted(outcomes) == ["done", "refused"]
