"""An application with an active model and a candidate, and clients of several addresses."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import create_app
from app.catalogue import snapshot
from app.components import components
from app.registry import changes
from app.rollouts.measures import Measures
from app.rollouts.shadows import Shadows
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade

STUDY = "test-hills"
API = f"/api/v1/studies/{STUDY}/rollout"
PAGE = f"/studies/{STUDY}/rollout"


class Trial:
    """An application with two versions of one model.

    Attributes
    ----------
    app : Flask
    active, candidate : str
        Ids of the models.
    """

    def __init__(self, app: Flask, active: str, candidate: str, environment: dict[str, Any]) -> None:
        self.app, self.active, self.candidate = app, active, candidate
        self.environment = environment
        app.test_client_class = LintingClient
        self.client = app.test_client()

    def start(self, **more: Any) -> Any:
        response = self.client.post(API, json={"model": self.candidate, "percent": 50, **more})
        assert response.status_code == 201, response.json
        return response.json

    def ask(self, address: str = "192.0.2.1", **more: Any) -> TestResponse:
        return self.client.post(
            "/api/v1/predictions",
            json={"species": WHEATEAR, "environment": self.environment, **more},
            environ_base={"REMOTE_ADDR": address},
        )

    def asked(self, n: int, **more: Any) -> list[str]:
        """The models that answer clients of n addresses."""
        answers = [self.ask(f"192.0.{at // 250}.{at % 250 + 1}", **more) for at in range(n)]
        assert {answer.status_code for answer in answers} == {200}
        return [answer.json["model"]["id"] for answer in answers]

    def address_of(self, model: str) -> str:
        """The address of a client whom a model answers."""
        return next(
            at for at in (f"198.51.100.{n}" for n in range(1, 250)) if self.ask(at).json["model"]["id"] == model
        )

    def store(self) -> None:
        """Do what the threads do."""
        components(self.app).get(Shadows).compute()
        components(self.app).get(Measures).store()

    def read(self) -> Any:
        self.store()
        response = self.client.get(API)
        assert response.status_code == 200, response.json
        return response.json

    def arm(self, name: str) -> Any:
        return next(arm for arm in self.read()["arms"] if arm["arm"] == name)

    def remove_candidate(self) -> None:
        with self.app.app_context():
            entry = snapshot.current().by_slug[WHEATEAR]
            assert entry.rollout is not None
            shutil.rmtree(self.app.config["SETTINGS"].models_dir / entry.rollout.candidate.path)


def another(trial: Trial, **settings: Any) -> Trial:
    """Another process on the same data directory."""
    known = trial.app.config["SETTINGS"]
    changed = make_settings(known.data_dir, **{"database_url": known.database_url, **settings})
    return Trial(create_app(changed), trial.active, trial.candidate, trial.environment)


@pytest.fixture
def trial(tmp_path, artifacts, newer_model, environment) -> Trial:
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    copied = shutil.copytree(newer_model, app.config["SETTINGS"].models_dir / "copied" / "one" / newer_model.name)
    with app.app_context():
        first = changes.register(artifacts[WHEATEAR])[0].id
        changes.activate(first)
        second = changes.register(copied)[0].id
    return Trial(app, first, second, environment)
