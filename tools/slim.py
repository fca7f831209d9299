"""Remove from a virtual environment what the service never opens, for the container image.

``python tools/slim.py /venv`` removes the packages' own tests, sources of their compiled parts, installers, what the
service never asks for (``_UNUSED``), and the symbols of shared libraries that only a debugger reads. ``--compile``, run
by the Python of the environment, compiles what the service imports when it starts or trains, because the image
cannot be written; of such a module of a package the compiled file alone stays. ``--check`` imports every module that
the service can import, so that a build fails where too much was removed.

Standard library only, and no module of the project: the first command runs in the Python of the base image.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import os
import pkgutil
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_SOURCES = {".pyx", ".pxd", ".pxi", ".pyi", ".c", ".cc", ".cpp", ".h", ".hpp", ".a", ".f", ".f90", ".tp", ".proto"}
#: Files and folders of packages, as patterns below ``site-packages``. No module that `check` imports names one of them
#: in an import, except in functions for what is said beside it.
_UNUSED = (
    # installers; the image installs nothing
    "pip",
    "pip-*",
    "setuptools",
    "setuptools-*",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
    # tests and builders that only commands for developers of the package import
    "alembic/testing",
    "joblib/test",
    "numba/pycc",
    "numba/tests",
    "numpy/distutils",
    "numpy/_core/_simd.*",
    "h5py/tests",
    "rasterio/_example.*",
    "scipy/special/tests",
    "sqlalchemy/testing",
    "tornado/test",
    # methods and examples that the service does not use; KBinsDiscretizer would look for clusters by k-means
    "scipy/cluster",
    "scipy/datasets",
    "scipy/fftpack",
    "scipy/odr",
    "scipy/signal",
    "scipy/stats/_unuran",
    "sklearn/cluster",
    "sklearn/cross_decomposition",
    "sklearn/datasets",
    "sklearn/feature_extraction",
    "sklearn/feature_selection",
    "sklearn/impute",
    "sklearn/manifold",
    "sklearn/mixture",
    "sklearn/semi_supervised",
    # Training on a Dask cluster sends functions. It uses no collections and opens no dashboard.
    "dask/array",
    "dask/bag",
    "dask/dataframe",
    "distributed/http/static",
    # Formats that the service neither reads nor writes: ECW and NITF, Matrix Market, AVIF and WebP, and profiles of
    # colours. SciPy and Pillow look for the modules when they meet such a file.
    "rasterio/gdal_data/ecw_cs.wkt",
    "rasterio/gdal_data/nitf_spec.*",
    "scipy/io/_fast_matrix_market/_fmm_core.*",
    "PIL/_avif.*",
    "PIL/_webp.*",
    "PIL/_imagingcms.*",
    "pillow.libs/libavif-*",
    "pillow.libs/liblcms2-*",
    "pillow.libs/libsharpyuv-*",
    "pillow.libs/libwebp*",
    # the page of the API loads the bundle alone
    "flask_swagger_ui/dist/swagger-ui.js",
    # The same functions for processors with AVX2. Without them RapidFuzz takes the ones for all processors; the results
    # are the same.
    "rapidfuzz/*_avx2.*",
    "rapidfuzz/distance/*_avx2.*",
)
_TESTS = re.compile(r"^\s*(?:from|import)\s+([\w.]*)\.tests\b", re.MULTILINE)
#: Packages of the project, and what gunicorn and Flask import by name.
_PROJECT = ("app", "ml", "tools.coast", "tools.smoke")
_BY_NAME = (
    "wsgi",
    "gunicorn.app.wsgiapp",
    "gunicorn.arbiter",
    "gunicorn.workers.gthread",
    "psycopg2",
    "logging.config",
    "numba.core.caching",
    "sklearn.ensemble",
)
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


def join_libraries(packages: Path) -> None:
    """Put links in the place of libraries that another package has with the same name and content."""
    known: dict[tuple[str, bytes], Path] = {}
    for path in sorted(packages.glob("*.libs/*.so*")):
        if path.is_symlink():
            continue
        with path.open("rb") as stream:
            first = known.setdefault((path.name, hashlib.file_digest(stream, "sha256").digest()), path)
        if first != path:
            path.unlink()
            path.symlink_to(Path("..", first.parent.name, first.name))


def _loads(path: Path) -> bool:
    command = [sys.executable, "-c", _LOAD, path]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def slim(environment: Path) -> None:
    """Remove what the service never opens, and print how much that was."""
    (packages,) = environment.glob("lib/python3.*/site-packages")
    print(f"slim: {size_of(environment) / 1e6:.0f} MB as installed")
    for path in packages.rglob("__pycache__"):
        shutil.rmtree(path, ignore_errors=True)  # one may be within another
    for path in [each for pattern in _UNUSED for each in packages.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for path in environment.glob("bin/pip*"):
        path.unlink()
    for path in test_folders(packages):
        shutil.rmtree(path)
    for path in packages.rglob("*"):
        if path.suffix in _SOURCES and path.is_file():
            path.unlink()
    print(f"slim: {size_of(environment) / 1e6:.0f} MB without installers, tests and sources of compiled parts")
    join_libraries(packages)
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


def _import_own(project: Path) -> set[str]:
    """Import the modules of the project, and what gunicorn and Flask import by name; return their names."""
    # the bytecode that stays is written by `compile_modules` alone
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(project))
    os.environ.setdefault("ENVIRONMENT", "development")
    names = set(_BY_NAME)
    for name in _PROJECT:
        module = importlib.import_module(name)
        if hasattr(module, "__path__"):
            names |= {each.name for each in pkgutil.walk_packages(module.__path__, f"{name}.")}
    names = {name for name in names if not name.endswith("__main__")}
    for name in sorted(names):
        importlib.import_module(name)
    return names


def _start_compiler() -> None:
    """Import what Numba imports when it compiles its first function."""
    numba = sys.modules.get("numba")
    if numba:
        numba.njit(lambda number: number + 1)(1)


def compile_modules(project: Path, packages: Path) -> None:
    """Compile what the modules of the project import as soon as they are imported.

    A compiled module of a package takes the place of its source: tracebacks still name its lines, but cannot show them.
    The project keeps its sources, because Numba looks at them for its cache.
    """
    _import_own(project)
    _start_compiler()
    sources = {Path(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    size = 0
    for source in sorted(path for path in sources if path.suffix == ".py"):
        own = source.is_relative_to(project) and not source.is_relative_to(packages)
        if not own and not source.is_relative_to(packages):
            continue  # the standard library
        target = None if own else str(source.with_suffix(".pyc"))
        size += Path(str(py_compile.compile(str(source), target, doraise=True))).stat().st_size
        if not own:
            source.unlink()
    print(f"slim: {size / 1e6:.0f} MB of compiled modules; {size_of(packages) / 1e6:.0f} MB of packages with theirs")


def check(project: Path) -> None:
    """Import all that the service can import."""
    names = _import_own(project)
    names |= {name for folder in ("app", "ml", "migrations") for name in imported(project / folder)}
    for name in sorted(names):
        importlib.import_module(name)
    print(f"slim: {len(names)} modules of the service import, {len(sys.modules)} in all")


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tools/slim.py", description=(__doc__ or "").split("\n", 1)[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("environment", type=Path, nargs="?", help="folder of the virtual environment")
    what.add_argument("--check", action="store_true", help="import what the service imports, in this environment")
    what.add_argument("--compile", action="store_true", help="compile what the service imports, in this environment")
    given = parser.parse_args(arguments)
    project = Path(__file__).resolve().parent.parent
    if given.check:
        check(project)
    elif given.compile:
        compile_modules(project, Path(sysconfig.get_path("purelib")))
    else:
        slim(given.environment)


if __name__ == "__main__":
    main()
