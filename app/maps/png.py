"""PNG files with a palette."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from app.maps.palettes import CLEAR

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encode(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Return an image as a PNG file of 8 bits a pixel.

    Parameters
    ----------
    indices : ndarray of uint8, shape (height, width)
    palette : ndarray of uint8, shape (256, 3)
        The colour `CLEAR` is transparent.
    """
    height, width = indices.shape
    # each line begins with the number of its filter, 0
    lines = np.zeros((height, width + 1), dtype=np.uint8)
    lines[:, 1:] = indices
    last = int(indices.max(initial=0)) + 1
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    transparency = b"\xff" * CLEAR + b"\x00"
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette[:last].tobytes()),
            _chunk(b"tRNS", transparency),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
