"""The version of this program."""

from __future__ import annotations

import functools
import tomllib

from app.config.settings import PROJECT


@functools.cache
def app_version() -> str:
    """Return the version of this program, which ``tools/release.py`` writes into pyproject.toml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])
