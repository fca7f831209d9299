"""JSON pointers (RFC 6901)."""

from __future__ import annotations

# Names and numbers of a JSON pointer, and characters of each.
_MOST_PARTS, _LONGEST_NAME = 12, 100


def pointer(*parts: object) -> str:
    """Join names into a JSON pointer. Names of a request are shortened, and so are long ways."""
    names = (str(part)[:_LONGEST_NAME] for part in parts[:_MOST_PARTS])
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def pointer_parts(text: str) -> list[str]:
    """Return the names in a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]
