"""Members of zip files, read within a limit. Every failure of a decompressor is one error."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.records.errors import OccurrenceError

#: Largest number of members of an archive; a Darwin Core Archive has about ten and one for each dataset.
MAX_MEMBERS = 50_000
#: Bytes after decompression below which the ratio does not matter, and largest ratio of unpacked to packed bytes.
HARMLESS, MAX_RATIO = 100_000_000, 200


def check_ratio(unpacked: int, packed: int) -> None:
    """Refuse content that is far larger unpacked than packed, which no table of records is.

    Raises
    ------
    OccurrenceError
        More than 100 MB, and more than 200 times the packed size.
    """
    if unpacked > HARMLESS and unpacked > MAX_RATIO * max(packed, 1):
        raise OccurrenceError(
            f"would be {unpacked:,} bytes unpacked, more than {MAX_RATIO} times its {packed:,} bytes: it is not read; "
            "unpack it, and check that it is the file you mean"
        )


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file.

    Raises
    ------
    OccurrenceError
        The file is not a zip file, is damaged or encrypted, or has too many members; also for errors while a member is
        read within the block. The message begins with the name of the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > MAX_MEMBERS:
                raise OccurrenceError(f"{len(archive.infolist()):,} members; at most {MAX_MEMBERS:,} are read")
            check_ratio(sum(info.file_size for info in archive.infolist()), path.stat().st_size)
            yield archive
    except OccurrenceError as error:
        raise OccurrenceError(f"{path.name}: {error}") from error
    except (RuntimeError, NotImplementedError) as error:
        raise OccurrenceError(f"{path.name} is encrypted or compressed in a way that cannot be read") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        OSError,
        struct.error,
        ValueError,
        IndexError,
    ) as error:
        # bz2 raises OSError, and a header with impossible numbers ValueError, struct.error, IndexError or EOFError.
        # Messages of zipfile contain names of the archive.
        reason = " ".join(str(error).split())[:200]
        raise OccurrenceError(f"{path.name} is not a zip file, or a damaged one: {reason}") from error


def member_names(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    r"""Return the files of an archive by their path with ``/``, without ``./`` at the beginning.

    Directories and what macOS adds to archives are left out.
    """
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = normalise(info.filename)
        # A damaged directory can have an empty name.
        if not name or info.is_dir() or name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._"):
            continue
        if name in members:
            raise OccurrenceError(f"the archive has two files of the name {name[:100]}")
        members[name] = info
    return members


def normalise(name: str) -> str:
    r"""Return a path in an archive with ``/`` as separator and without ``.`` parts."""
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Read a member.

    Parameters
    ----------
    archive : ZipFile
    info : ZipInfo
    limit : int
        Largest number of bytes after decompression.

    Raises
    ------
    OccurrenceError
        The member is larger.
    """
    # zipfile does not read more than the stated size, so that the limit can be checked before decompression.
    if info.file_size > limit:
        raise OccurrenceError(
            f"{info.filename[:100]} would be {info.file_size:,} bytes unzipped; at most {limit:,} are read"
        )
    return archive.read(info)
