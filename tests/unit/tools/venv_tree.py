"""A small tree for `tools/venv.sh`: real environments, real pip, one tiny wheel for each requirements file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tools.live import PROJECT

PYTHON = Path(sys.executable).resolve()


def make_wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", f"version = '{version}'\n")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")


@dataclass(frozen=True)
class Sources:
    """What environments are made of: a folder of wheels, and a Python that makes them by copying an empty one."""

    wheels: Path
    quick_python: Path


def write_python(file: Path, before: str = "pass", venv: str = "") -> Path:
    """Write a program that behaves like Python.

    Parameters
    ----------
    before : str
        Code that runs before the code that follows -c.
    venv : str
        The shell command for ``-m venv FOLDER``, when it is not Python's own.
    """
    lines = [
        "#!/bin/sh",
        f'if [ "$1" = -c ]; then exec {PYTHON} -c "import sys; {before}\n$2"; fi',
        f'if [ "$2" = venv ]; then {venv}; exit; fi' if venv else "",
        f'exec {PYTHON} "$@"',
    ]
    file.write_text("\n".join(lines))
    file.chmod(0o755)
    return file


class Tree:
    """A tree with requirements that are met from a folder of wheels."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        self.folder = folder
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        self.environ |= {"PYTHON": str(sources.quick_python), "PIP_CONFIG_FILE": os.devnull}
        self.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(sources.wheels)}
        self.started: list[subprocess.Popen[str]] = []

    def start(self, kind: str = "runtime", **changes: str) -> subprocess.Popen[str]:
        def handle_signals() -> None:
            # a shell cannot handle a signal that was ignored when it started, as nohup ignores SIGHUP
            for number in (signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)

        process = subprocess.Popen(
            ["sh", "tools/venv.sh", kind], cwd=self.folder, env=self.environ | changes, preexec_fn=handle_signals,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, kind: str = "runtime", **changes: str) -> str:
        """Run it to its end and return its standard output."""
        process = self.start(kind, **changes)
        output, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        return output

    def fails(self, kind: str = "runtime", **changes: str) -> str:
        """Run it to its end, expect exit code 1, and return its standard error."""
        process = self.start(kind, **changes)
        _, error = process.communicate(timeout=60)
        assert process.returncode == 1, error
        return error

    def installed(self) -> set[str]:
        """The wheels in the environment that came from the folder, as NAME-VERSION."""
        return {path.stem for path in (self.folder / ".venv/lib").glob("python*/site-packages/eco*.dist-info")}

    def marks(self) -> list[str]:
        """The kinds of stamps and marks in the environment."""
        return sorted(path.name.split("-")[0] for path in (self.folder / ".venv").glob(".[rdi]*"))


def make_tree(folder: Path, sources: Sources) -> Tree:
    (folder / "tools").mkdir(parents=True)
    shutil.copy(PROJECT / "tools/venv.sh", folder / "tools")
    (folder / "Makefile").touch()
    (folder / "requirements.txt").write_text("ecoone==1\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\necotwo==1\n")
    return Tree(folder, sources)
