"""Files and folders are put in place in one step, also after a death between two steps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from app.trainings import placing
from app.trainings.placing import draft_of, place_file, place_folder


def folder(path, **files):
    path.mkdir(parents=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def content(path):
    return {file.name: file.read_text() for file in path.iterdir()}


def test_a_folder_is_moved_and_replaces_another(tmp_path):
    source = folder(tmp_path / "job/model", card="new")
    target = folder(tmp_path / "models/a/model", card="old", rest="old")
    place_folder(source, target, move=True)
    assert content(target) == {"card": "new"}
    assert not source.exists()
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_a_death_between_the_two_renames_loses_nothing(tmp_path, monkeypatch):
    source, target = folder(tmp_path / "job/model", card="new"), tmp_path / "models/model"

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(placing, "_replace", die)
        with pytest.raises(KeyboardInterrupt):
            place_folder(source, target, move=True)
    assert not source.exists() and not target.exists()
    assert draft_of(target).is_dir()
    place_folder(source, target, move=True)
    assert content(target) == {"card": "new"}
    assert not draft_of(target).exists()


def test_a_folder_on_another_disk_is_copied(tmp_path, monkeypatch):
    source, target = folder(tmp_path / "job/model", card="new"), tmp_path / "models/model"
    rename = Path.rename

    def refuse(self, to):
        if self == source:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse)
    place_folder(source, target, move=True)
    assert content(target) == {"card": "new"}


def test_files_are_linked_and_not_copied(tmp_path):
    source, target = folder(tmp_path / "files", a="1", b="2"), tmp_path / "job/files"
    place_folder(source, target)
    assert content(target) == {"a": "1", "b": "2"}
    assert (target / "a").stat().st_ino == (source / "a").stat().st_ino
    (source / "a").unlink()
    assert (target / "a").read_text() == "1"


def test_a_missing_folder_is_an_error_and_a_file_that_was_moved_is_not(tmp_path):
    with pytest.raises(FileNotFoundError):
        place_folder(tmp_path / "nothing", tmp_path / "target", move=True)
    source, target = tmp_path / "a.npz", tmp_path / "held_out/a.npz"
    source.write_text("scores")
    place_file(source, target)
    place_file(source, target)
    assert target.read_text() == "scores"
    assert not source.exists()
