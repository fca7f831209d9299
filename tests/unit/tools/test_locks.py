"""The check of a volume's locks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import pytest

from tools import locks


def test_a_local_folder_has_locks_and_stays_empty(tmp_path: Path) -> None:
    assert locks.main([str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert locks.main([str(tmp_path / "none")]) == 1
    error = capsys.readouterr().err
    assert "cannot be locked: No such file or directory" in error
    assert error.count("\n") == 1
    assert locks.main([]) == 2


def test_a_file_system_without_locks_of_folders_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As NFS does it: an exclusive lock needs a descriptor that can write, which a folder never has."""
    real = fcntl.flock

    def flock(handle: int, operation: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(handle, operation)

    # only here: the test runner locks files too
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", flock)
        assert locks.main([str(tmp_path)]) == 1
    assert "cannot be locked: Bad file descriptor. Use a volume" in capsys.readouterr().err


def test_locks_that_are_no_locks_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a volume that is mounted with local locks only, or none."""
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", lambda *_: None)
        assert locks.main([str(tmp_path)]) == 1
    assert "locks of files do not exclude each other" in capsys.readouterr().err
