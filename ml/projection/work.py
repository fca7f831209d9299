"""The work directory of a map: raw files, and a record of the blocks that are finished."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml.projection.blocks import BlockResult
from ml.projection.errors import ProjectionError
from ml.projection.quantities import Quantity
from ml.projection.raw_files import checksum, raw_file, read_raw
from ml.recipes.reports import Grid

_KEY, _BLOCKS, _LOCK = "key.json", "blocks.jsonl", "lock"
_LONGEST_KEY = 1000


class WorkDirectory:
    """Raw files of a map, and which of its blocks are finished.

    Parameters
    ----------
    path : Path
    key : str
        Of the inputs.

    Notes
    -----
    A block is finished if a line of the record has it and the raw files have the bytes of which the line has the
    checksum. Nothing is flushed to the disk: what a power failure takes away fails the comparison and is done again.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path, self._key = path, key
        self.finished: dict[int, BlockResult] = {}

    def prepare(self, grid: Grid, quantities: Sequence[Quantity]) -> None:
        """Make the raw files, or keep those of the same inputs.

        Raises
        ------
        ProjectionError
            The disk has not enough space.
        """
        sizes = {raw_file(self.path, one): grid.width * grid.height * one.itemsize for one in quantities}
        there = sum(path.stat().st_blocks * 512 for path in sizes if path.exists())
        # The finished files take less than the raw ones, which are removed after them.
        needed, free = 2 * sum(sizes.values()) - there, shutil.disk_usage(self.path).free
        if needed > free:
            raise ProjectionError(
                f"the map needs up to {needed / 1e6:,.0f} MB on the disk of {self.path.parent}, which has "
                f"{free / 1e6:,.0f} MB free"
            )
        if not (self.path / _KEY).exists():
            self._write(_KEY, json.dumps({"key": self._key}))
        for path, size in sizes.items():
            with path.open("ab") as stream:
                stream.truncate(size)

    def resume(self, windows: Sequence[tuple[slice, slice]], grid: Grid, quantities: tuple[Quantity, ...]) -> None:
        """Read the record, and forget blocks whose bytes are not those of their checksum."""
        results: dict[int, BlockResult] = {}
        try:
            lines = (self.path / _BLOCKS).read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            lines = []
        # The last line ends with a line break, or its process was killed.
        for line in lines[:-1]:
            try:
                result = BlockResult(**json.loads(line))
            except (ValueError, TypeError):
                continue
            if 0 <= result.number < len(windows):
                results[result.number] = result
        for number, result in results.items():
            block = {one.name: read_raw(self.path, one, grid.width, *windows[number]) for one in quantities}
            if checksum(quantities, block) == result.checksum:
                self.finished[number] = result
        text = "".join(_line(result) for result in self.finished.values())
        self._write(_BLOCKS, text)

    def add(self, result: BlockResult) -> None:
        """Record a finished block."""
        with (self.path / _BLOCKS).open("a", encoding="utf-8") as stream:
            stream.write(_line(result))
        self.finished[result.number] = result

    def _write(self, name: str, text: str) -> None:
        draft = self.path / f".{name}.part"
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.path / name)


def _line(result: BlockResult) -> str:
    return json.dumps(asdict(result), ensure_ascii=False) + "\n"


def key_of_work(path: Path) -> str | None:
    """Return the key of a work directory, or None where it has none that can be read."""
    try:
        with (path / _KEY).open(encoding="utf-8") as stream:
            content: Any = json.loads(stream.read(_LONGEST_KEY))
    except (OSError, ValueError):
        return None
    return content.get("key") if isinstance(content, dict) and isinstance(content.get("key"), str) else None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from working in a directory, which is made where there is none.

    Raises
    ------
    ProjectionError
        Another process works there.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / _LOCK).open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProjectionError(f"another process is writing the map {path.parent}") from None
        yield


def clear(path: Path) -> None:
    """Remove what a work directory contains, except the lock."""
    for member in path.iterdir():
        if member.name != _LOCK:
            if member.is_dir() and not member.is_symlink():
                shutil.rmtree(member)
            else:
                member.unlink()
