"""Addresses in settings."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit


def is_ipv6(text: str) -> bool:
    """Return whether a text is an IPv6 address, without brackets."""
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def http_url(value: str) -> SplitResult | None:
    """Return the parts of an HTTP URL, or None if the value is not one."""
    try:
        url = urlsplit(value)
        # `port` raises ValueError where it is not a number.
        valid = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    return url if valid and not re.search(r"\s", value) else None
