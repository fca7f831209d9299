"""Variants of a test that run in ``make thorough`` only."""

from __future__ import annotations

from typing import Any

import pytest


def thorough(*values: Any) -> Any:
    """Return the values of one variant, for ``pytest.mark.parametrize``; another variant of the test always runs."""
    return pytest.param(*values, marks=pytest.mark.thorough)
