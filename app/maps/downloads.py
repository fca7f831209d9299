"""Files of finished maps as responses: checked, complete or in parts."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, request, send_file

from app.errors import NotFound, Unavailable
from app.maps import folders

_YEAR_S = 31_536_000
#: One part, by its first byte or by its length from the end.
_RANGE = re.compile(r"\s*bytes\s*=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.IGNORECASE)


def send(map_id: str, folder: Path, quantity: str, name: str) -> Response:
    """Return the response with the file of a quantity, which caches may store for a year.

    Parameters
    ----------
    map_id : str
    folder : Path
        Of the finished map.
    quantity : str
    name : str
        Under which a browser stores the file.

    Raises
    ------
    NotFound
        The map has no such file.
    Unavailable
        The file is not the one that was written.
    """
    path = folders.file_of(folder, f"{quantity}.tif")
    if path is None:
        raise NotFound("This map has no such file.")
    size = _check(map_id, path, quantity)
    response = send_file(path, mimetype="image/tiff", as_attachment=True, download_name=name, conditional=False)
    response.headers["Cache-Control"] = f"private, max-age={_YEAR_S}"
    response.make_conditional(_environ(size), accept_ranges=True, complete_length=size)
    return response


def _check(map_id: str, path: Path, quantity: str) -> int:
    """Compare a file with the summary of its map; return its size."""
    summary = folders.read_summary(map_id)
    try:
        written: dict[str, Any] = (summary or {})["quantities"][quantity]
        expected = written["size"], written["sha256"]
    except (KeyError, TypeError):
        raise Unavailable("The summary of this map is damaged, so that its files cannot be checked.") from None
    try:
        status = path.stat()
        is_whole = status.st_size == expected[0] and expected[1] == _sha256(
            path, status.st_ino, status.st_mtime_ns, status.st_size
        )
    except OSError:
        raise NotFound("This map has no such file.") from None
    if not is_whole:
        raise Unavailable("This file of the map is damaged. Make the map again.")
    return status.st_size


@lru_cache(maxsize=512)
def _sha256(path: Path, inode: int, changed_ns: int, size: int) -> str:
    """Return the SHA-256 of a file; of one that has not changed it is known."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _environ(size: int) -> dict[str, Any]:
    """Return the request without a range that must be ignored (RFC 9110, section 14.2)."""
    environ = dict(request.environ)
    match = _RANGE.fullmatch(environ.get("HTTP_RANGE", ""))
    if match is None or (match[1] and match[2] and int(match[2]) < int(match[1])):
        # another unit, several parts, or no range at all
        environ.pop("HTTP_RANGE", None)
    elif match[3] and int(match[3]) > size:
        # a suffix that is longer than the file is the complete file
        environ["HTTP_RANGE"] = f"bytes=-{size}"
    return environ
