"""What an exception says about the model that raised it."""

from __future__ import annotations

from app.catalogue.entries import ModelEntry
from app.errors import AppError, Unavailable
from app.registry import service as registry


def is_about_the_request(failure: Exception) -> bool:
    """Return whether an answer was refused because of what the request says, which is no failure of the model."""
    return isinstance(failure, AppError) and failure.status < 500


def cannot_be_opened(model: ModelEntry) -> bool:
    """Return whether a model that has failed cannot be opened, whatever is asked."""
    try:
        registry.opened(model)
    except Unavailable:
        return True
    return False
