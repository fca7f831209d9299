"""Files are found while others remove their folders."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from app.file_search import find


def test_what_matches_each_part_is_found(tmp_path: Path) -> None:
    for name in ("a/parts/1.part", "a/parts/2.lock", "b/parts/3.part", "c/4.part", "d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {str(path.relative_to(tmp_path)) for path in find(tmp_path, "*/parts/*.part")}
    assert found == {"a/parts/1.part", "b/parts/3.part"}
    assert find(tmp_path / "e", "*/*") == []


def test_a_folder_that_is_removed_between_two_parts_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1", "b/2"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    glob = Path.glob

    def removed_first(self: Path, pattern: str) -> object:
        if self == tmp_path / "a":
            shutil.rmtree(self)
        return glob(self, pattern)

    monkeypatch.setattr(Path, "glob", removed_first)
    assert find(tmp_path, "*/*") == [tmp_path / "b" / "2"]


def test_many_threads_that_make_and_remove_folders_do_no_harm(tmp_path: Path) -> None:
    over = threading.Event()

    def make_and_remove(number: int) -> None:
        while not over.is_set():
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "table").touch()
            shutil.rmtree(folder)

    threads = [threading.Thread(target=make_and_remove, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(1000):
            find(tmp_path, "*/*")
    finally:
        over.set()
        for thread in threads:
            thread.join()
