"""Memory of opened models: equal arrays are kept once, and a model's own arrays lie in one block.

The species of a study have the network's hidden layers and the training values in common. Without sharing, a thousand
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

_shared: WeakValueDictionary[_Key, NDArray[Any]] = WeakValueDictionary()
_lock = threading.Lock()
# Arrays begin at multiples of a cache line, so that no number crosses two of them.
_LINE = 64


def share(values: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return one array for all arrays of this content; it must not be changed.

    Parameters
    ----------
    values : ndarray
        Contiguous.

    Returns
    -------
    ndarray
        An earlier array of the same type, shape and bytes if one is still in use, otherwise `values`.
    """
    key = (values.dtype.str, values.shape, blake2b(values.data, digest_size=16).digest())
    with _lock:
        return _shared.setdefault(key, values)


def arrays_in(*parts: object) -> Iterator[NDArray[Any]]:
    """Yield the arrays among some objects, and those in the fields of dataclasses, at any depth."""
    for part in parts:
        if isinstance(part, np.ndarray):
            yield part
        elif is_dataclass(part):
            yield from arrays_in(*(getattr(part, field.name) for field in fields(part)))


def move_to_block(part: _Part) -> _Part:
    """Copy the arrays of a dataclass into one block of memory, except those that are shared.

    The block is mapped outside the heap and returned to the system with the last array. On the heap, the arrays would
    lie between temporary objects of opening a model; as models were opened and closed, the gaps grew to half of the
    size of the models.

    Parameters
    ----------
    part : dataclass
        Its arrays are in its fields, or in those of dataclasses there.

    Returns
    -------
    dataclass
        A copy with other arrays of the same content.
    """
    with _lock:
        common = set(map(id, _shared.values()))
    own = [values for values in {id(values): values for values in arrays_in(part)}.values() if id(values) not in common]
    sizes = [-(-values.nbytes // _LINE) * _LINE for values in own]
    block = mmap.mmap(-1, max(_LINE, sum(sizes)), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    moved, begin = {}, 0
    for values, size in zip(own, sizes, strict=True):
        copy: NDArray[Any] = np.frombuffer(block, values.dtype, values.size, begin).reshape(values.shape)
        copy[...] = values
        moved[id(values)] = copy
        begin += size
    result: _Part = _with_moved(part, moved)
    return result


def _with_moved(part: Any, moved: dict[int, NDArray[Any]]) -> Any:
    if isinstance(part, np.ndarray):
        return moved.get(id(part), part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{field.name: _with_moved(getattr(part, field.name), moved) for field in fields(part)})
    return part
