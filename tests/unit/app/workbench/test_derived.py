"""Files that are derived from files of a study."""

from __future__ import annotations

import os

import pytest

from app.errors import Unavailable
from app.workbench.derived import derived_file


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made_once_for_what_it_depends_on(tmp_path):
    made = []

    def make(draft):
        made.append(draft.suffix)
        draft.write_text("x")

    folder = tmp_path / "cache"
    first = derived_file(folder, "audit", ".npz", ["a", 1], make, keep=3)
    assert derived_file(folder, "audit", ".npz", ["a", 1], make, keep=3) == first
    other = derived_file(folder, "audit", ".npz", ["a", 2], make, keep=3)
    assert made == [".npz", ".npz"]
    assert names(folder) == sorted([first.name, other.name])


def test_the_files_that_were_used_last_are_kept(tmp_path):
    def make(draft):
        draft.write_text("x")

    files = []
    for key in range(3):
        path = derived_file(tmp_path, "rows", ".csv", key, make, keep=9)
        os.utime(path, (key, key))
        files.append(path)
    assert derived_file(tmp_path, "rows", ".csv", 0, make, keep=9) == files[0]
    last = derived_file(tmp_path, "rows", ".csv", 3, make, keep=2)
    assert names(tmp_path) == sorted([files[0].name, last.name])


@pytest.mark.parametrize("error", [ValueError("refused"), KeyboardInterrupt()])
def test_an_error_leaves_nothing(tmp_path, error):
    def make(draft):
        draft.write_text("half")
        raise error

    with pytest.raises(type(error)):
        derived_file(tmp_path, "audit", ".npz", 1, make, keep=3)
    assert names(tmp_path) == []


def test_a_disk_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    with pytest.raises(Unavailable, match="disk may be full"):
        derived_file(tmp_path / "cache", "audit", ".npz", 1, lambda draft: draft.write_text("x"), keep=3)
