"""Uploads: a body streamed to the disk, continued by ranges, moved to its name when it is complete and correct."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import IO

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from app.accounts import allowance
from app.database.db import db
from app.errors import Conflict, MalformedBody, RangeRefused, TooLarge, ValidationFailed
from app.studies import changes, files, names, own, storage, tables
from app.studies.own import OwnStudy
from app.studies.parts import Part, n_arrived
from app.studies.storage import BLOCK
from app.studies.upload_headers import NO_DIGESTS, ContentRange, Digests
from app.web.sizes import size_text
from ml.recipes.reports import FileReport

_LONGEST_TOKEN = 200
# Bytes after which an upload looks again whether there is space.
_CHECK_EVERY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Arrival:
    """The result of an upload: a file, or the bytes of it that have arrived."""

    name: str
    received: int
    total: int
    is_complete: bool = False
    is_new: bool = False


def receive(
    slug: str,
    name: str,
    stream: IO[bytes],
    *,
    length: int | None,
    content_range: ContentRange | None,
    digests: Digests = NO_DIGESTS,
    token: str = "",
    revision: int | None = None,
    knows_complete: bool = True,
) -> Arrival:
    """Store the body of a request; look at the file when it is complete.

    Parameters
    ----------
    slug, name : str
    stream : binary stream
        Ends at the end of the body.
    length : int or None
        Bytes of the body; None where its end alone tells.
    content_range : ContentRange or None
        None for all of a file.
    digests : Digests
    token : str
        What tells apart uploads of several people; may be empty.
    revision : int or None
        The revision of the study that the upload was decided on; None for any.
    knows_complete : bool
        Whether a question for a stored file of the same size is answered as complete.

    Raises
    ------
    AppError
        The study has another revision; the name, the size or the range is refused, there is no space, or the
        body is not what its headers say.
    """
    name = names.file_name(name)
    if len(token) > _LONGEST_TOKEN:
        raise ValidationFailed([("/Upload-Id", f"must have at most {_LONGEST_TOKEN} characters")])
    study = own.load(slug)
    _check_revision(study, revision)
    _check_room(study, name)
    total = content_range.total if content_range is not None else length
    if total == 0:
        raise ValidationFailed([("/name", "the file is empty")], f"“{name}” is empty.")
    check_size(name, total)
    stored = tables.bytes_of_all()
    # The connection to the database is not held while the body arrives.
    db.session.remove()
    storage.create_folders(slug)
    storage.remove_old_parts(slug)
    if content_range is not None and content_range.start is None:
        same = study.file(name) if knows_complete else None
        return _state(slug, name, token, content_range.total, same, digests, stored)
    with Part(slug, name, token, total) as part:
        _begin(part, content_range)
        storage.check_space((total or 0) - part.size, stored)
        try:
            content = _copy(part, stream, _bytes_of(content_range, length), stored)
        except BaseException:
            if total is None:
                # It cannot be continued, because nothing tells where it ends.
                part.cut(0)
            raise
        _check_content(part, content_range, content, digests)
        if total is not None and part.size < total:
            return Arrival(name, part.size, total)
        started_at_zero = content_range is None or content_range.start == 0
        sha256 = content.hex() if started_at_zero else part.sha256()
        if digests.whole is not None and digests.whole.hex() != sha256:
            part.cut(0)
            raise ValidationFailed(
                [("", "the content differs from the stated sha-256")],
                f"“{name}” did not arrive as it was sent: its sha-256 differs from the stated one. Send it again.",
            )
        part.sync()
        size = part.size
        is_new = _adopt(slug, name, part, sha256, revision)
    files.inspect(slug, name)
    files.inspect_relatives(slug, name)
    return Arrival(name, size, size, is_complete=True, is_new=is_new)


def _state(
    slug: str, name: str, token: str, total: int, same: FileReport | None, digests: Digests, stored: int
) -> Arrival:
    """Answer how much of a file has arrived, and change nothing."""
    received = n_arrived(slug, name, token, total)
    if received == 0 and same is not None and same.size == total and digests.is_of(same.sha256):
        return Arrival(name, total, total, is_complete=True)
    storage.check_space(total - received, stored)
    return Arrival(name, received, total)


def check_size(name: str, size: int | None) -> None:
    """Refuse a file that is larger than the server accepts."""
    limit = allowance.most_upload_bytes()
    if size is not None and size > limit:
        large, most = size_text(size), size_text(limit)
        if large == most:
            large, most = f"{large} ({size:,} bytes)", f"{most} ({limit:,} bytes)"
        raise TooLarge(
            f"“{name}” has {large}; this server accepts files of up to {most} ({allowance.upload_limit_name()})."
        )


def _check_revision(study: OwnStudy, revision: int | None) -> None:
    if revision is not None and revision != study.revision:
        raise own.stale()


def _check_room(study: OwnStudy, name: str) -> None:
    """Refuse a name that differs from another in case alone, and too many files."""
    key = names.name_key(name)
    other = next((report.name for report in study.files if names.name_key(report.name) == key), None)
    if other is not None and other != name:
        raise ValidationFailed(
            [("/name", f"differs from “{other}” in capital letters alone")],
            f"“{name}” differs from “{other}” in capital letters alone. Rename one of them.",
        )
    if other is None and len(study.files) >= changes.MOST_FILES:
        raise Conflict(f"A study has at most {changes.MOST_FILES} files. Delete files that it does not use first.")


def _begin(part: Part, content_range: ContentRange | None) -> None:
    """Move to the place where the bytes of the request begin."""
    start = 0 if content_range is None else content_range.start or 0
    others = part.other_parts() if start > 0 and part.size == 0 else []
    if others:
        raise OutOfOrder(*others[0])
    if start == 0:
        part.remove_others()
        part.cut(0)
    elif start == part.size:
        part.cut(start)
    else:
        raise OutOfOrder(part.size)


class OutOfOrder(RangeRefused):
    """The part of an upload begins elsewhere than at the end of what has arrived.

    Attributes
    ----------
    received : int
        Bytes that have arrived.
    total : int or None
        Bytes of the file that they belong to, where it is not the file of the request.
    """

    def __init__(self, received: int, total: int | None = None) -> None:
        if total is None:
            detail = f"The first {received:,} bytes have arrived; the next part must begin at byte {received}."
        else:
            detail = (
                f"The first {received:,} bytes of a file of {total} bytes have arrived. Continue that file, or begin "
                "another one at byte 0."
            )
        super().__init__(detail)
        self.received = received


def _bytes_of(content_range: ContentRange | None, length: int | None) -> int | None:
    """Return the bytes that the body must have, None for any number."""
    if content_range is None or content_range.start is None or content_range.end is None:
        return length
    expected = content_range.end - content_range.start
    if length is not None and length != expected:
        raise ValidationFailed(
            [("/Content-Range", f"names {expected:,} bytes and the body has {length:,}")],
        )
    return expected


def _copy(part: Part, stream: IO[bytes], expected: int | None, stored: int) -> bytes:
    """Copy the body to the part and return its hash."""
    digest, arrived, room = hashlib.sha256(), 0, 0
    limit = allowance.most_upload_bytes()
    while block := _read(stream):
        arrived += len(block)
        if expected is not None and arrived > expected:
            raise MalformedBody("The body is longer than its headers say.")
        if part.total is None and arrived > limit:
            raise TooLarge(
                f"The file is larger than {size_text(limit)} ({limit:,} bytes), the most that this server "
                f"accepts ({allowance.upload_limit_name()})."
            )
        if len(block) > room:
            # Other uploads arrive at the same time, so the space is measured again and again.
            room = min(_CHECK_EVERY, storage.check_space(len(block), stored, part.size))
        room -= len(block)
        part.write(block)
        digest.update(block)
    if expected is not None and arrived < expected:
        raise MalformedBody(
            f"The connection ended after {arrived:,} of {expected:,} bytes. They are kept: continue the upload behind "
            "them."
        )
    if arrived == 0:
        raise ValidationFailed([("", "the file is empty")], "The file is empty.")
    return digest.digest()


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(BLOCK)
    except (OSError, ParseException, ClientDisconnected):
        raise MalformedBody("The connection ended before the file was complete. Continue the upload.") from None


def _check_content(part: Part, content_range: ContentRange | None, content: bytes, digests: Digests) -> None:
    if digests.content is None or digests.content == content:
        return
    # What arrived before this request is right.
    part.cut((content_range.start or 0) if content_range is not None else 0)
    raise ValidationFailed(
        [("", "the content differs from the stated sha-256")],
        "The bytes did not arrive as they were sent: their sha-256 differs from the stated one. Send them again.",
    )


def _adopt(slug: str, name: str, part: Part, sha256: str, revision: int | None) -> bool:
    """Move a complete part to its name and store its row; return whether the name is new."""
    size = part.size
    with storage.locked(slug):
        study = own.load(slug)
        _check_revision(study, revision)
        _check_room(study, name)
        if not part.is_there:
            raise Conflict(f"“{name}” was deleted while it arrived. Send it again.")
        target = study.folder / name
        twins = [
            own.studies_dir() / other / "files" / file.name
            for other, file in tables.with_content(sha256, size)
            if files.is_unchanged(own.studies_dir() / other / "files" / file.name, file)
        ]
        db.session.rollback()
        try:
            storage.place(part.path, target, twins)
            stamp = target.lstat().st_mtime_ns
        except OSError as error:
            raise storage.disk_problem(error) from error
        is_new = study.file(name) is None
        changes.change_files(slug, lambda row: files.put_row(row.study_id, name, size, sha256, stamp))
        db.session.remove()
    return is_new
