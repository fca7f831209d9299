"""Containers of tables (plain files, gzip, zip and tar files), read in place: nothing is extracted to disk."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from ml.records.errors import OccurrenceError
from ml.records.zip_files import MAX_MEMBERS, check_ratio, member_names, normalise, open_zip

#: Largest size of a file after decompression, bytes.
MAX_DECOMPRESSED = 4_000_000_000
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
#: Beginnings of files that are not tables, with what to do about them.
_OTHERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of an old Excel (.xls); save it as .xlsx or as CSV"),
    (b"BZh", "is compressed with bzip2; unpack it, or compress it as zip or gzip"),
    (b"\xfd7zXZ\x00", "is compressed with xz; unpack it, or compress it as zip or gzip"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive; unpack it, or compress it as zip"),
    (b"Rar!\x1a\x07", "is a RAR archive; unpack it, or compress it as zip"),
    (b"SQLite format 3\x00", "is a database (GeoPackage or SQLite), not a table; export it as CSV"),
    (b"%PDF-", "is a PDF document, not a table"),
    (b"II*\x00", "is a TIFF image, not a table of records"),
    (b"MM\x00*", "is a TIFF image, not a table of records"),
    (b"II+\x00", "is a TIFF image, not a table of records"),
    (b"CDF\x01", "is a NetCDF file, not a table of records"),
    (b"CDF\x02", "is a NetCDF file, not a table of records"),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 or NetCDF file, not a table of records"),
    (b"PAR1", "is a Parquet file; export it as CSV"),
    (b"RDX", "is a file of R; write it as CSV"),
)
#: Where a tar file has the word "ustar".
_TAR_WORD = slice(257, 262)
_TAR_BLOCK = 512


@dataclass(frozen=True)
class Member:
    """A file within a container, or the file itself.

    Attributes
    ----------
    name : str
        For messages.
    open : callable
        Opens the content from its beginning, decompressed.
    size : int or None
        Bytes after decompression, where it is known before it is read.
    """

    name: str
    open: Callable[[], BinaryIO]
    size: int | None


@dataclass(frozen=True)
class Container:
    """The files of a container by their path with ``/``.

    Attributes
    ----------
    kind : {"plain", "archive", "workbook"}
        A plain container has one member with the table.
    members : dict of str to Member
    """

    kind: str
    members: dict[str, Member] = field(default_factory=dict)

    @property
    def only(self) -> Member:
        """The member of a plain container."""
        return next(iter(self.members.values()))


class _Bounded(io.RawIOBase):
    """A stream that refuses to be read beyond a position."""

    def __init__(self, stream: BinaryIO, limit: int, name: str, packed: int) -> None:
        self._stream, self._limit, self._name, self._packed = stream, limit, name, packed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        position = self._stream.seek(min(offset, self._limit + 1) if whence == io.SEEK_SET else offset, whence)
        self._check(position)
        return position

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        content = self._stream.read(len(view))
        self._check(self._stream.tell())
        view[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._stream.close()
        super().close()

    def _check(self, position: int) -> None:
        if position > self._limit:
            raise OccurrenceError(f"{self._name} is larger than {self._limit:,} bytes unpacked; at most that is read")
        check_ratio(position, self._packed)


def is_workbook(names: dict[str, zipfile.ZipInfo]) -> bool:
    """Return whether the files of a zip file are those of an Excel workbook (.xlsx)."""
    return "[Content_Types].xml" in names and "xl/workbook.xml" in names


@contextmanager
def open_container(path: Path, limit: int = MAX_DECOMPRESSED) -> Iterator[Container]:
    """Open a file of records. What it is depends on its content, not on its name.

    Parameters
    ----------
    path : Path
    limit : int
        Largest number of bytes after decompression.

    Raises
    ------
    OccurrenceError
        There is no such file; it is damaged, encrypted, too large, or of a kind that is not read; an archive contains a
        link, or a path that leads out of it. Also for errors while a member is read within the block.
    """
    try:
        start, size = _start(path)
    except OSError as error:
        raise OccurrenceError(f"{path.name} cannot be read: {error.strerror}") from error
    for beginning, problem in _OTHERS:
        if start.startswith(beginning):
            raise OccurrenceError(f"{path.name} {problem}")
    if size > limit:
        raise OccurrenceError(f"{path.name} has {size:,} bytes; at most {limit:,} are read")
    if start.startswith(_ZIP) or path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        with open_zip(path) as archive:
            yield _zip_container(archive, limit)
    elif start.startswith(_GZIP):
        with _explained(path.name):
            yield from _gzip_container(path, limit)
    elif start[_TAR_WORD] == b"ustar":
        with _explained(path.name), path.open("rb") as stream:
            yield _tar_container(cast(BinaryIO, stream), path.name)
    else:
        with _explained(path.name):
            yield Container("plain", {path.name: Member(path.name, lambda: path.open("rb"), size)})


def _start(path: Path) -> tuple[bytes, int]:
    if not path.is_file():
        raise OccurrenceError(f"{path.name}: {'is a folder' if path.is_dir() else 'no such file'}")
    with path.open("rb") as stream:
        return stream.read(_TAR_BLOCK), path.stat().st_size


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except OccurrenceError as error:
        if str(error).startswith(name.removesuffix(".gz")):
            raise
        raise OccurrenceError(f"{name}: {error}") from error
    except tarfile.TarError as error:
        raise OccurrenceError(f"{name} is a damaged tar file: {error}") from error
    except EOFError as error:
        raise OccurrenceError(f"{name} ends too early: it is not complete; download or copy it again") from error
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise OccurrenceError(f"{name} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise OccurrenceError(f"{name} cannot be read: {error.strerror or error}") from error


def _zip_container(archive: zipfile.ZipFile, limit: int) -> Container:
    infos = member_names(archive)
    if is_workbook(infos):
        return Container("workbook")
    members = {}
    for name, info in infos.items():
        _check_path(name, info.filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise OccurrenceError(f"{name[:100]} is a link; an archive with links is not read")
        members[name] = Member(name, _zip_opener(archive, info, limit), info.file_size)
    return Container("archive", members)


def _zip_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        # zipfile does not read more than the stated size.
        if info.file_size > limit:
            raise OccurrenceError(
                f"{info.filename[:100]} would be {info.file_size:,} bytes unzipped; at most {limit:,} are read"
            )
        return cast(BinaryIO, archive.open(info))

    return opener


def _check_path(name: str, stated: str) -> None:
    if ".." in name.split("/"):
        raise OccurrenceError(f"the path {stated[:100]!r} leads out of the archive; such an archive is not read")


def _gzip_container(path: Path, limit: int) -> Iterator[Container]:
    def unpack() -> BinaryIO:
        stream = gzip.open(path, "rb")  # noqa: SIM115 - whoever opens a member closes it
        return cast(
            BinaryIO,
            io.BufferedReader(_Bounded(cast(BinaryIO, stream), limit, path.name, path.stat().st_size), 1 << 16),
        )

    with unpack() as stream:
        start = stream.read(_TAR_BLOCK)
        if start[_TAR_WORD] == b"ustar":
            stream.seek(0)
            yield _tar_container(stream, path.name)
            return
    if start.startswith((_ZIP, _GZIP)):
        raise OccurrenceError(f"{path.name} is a compressed file within a compressed file; unpack it once")
    name = path.name.removesuffix(".gz") or path.name
    yield Container("plain", {name: Member(name, unpack, None)})


def _tar_container(stream: BinaryIO, name: str) -> Container:
    # The stream is not compressed any more.
    archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - reading ends with the stream
    members: dict[str, Member] = {}
    for number, info in enumerate(archive, 1):
        if number > MAX_MEMBERS:
            raise OccurrenceError(f"{name} has more than {MAX_MEMBERS:,} members, which are not read")
        label = normalise(info.name)
        if info.isdir():
            continue
        if not info.isfile():
            kind = "a link" if info.issym() or info.islnk() else "a device or pipe"
            raise OccurrenceError(f"{info.name[:100]} is {kind}; an archive with such a member is not read")
        if info.name.startswith("/"):
            raise OccurrenceError(f"the path {info.name[:100]!r} leads out of the archive; it is not read")
        _check_path(label, info.name)
        if label.startswith("__MACOSX/") or label.rsplit("/", 1)[-1].startswith("._"):
            continue
        if label in members:
            raise OccurrenceError(f"the archive has two files of the name {label[:100]}")
        members[label] = Member(label, _tar_opener(archive, info), info.size)
    return Container("archive", members)


def _tar_opener(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Callable[[], BinaryIO]:
    def opener() -> BinaryIO:
        stream = archive.extractfile(info)
        if stream is None:  # pragma: no cover - only regular files are members
            raise OccurrenceError(f"{info.name[:100]} is not a file")
        return cast(BinaryIO, stream)

    return opener
