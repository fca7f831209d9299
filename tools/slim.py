"""Remove from a virtual environment what the service never opens, for the container image.

``python tools/slim.py /venv`` removes the packages' own tests, sources of their compiled parts, pip, and the symbols
of shared libraries that only a debugger reads. ``/venv/bin/python tools/slim.py --check`` imports every module that the
service can import, so that a build fails where too much was removed. It also compiles them: the image is read-only.

Standard library only, and no module of the project: the first command runs in the Python of the base image.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_SOURCES = {".pyx", ".pxd", ".pxi", ".pyi", ".c", ".cc", ".cpp", ".h", ".hpp", ".a", ".f", ".f90"}
_TESTS = re.compile(r"^\s*(?:from|import)\s+([\w.]*)\.tests\b", re.MULTILINE)
#: Packages of the project, and what gunicorn and Flask import by name.
_PROJECT = ("app", "ml", "tools.coast", "tools.smoke")
_BY_NAME = ("wsgi", "gunicorn.workers.gthread", "psycopg2", "logging.config", "numba.core.caching", "sklearn.ensemble")
# Loads each file in a process of its own. A library that was damaged would end the process.
_LOAD = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_folders(packages: Path) -> list[Path]:
    """Return the folders named ``tests`` that no other module imports from."""
    folders = [path for path in packages.rglob("tests") if path.is_dir() and "tests" not in path.parts[:-1]]
    used = set()
    for module in packages.rglob("*.py"):
        parts = module.relative_to(packages).parts
        if {"tests", "testing"} & set(parts):
            continue
        text = module.read_text(encoding="utf-8", errors="replace")
        if ".tests" in text:
            used |= {_absolute(name, parts[:-1]) for name in _TESTS.findall(text)}
    return [path for path in folders if path.parent.relative_to(packages).parts not in used]


def _absolute(name: str, package: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts of the package before ``.tests``; leading dots are relative to ``package``."""
    dots = len(name) - len(name.lstrip("."))
    # `from .tests` leaves an empty name, as its dot is the one before `tests`
    base = package[: len(package) - dots] if dots or not name else ()
    return (*base, *(part for part in name.split(".") if part))


def strip_libraries(packages: Path) -> None:
    """Remove the symbols of shared libraries that only a debugger reads.

    A library that can then not be loaded stays whole. Some are damaged by it: their sections were moved when the
    wheel was made.
    """
    for path in sorted(packages.rglob("*.so*")):
        if path.is_symlink() or not path.is_file():
            continue
        draft = path.with_name(f"{path.name}.draft")
        command = ["strip", "--strip-unneeded", "-o", draft, path]
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 (a file of the environment)
        # one that needs another library, which is loaded first, could not be loaded before either
        if done.returncode == 0 and (_loads(draft) or not _loads(path)):
            shutil.copymode(path, draft)
            draft.replace(path)
        else:
            draft.unlink(missing_ok=True)
            print(f"slim: {path.relative_to(packages)} stays whole")


def _loads(path: Path) -> bool:
    command = [sys.executable, "-c", _LOAD, path]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def slim(environment: Path) -> None:
    """Remove what the service never opens, and print how much that was."""
    (packages,) = environment.glob("lib/python3.*/site-packages")
    print(f"slim: {size_of(environment) / 1e6:.0f} MB as installed")
    for path in [*packages.glob("pip"), *packages.glob("pip-*"), *packages.rglob("__pycache__")]:
        shutil.rmtree(path, ignore_errors=True)  # one may be within another
    for path in environment.glob("bin/pip*"):
        path.unlink()
    for path in test_folders(packages):
        shutil.rmtree(path)
    for path in packages.rglob("*"):
        if path.suffix in _SOURCES and path.is_file():
            path.unlink()
    print(f"slim: {size_of(environment) / 1e6:.0f} MB without pip, tests and sources of compiled parts")
    strip_libraries(packages)
    print(f"slim: {size_of(environment) / 1e6:.0f} MB without symbols")


def imported(root: Path) -> Iterator[str]:
    """Yield the names that the modules of a folder import, in functions too, but not those for types alone."""
    for path in sorted(root.rglob("*.py")):
        waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
            elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
                waiting += ast.iter_child_nodes(node)


def check(project: Path) -> None:
    """Import all that the service can import."""
    sys.path.insert(0, str(project))
    os.environ.setdefault("ENVIRONMENT", "development")
    names = {name for folder in ("app", "ml", "migrations") for name in imported(project / folder)} | set(_BY_NAME)
    for name in _PROJECT:
        module = importlib.import_module(name)
        if hasattr(module, "__path__"):
            names |= {each.name for each in pkgutil.walk_packages(module.__path__, f"{name}.")}
    names = {name for name in names if not name.endswith("__main__")}
    for name in sorted(names):
        importlib.import_module(name)
    print(f"slim: {len(names)} modules of the service import, {len(sys.modules)} in all")


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tools/slim.py", description=(__doc__ or "").split("\n", 1)[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("environment", type=Path, nargs="?", help="folder of the virtual environment")
    what.add_argument("--check", action="store_true", help="import what the service imports, in this environment")
    given = parser.parse_args(arguments)
    if given.check:
        check(Path(__file__).resolve().parent.parent)
    else:
        slim(given.environment)


if __name__ == "__main__":
    main()
