"""An application as in production, with a person of each role."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask

from app import create_app
from app.accounts import keys, passwords, users
from app.database.db import db
from tests.contract.conftest import LintingClient, copy_database, make_settings, upgrade

PASSWORD = "kestrel lamp forty oak"
ROLES = ("viewer", "editor", "admin")


class Browser(LintingClient):
    """A client with HTTPS and the header by which browsers say that a form is of the same site."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("base_url", "https://localhost")
        headers = dict(kwargs.pop("headers", None) or {})
        headers.setdefault("Sec-Fetch-Site", "same-origin")
        kwargs["headers"] = {name: value for name, value in headers.items() if value is not None}
        return super().open(*args, **kwargs)

    def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> Any:
        return self.post("/login", data={"email": email, "password": password, **more})

    def cookie(self) -> str | None:
        found = self.get_cookie("__Host-session", domain="localhost")
        return found.value if found is not None else None

    def set_session(self, value: str) -> None:
        self.set_cookie("__Host-session", value, domain="localhost", secure=True)

    def signed_in(self) -> bool:
        return self.get("/account").status_code == 200


def _production(folder: Path, **changes: Any) -> Flask:
    app = create_app(make_settings(folder, environment="production", allowed_hosts=("localhost",), **changes))
    app.test_client_class = Browser
    return app


def make_production(folder: Path, **changes: Any) -> Flask:
    """Return an application with a database of its own, in which the same three people have an account."""
    app = _production(folder, **changes)
    shutil.copyfile(_with_people(), folder / "test.db")
    return app


@functools.cache
def _with_people() -> Path:
    with tempfile.TemporaryDirectory() as folder:
        app = _production(Path(folder))
        upgrade(app)
        with app.app_context():
            for role in ROLES:
                users.create(f"{role}@example.org", role, PASSWORD)
            db.engine.dispose()
        return copy_database(Path(folder) / "test.db", "people")


@pytest.fixture
def real_hashes(quick_hashes: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hash passwords as the service does, where the time that it takes counts."""
    monkeypatch.setattr(passwords, "_hasher", quick_hashes)
    passwords._decoy.cache_clear()
    yield
    passwords._decoy.cache_clear()


@pytest.fixture
def production(tmp_path: Any) -> Flask:
    return make_production(tmp_path)


@pytest.fixture
def browser(production: Flask) -> Browser:
    return production.test_client()


@pytest.fixture
def make_key(production):
    def make(email="editor@example.org", scopes=("write",), days=30):
        with production.app_context():
            user = users.get(email)
            return keys.create(user, user.epoch, "a test", scopes, days)[1]

    return make


@pytest.fixture
def program(production):
    """A client that sends no header of browsers."""

    def send(key, path="/api/v1/studies", method="GET", **more):
        headers = {"Sec-Fetch-Site": None, "X-API-Key": key, **more.pop("headers", {})}
        return production.test_client().open(path, method=method, headers=headers, **more)

    return send


@pytest.fixture
def auth(production):
    class Auth:
        def post(self, what, body, **more):
            headers = {"Sec-Fetch-Site": None, **more.pop("headers", {})}
            return production.test_client().post(f"/api/v1/auth/{what}", json=body, headers=headers, **more)

        def sign_in(self, email="editor@example.org", password=PASSWORD, **more):
            return self.post("token", {"email": email, "password": password, **more})

        def refresh(self, token):
            return self.post("refresh", {"refresh_token": token})

        def get(self, token, path="/api/v1/studies/x/files"):
            headers = {"Sec-Fetch-Site": None, "Authorization": f"Bearer {token}"}
            return production.test_client().get(path, headers=headers)

        def knows(self, token):
            """Whether a token is accepted: there is no such study."""
            status = self.get(token).status_code
            assert status in (404, 401)
            return status == 404

    return Auth()


@pytest.fixture
def pair(auth):
    return auth.sign_in().json
