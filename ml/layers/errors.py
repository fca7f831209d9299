"""The error of the package, without imports, so that the web application can import it."""

from __future__ import annotations


class LayerError(ValueError):
    """A layer file is missing or not valid; the message says why."""
