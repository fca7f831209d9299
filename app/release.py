"""Which version of this program runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def app_version() -> str:
    """Return the version of this program."""
    try:
        return version("ecopredict")
    except PackageNotFoundError:
        return "0.1.0"
