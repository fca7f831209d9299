"""An application with a kind of jobs for tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.database.types import now
from app.jobs import claims, service
from app.jobs.steps import JobRef, Step, register_kind
from app.jobs.tables import Job
from tests.contract.conftest import LintingClient, make_settings, upgrade

UNKNOWN = "00000000-0000-4000-8000-000000000000"
#: Ids of the jobs that were cleaned up.
cleaned: list[str] = []


def _clean_up(job: JobRef) -> None:
    cleaned.append(job.id)


@pytest.fixture(autouse=True)
def kind() -> None:
    register_kind("test-kind", "Test", [Step("one", "First", print), Step("two", "Second", print)], _clean_up)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(make_settings(tmp_path))
    app.test_client_class = LintingClient
    upgrade(app)
    with app.app_context():
        yield app


@pytest.fixture
def web(site: Flask) -> FlaskClient:
    return site.test_client()


def add(study: str = "hills", **options) -> Job:
    return service.enqueue("test-kind", study, {"seed": 1}, **options)


def end(job: str, **values) -> None:
    claims.claim("worker-1", ["test-kind"])
    claims.save(job, "worker-1", {"ended_at": now(), **values})
