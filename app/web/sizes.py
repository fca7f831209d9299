"""Numbers of bytes as people read and write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_FACTORS: Final = {
    "": 1,
    "b": 1,
    "bytes": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_SIZE = re.compile(r"([0-9]{1,18}(?:[.,][0-9]{1,6})?) ?([a-z]{0,5})", re.ASCII)


def size_text(size: int) -> str:
    """Return a number of bytes for people, as 1.5 GB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            number = size / factor
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
    return f"{size} bytes" if size != 1 else "1 byte"


def read_size(text: str) -> int | None:
    """Return a number of bytes, which may have a unit: 500 MB, 1.5 GB, 2 GiB; None where it is no such number."""
    found = _SIZE.fullmatch(" ".join(text.split()).lower())
    factor = _FACTORS.get(found[2]) if found is not None else None
    if found is None or factor is None:
        return None
    size = Decimal(found[1].replace(",", ".")) * factor
    return int(size) if size == int(size) else None
