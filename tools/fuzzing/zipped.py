"""Changes inside the members of a zip file, which changes of its bytes would only damage."""

from __future__ import annotations

import io
import random
import zipfile
import zlib

from tools.fuzzing.targets import Mutate

# Members of more bytes are left as they are: a damaged directory can state any size.
_MOST = 1_000_000
_ONE_IN = 3
_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, IndexError)


def make_zip(members: list[tuple[str, bytes]]) -> bytes:
    """Return a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def mutate_zip(data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
    """Change one member of a zip file, or now and then the file itself. Other files are changed as they are."""
    if not data.startswith(b"PK") or draw.randrange(_ONE_IN) == 0:
        return change(data, most)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if not infos or sum(info.file_size for info in infos) > _MOST:
                return change(data, most)
            members = [(info.filename, archive.read(info)) for info in infos]
        i = draw.randrange(len(members))
        members[i] = (members[i][0], change(members[i][1], len(members[i][1]) + 200))
        changed = make_zip(members)
    except _ERRORS:
        return change(data, most)
    return changed if len(changed) <= most else change(data, most)
