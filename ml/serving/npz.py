"""The file of a model's arrays, read within limits: every size is checked before memory is used for it."""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from typing import Any

from numpy.lib import format as npy
from numpy.typing import NDArray

from ml.serving.arrays import InvalidArraysError

# A model of 5,800 presences has 60 MB of arrays; a model has an array for each predictor and about thirty others.
_MOST_BYTES = 512 * 1024 * 1024
_MOST_ARRAYS = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\.npy")
# A header of numpy is aligned to 64 bytes and describes at most one record type with a dozen fields.
_LONGEST_HEADER = 4_096
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_arrays(content: bytes, most_bytes: int = _MOST_BYTES) -> dict[str, NDArray[Any]]:
    """Read the arrays of an npz file.

    Parameters
    ----------
    content : bytes
    most_bytes : int
        Largest size of all arrays together, bytes.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    InvalidArraysError
        The arrays would need too much memory, a name is not usual, or an array does not have the size of its header.
    ValueError, OSError, EOFError, RuntimeError, zlib.error, BadZipFile
        The file is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) > _MOST_ARRAYS:
            raise InvalidArraysError(f"{len(members):,} arrays, at most {_MOST_ARRAYS:,} are read")
        # zipfile does not read more of a member than its stated size.
        total = sum(member.file_size for member in members)
        if total > most_bytes:
            raise InvalidArraysError(f"arrays of {total:,} bytes, at most {most_bytes:,} are read")
        arrays: dict[str, NDArray[Any]] = {}
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InvalidArraysError("an array in a compression that is not used")
            if not _NAME.fullmatch(member.filename) or member.filename[:-4] in arrays:
                raise InvalidArraysError("an array with an unusual name, or two of one name")
            with archive.open(member) as stream:
                _check_header(stream, member.file_size)
            with archive.open(member) as stream:
                arrays[member.filename[:-4]] = npy.read_array(
                    stream, allow_pickle=False, max_header_size=_LONGEST_HEADER
                )
    return arrays


def _check_header(stream: Any, size: int) -> None:
    """Compare the size of an array by its header with the size of its member."""
    version = npy.read_magic(stream)
    read_header = _HEADERS.get(version)
    if read_header is None:
        raise InvalidArraysError("an array in an unknown format")
    try:
        shape, _, dtype = read_header(stream, max_header_size=_LONGEST_HEADER)
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile):
        raise
    except Exception as error:
        # A header is Python text. numpy lets errors of its parser pass, such as TokenError, TypeError and IndexError.
        raise InvalidArraysError("an array with an unreadable header") from error
    if dtype.hasobject:
        raise InvalidArraysError("an array of objects")
    # numpy accepts True and negative numbers as lengths when it reads the header, and not when it reads the array.
    lengths = all(type(length) is int and length >= 0 for length in shape)
    # Integers of Python do not overflow.
    if not lengths or dtype.itemsize == 0 or math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise InvalidArraysError("an array that does not have the size of its header")
