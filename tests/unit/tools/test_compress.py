"""Packing static files: the same bytes come out, the same files give the same packages, nothing old stays."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from tools.live import PROJECT


def pack(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/compress.py", source, target]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    for name, content in (
        ("css/a.css", b"a { color: red }\n" * 99),
        ("js/b.js", b"let b = 1\n" * 99),
        ("js/tiny.js", b"1"),
        ("c.png", b"png" * 99),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_what_shrinks_is_packed_under_its_name(source: Path, tmp_path: Path) -> None:
    done = pack(source, tmp_path / "packed")
    assert (done.returncode, done.stdout) == (0, f"Packed 2 files into {tmp_path / 'packed'}.\n")
    packed = files(tmp_path / "packed")
    assert set(packed) == {"css/a.css", "js/b.js"}
    for name, content in packed.items():
        assert gzip.decompress(content) == (source / name).read_bytes()
        assert (tmp_path / "packed" / name).stat().st_mtime == (source / name).stat().st_mtime


def test_the_same_files_give_the_same_bytes_and_old_ones_go(source: Path, tmp_path: Path) -> None:
    pack(source, tmp_path / "packed")
    first = files(tmp_path / "packed")
    (tmp_path / "packed" / "old.css").write_bytes(b"")
    assert pack(source, tmp_path / "packed").returncode == 0
    assert files(tmp_path / "packed") == first
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    done = pack(tmp_path / "none", tmp_path / "packed")
    assert done.returncode == 2
    assert done.stderr == f"compress: {tmp_path / 'none'} is not a folder\n"
