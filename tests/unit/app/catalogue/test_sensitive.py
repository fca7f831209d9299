from __future__ import annotations

import pytest

from app.catalogue import sensitive


def test_without_an_application_no_place_is_exact():
    with pytest.raises(RuntimeError, match="application context"):
        sensitive.grid_for("any-study")
