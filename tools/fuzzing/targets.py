"""The targets of the fuzzer, by name."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

#: Changes bytes at random, within a largest size, as ``atheris.Mutate`` does.
Mutate = Callable[[bytes, int], bytes]


class Target(Protocol):
    """Reads inputs. The folder is the target's own for its files."""

    def __init__(self, folder: Path) -> None: ...

    def seeds(self) -> Sequence[bytes]:
        """Return valid inputs, from which the fuzzer begins."""

    def check(self, data: bytes) -> None:
        """Read an input. An exception is a crash: documented errors are caught, and the result is checked."""

    def mutate(self, data: bytes, most: int, draw: random.Random, change: Mutate) -> bytes:
        """Return a changed input, with its structure where it has one."""


_CLASSES = {
    "records": "tables.RecordsTarget",
    "names": "texts.NamesTarget",
    "licences": "texts.LicencesTarget",
    "arrays": "models.ArraysTarget",
    "cards": "models.CardsTarget",
    "conditions": "queries.ConditionsTarget",
}
NAMES = tuple(_CLASSES)


def find(name: str) -> type[Target]:
    """Import and return the class of a target."""
    module, _, class_name = _CLASSES[name].partition(".")
    target: type[Target] = getattr(importlib.import_module(f"tools.fuzzing.{module}"), class_name)
    return target
