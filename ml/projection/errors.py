"""Errors of projections, without imports."""

from __future__ import annotations


class ProjectionError(ValueError):
    """The model cannot be projected onto the layers, or the map cannot be written; the message says why."""


class Cancelled(Exception):
    """The projection was cancelled; finished blocks are kept."""
