"""Files of finished maps as responses: checked, complete or in parts."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, request, send_file
from werkzeug.http import is_resource_modified

from app.errors import NotFound, Unavailable
from app.maps import folders

_YEAR_S = 31_536_000
#: One part, by its first byte or by its length from the end.
_RANGE = re.compile(r"\s*bytes\s*=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.IGNORECASE)


def send(map_id: str, file: str, media_type: str, name: str) -> Response:
    """Return the response with a file of a finished map, which caches may store for a year.

    Parameters
    ----------
    map_id : str
    file : str
        Its name in the folder of the map.
    media_type : str
    name : str
        Under which a browser stores the file.

    Raises
    ------
    NotFound
        The map has no such file.
    Unavailable
        The file is lost, or not the one that was written.
    """
    path, size = checked(map_id, file)
    response = send_file(path, mimetype=media_type, as_attachment=True, download_name=name, conditional=False)
    response.headers["Cache-Control"] = f"private, max-age={_YEAR_S}"
    environ = _environ(size)
    if not is_resource_modified(environ, etag=response.headers.get("ETag")):
        # a client that has the file is told so before a part is looked at (RFC 9110, section 13.2.2)
        environ.pop("HTTP_RANGE", None)
    response.make_conditional(environ, accept_ranges=True, complete_length=size)
    return response


def checked(map_id: str, file: str) -> tuple[Path, int]:
    """Return the path and the size of a file of a finished map that is the one that was written.

    Raises
    ------
    NotFound, Unavailable
        As `send`.
    """
    found = folders.raster_folder(map_id)
    if found is None or found[1]:
        raise NotFound("This map is not finished.")
    try:
        files = folders.written_files(folders.read_summary(map_id) or {})
    except ValueError:
        raise Unavailable("The summary of this map is damaged, so that its files cannot be checked.") from None
    if file not in files:
        raise NotFound("This map has no such file.")
    path = folders.file_of(found[0], file)
    if path is None:
        raise NotFound("This map has no such file.")
    try:
        status = path.stat()
        content = _sha256(path, status.st_ino, status.st_mtime_ns, status.st_size)
    except OSError:
        raise NotFound("This map has no such file.") from None
    if (status.st_size, content) != files[file]:
        raise Unavailable("This file of the map is damaged. Make the map again.")
    return path, status.st_size


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
