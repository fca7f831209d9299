"""The fetch step against a local folder of wheels: damaged files are redone, wrong hashes refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.live import PROJECT

MEMBERS = {"demo/data/a.csv": b"x,y\n1,2\n" * 500, "demo/app.js": b"let a = 1;\n"}
Fetch = Callable[[], subprocess.CompletedProcess[str]]


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "wheels" / "ecodemo-1.0-py3-none-any.whl"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in MEMBERS.items():
            archive.writestr(name, content)
        archive.writestr("ecodemo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: ecodemo\nVersion: 1.0\n")
        archive.writestr(
            "ecodemo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("ecodemo-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def listing(tmp_path: Path, wheel: Path) -> Path:
    path = tmp_path / "fetched.toml"
    path.write_text(f"""
[pip]
platform = []
[[wheel]]
name = "ecodemo"
version = "1.0"
sha256 = "{_sha(wheel.read_bytes())}"
holds = "a demo"
[[wheel.file]]
member = "demo/data/a.csv"
to = "raw/a.csv"
sha256 = "{_sha(MEMBERS["demo/data/a.csv"])}"
[[wheel.file]]
member = "demo/app.js"
in = "project"
to = "static/vendor/app.js"
sha256 = "{_sha(MEMBERS["demo/app.js"])}"
""")
    return path


@pytest.fixture
def fetch(tmp_path: Path, listing: Path) -> Fetch:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    command = [sys.executable, "tools/fetch.py", "--list", str(listing)]
    command += ["--data-dir", str(tmp_path / "data"), "--project", str(tmp_path / "project")]
    return lambda: subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False)


def test_fetches_once_and_mends_what_was_damaged(fetch: Fetch, tmp_path: Path, wheel: Path) -> None:
    csv, script = tmp_path / "data/raw/a.csv", tmp_path / "project/static/vendor/app.js"
    first = fetch()
    assert first.returncode == 0, first.stderr
    assert "[1/1] a demo" in first.stdout
    assert csv.read_bytes() == MEMBERS["demo/data/a.csv"]
    assert script.read_bytes() == MEMBERS["demo/app.js"]
    assert script.stat().st_mode & 0o777 == 0o644

    csv.write_bytes(csv.read_bytes()[:100])
    untouched = script.stat().st_mtime_ns
    assert fetch().returncode == 0
    assert csv.read_bytes() == MEMBERS["demo/data/a.csv"]
    assert script.stat().st_mtime_ns == untouched

    # nothing is downloaded when all is there
    wheel.unlink()
    second = fetch()
    assert (second.returncode, second.stderr) == (0, "")
    assert "already in place" in second.stdout
    assert {p.name for p in csv.parent.iterdir()} == {"a.csv"}


@pytest.mark.parametrize("kind", ["wheel", "member", "missing member", "absent"])
def test_refuses_what_is_not_pinned(fetch: Fetch, listing: Path, tmp_path: Path, wheel: Path, kind: str) -> None:
    text = listing.read_text()
    wrong = "0" * 64
    if kind == "wheel":
        text = text.replace(_sha(wheel.read_bytes()), wrong)
    elif kind == "member":
        text = text.replace(_sha(MEMBERS["demo/data/a.csv"]), wrong)
    elif kind == "missing member":
        text = text.replace("demo/data/a.csv", "demo/data/b.csv")
    else:
        wheel.unlink()
    listing.write_text(text)
    done = fetch()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("fetch: ")
    assert not list((tmp_path / "data").rglob("*.csv"))
    assert not list((tmp_path / "data").rglob(".fetching-*"))
