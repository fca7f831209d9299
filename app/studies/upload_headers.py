"""The headers of an upload: which part of a file the body is, and the hashes that it must have."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import ValidationFailed

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

_RANGE = re.compile(r"bytes (\d{1,16})-(\d{1,16})/(\d{1,16})")
_QUESTION = re.compile(r"bytes \*/(\d{1,16})")


@dataclass(frozen=True)
class ContentRange:
    """What a request contains: bytes from `start` to before `end` of `total`, or a question (no bytes).

    Attributes
    ----------
    start, end : int or None
        None for a question.
    total : int
        Bytes of the whole file.
    """

    start: int | None
    end: int | None
    total: int

    @classmethod
    def parse(cls, text: str) -> ContentRange:
        """Read a ``Content-Range`` header.

        Raises
        ------
        ValidationFailed
        """
        text = text.strip()
        question = _QUESTION.fullmatch(text)
        if question:
            return cls(None, None, int(question[1]))
        match = _RANGE.fullmatch(text)
        if match:
            first, last, total = (int(number) for number in match.groups())
            if first <= last < total:
                return cls(first, last + 1, total)
        raise ValidationFailed(
            [("/Content-Range", "must be “bytes FIRST-LAST/TOTAL”, or “bytes */TOTAL” to ask what has arrived")]
        )


@dataclass(frozen=True)
class Digests:
    """SHA-256 hashes that a request states, None where it states none.

    Attributes
    ----------
    content : bytes or None
        Of the bytes of this request.
    whole : bytes or None
        Of the whole file.
    """

    content: bytes | None
    whole: bytes | None

    @classmethod
    def parse(cls, headers: Mapping[str, str] | Headers) -> Digests:
        """Read ``Content-Digest`` and ``Repr-Digest`` (RFC 9530), and ``Digest`` (RFC 3230). Other hashes are ignored.

        Raises
        ------
        ValidationFailed
        """
        whole = _digest(headers, "Repr-Digest", r"(?:^|,)\s*sha-256=:([^:]*):")
        return cls(
            _digest(headers, "Content-Digest", r"(?:^|,)\s*sha-256=:([^:]*):"),
            whole or _digest(headers, "Digest", r"(?:^|,)\s*(?i:sha-256)=([A-Za-z0-9+/=]*)"),
        )

    def is_of(self, sha256: str) -> bool:
        """Return whether the stated hash of the whole file, if any, is a known one, in hexadecimal digits."""
        return self.whole is None or self.whole.hex() == sha256


NO_DIGESTS = Digests(None, None)


def _digest(headers: Mapping[str, str] | Headers, name: str, pattern: str) -> bytes | None:
    match = re.search(pattern, headers.get(name) or "")
    if match is None:
        return None
    try:
        value = base64.b64decode(match[1], validate=True)
    except binascii.Error:
        value = b""
    if len(value) != hashlib.sha256().digest_size:
        raise ValidationFailed([("/" + name, "the sha-256 must be 32 bytes in base64")])
    return value
