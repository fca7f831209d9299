"""Fixtures of the units of the application."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.catalogue import sensitive
from app.catalogue.marks import Marks


@pytest.fixture
def nothing_sensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    """No species is sensitive. Without an application nobody knows, and nothing shows a place."""
    monkeypatch.setattr(sensitive, "snapshot_file", lambda: SimpleNamespace(marks=lambda: Marks({})))
