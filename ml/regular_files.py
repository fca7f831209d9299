"""Files of unknown origin, read within a bound."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class RefusedFileError(ValueError):
    """A file is not read; the message says why, without the name of the file."""


def read_regular_file(file: Path, limit: int) -> bytes:
    """Read a file whose kind and size are checked first.

    Parameters
    ----------
    file : Path
        Links, pipes, devices and directories are refused.
    limit : int
        Largest size, in bytes.

    Returns
    -------
    bytes

    Raises
    ------
    RefusedFileError
        The file is missing, is not a regular file, is larger than the limit, or cannot be read.
    """
    try:
        # Opening a pipe would wait for a writer, and a link could lead to any file.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise RefusedFileError(f"cannot be read: {reason}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise RefusedFileError("is not a regular file")
    with os.fdopen(descriptor, "rb") as stream:
        try:
            # The file may grow while it is read.
            content = stream.read(limit + 1) if status.st_size <= limit else b""
        except OSError as error:
            raise RefusedFileError(f"cannot be read: {error.strerror}") from error
    if status.st_size > limit or len(content) > limit:
        raise RefusedFileError(f"is larger than the {limit:,} bytes that are read")
    return content
