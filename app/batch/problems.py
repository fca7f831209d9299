"""Errors of a table as errors of the field it came from."""

from __future__ import annotations

from app.errors import ValidationFailed


class readable:  # noqa: N801 (a context manager)
    """Turn the errors of a table into those of the field it came from."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ValueError):
            text = " ".join(str(error).split())
            raise ValidationFailed([(self._place, text)]) from None
