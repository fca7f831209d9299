"""The files of a commit, and of this working tree in their place, for the rehearsal of an upgrade."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tools.containers.engine import WalkError
from tools.live import PROJECT

#: The version that marked code says that it has.
MARK = "rehearsed"
_MARKED = "app/config/version.py"


def unpack(commit: str, code: Path) -> None:
    """Put the files of a commit into a folder."""
    _output("tar", "-C", code, "-xf", "-", stdin=_output("git", "archive", commit))


def replace(code: Path) -> None:
    """Put the files of the working tree in the place of those of a commit; files that are equal stay, as with git."""
    listed = {name.decode() for name in _output("git", "ls-files", "-z").split(b"\0") if name}
    for file in [one for one in code.rglob("*") if one.is_file() and "__pycache__" not in one.parts]:
        if str(file.relative_to(code)) not in listed:
            file.unlink()
    for name in sorted(listed):
        source, target = PROJECT / name, code / name
        if source.is_file() and not (target.is_file() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def mark(code: Path) -> None:
    """Change a module of the application, so that the version that it says shows whether it was imported anew."""
    with (code / _MARKED).open("a") as module:
        module.write(f'\n\ndef app_version() -> str:\n    return "{MARK}"\n')


def _output(*command: object, stdin: bytes = b"") -> bytes:
    """Run a command in the project, and return what it writes."""
    done = subprocess.run(  # noqa: S603
        list(map(str, command)), cwd=PROJECT, input=stdin, capture_output=True, check=False
    )
    if done.returncode:
        raise WalkError(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip()[-1000:]}")
    return done.stdout
