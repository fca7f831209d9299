"""Arrays that several opened models have in common, held once.

The species of a study share their network's layers and the values that novelty is measured against, so that a thousand
opened models of one study would hold a thousand copies of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Key = tuple[str, tuple[int, ...], bytes]

_held: WeakValueDictionary[_Key, NDArray] = WeakValueDictionary()
_lock = threading.Lock()


def shared(values: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return the array that stands for all opened ones of this content, which nobody may change.

    Parameters
    ----------
    values : ndarray
        In one piece.

    Returns
    -------
    ndarray
        These values or an earlier array of the same type, shape and bytes. It is forgotten with its last user.
    """
    key = (values.dtype.str, values.shape, blake2b(values.data, digest_size=16).digest())
    with _lock:
        return _held.setdefault(key, values)


def arrays_in(*parts: object) -> Iterator[NDArray]:
    """List the arrays of some arrays and dataclasses, those within their fields included."""
    for part in parts:
        if isinstance(part, np.ndarray):
            yield part
        elif is_dataclass(part):
            yield from arrays_in(*(getattr(part, field.name) for field in fields(part)))
