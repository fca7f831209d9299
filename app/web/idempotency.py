"""The header ``Idempotency-Key``."""

from __future__ import annotations

import re

from flask import request

from app.errors import ValidationFailed

LONGEST_KEY = 150
_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")


def idempotency_key() -> str | None:
    """Return the key of the present request, or None.

    Raises
    ------
    ValidationFailed
        The header is not 1 to 150 visible ASCII characters.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise ValidationFailed([("/Idempotency-Key", f"must be 1 to {LONGEST_KEY} visible ASCII characters")])
    return key
