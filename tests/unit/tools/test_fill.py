"""A volume is filled with complete files, also after a copy that was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tools import fill
from tools.live import PROJECT


def _source(folder: Path) -> dict[str, bytes]:
    files = {"raw/era5/tmean.nc": os.urandom(300_000), "raw/birds.csv": b"a,b\n", "coast/1/1.bin": b"c" * 40}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return files


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_missing_or_too_short_is_copied_and_the_rest_stays(tmp_path: Path) -> None:
    files = _source(tmp_path / "demo")
    data = tmp_path / "data"
    (data / "raw" / "era5").mkdir(parents=True)
    (data / "raw" / "era5" / "tmean.nc").write_bytes(files["raw/era5/tmean.nc"][:1000])
    (data / "raw" / "birds.csv").write_bytes(b"x,y\n")
    (data / "own.txt").write_bytes(b"mine")
    assert fill.main([str(tmp_path / "demo"), str(data)]) == 0
    assert _files(data) == files | {"own.txt": b"mine", "raw/birds.csv": b"x,y\n"}
    assert fill.fill(tmp_path / "demo", data) == 0


def test_a_copy_that_is_killed_leaves_no_part_of_a_file_and_the_next_one_completes(tmp_path: Path) -> None:
    demo, data = tmp_path / "demo", tmp_path / "data"
    demo.mkdir()
    large = demo / "large"
    with large.open("wb") as file:
        file.truncate(2 * 1024**3)
    process = subprocess.Popen([sys.executable, "-m", "tools.fill", demo, data], cwd=PROJECT)
    draft = data / ".large.fill-draft"
    while process.poll() is None and not (draft.exists() and draft.stat().st_size):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert not (data / "large").exists()
    os.truncate(large, 1000)
    assert fill.fill(demo, data) == 1
    assert _files(data) == {"large": bytes(1000)}


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.fill", tmp_path / "none", tmp_path / "data"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("fill: ")
    assert done.stderr.count("\n") == 1
