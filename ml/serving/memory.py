"""Where the arrays of opened models lie: those that several have in common once, a model's own side by side.

The species of a study share their network's layers and the values that novelty is measured against, so that a thousand
opened models of one study would hold a thousand copies of them.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from hashlib import blake2b
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)
_Part = TypeVar("_Part")
_Key = tuple[str, tuple[int, ...], bytes]

_held: WeakValueDictionary[_Key, NDArray] = WeakValueDictionary()
_lock = threading.Lock()
# so much that no number lies across two lines of a processor's cache
_LINE = 64


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


def settled(part: _Part) -> _Part:
    """Move the arrays of a dataclass into one block of memory, except those that are `shared`.

    The block is the system's and no part of the heap, and the system has it back with the last array. On the heap the
    arrays would lie among what opening a model needs for a moment; as models are opened and closed, the holes between
    them grew to half of what the models themselves take.

    Parameters
    ----------
    part : dataclass
        Its arrays may be in its fields and in those of dataclasses there.

    Returns
    -------
    dataclass
        The same with other arrays of the same content.
    """
    with _lock:
        common = set(map(id, _held.values()))
    own = [values for values in {id(values): values for values in arrays_in(part)}.values() if id(values) not in common]
    sizes = [-(-values.nbytes // _LINE) * _LINE for values in own]
    block = mmap.mmap(-1, max(_LINE, sum(sizes)), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    moved, begin = {}, 0
    for values, size in zip(own, sizes, strict=True):
        place: NDArray = np.frombuffer(block, values.dtype, values.size, begin).reshape(values.shape)
        place[...] = values
        moved[id(values)] = place
        begin += size
    return _with_moved(part, moved)


def _with_moved(part: Any, moved: dict[int, NDArray]) -> Any:
    if isinstance(part, np.ndarray):
        return moved.get(id(part), part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{field.name: _with_moved(getattr(part, field.name), moved) for field in fields(part)})
    return part
