"""What is removed from the packages of the image, and what must stay."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import slim


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    for name, text in {
        "used/__init__.py": "from .tests import helper",
        "used/tests/__init__.py": "helper = 1",
        "named/core.py": "import other.tests.data",
        "other/tests/data.py": "",
        "plain/__init__.py": "",
        "plain/tests/test_plain.py": "from plain.tests import x",
        "plain/tests/inner/tests/test_more.py": "",
        "plain/fast.pyx": "",
        "plain/fast.h": "",
        "plain/__pycache__/old.pyc": "",
        "numba/tests/__init__.py": "",
        "numba/misc/POST.py": "from numba.tests import test_runtests",
        "rapidfuzz/fuzz_cpp.so": "",
        "rapidfuzz/fuzz_cpp_avx2.so": "",
        "setuptools/__init__.py": "",
        "distutils-precedence.pth": "",
        "pip/__init__.py": "",
        "pip/__pycache__/x.pyc": "",
        "pip-1.dist-info/METADATA": "",
    }.items():
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip3").write_text("")
    return tmp_path


def test_what_the_service_never_opens_is_removed(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slim.main([str(environment)])
    left = {str(path.relative_to(environment)) for path in environment.rglob("*") if path.is_file()}
    packages = "lib/python3.11/site-packages"
    assert left == {
        f"{packages}/used/__init__.py",
        f"{packages}/used/tests/__init__.py",
        f"{packages}/named/core.py",
        f"{packages}/other/tests/data.py",
        f"{packages}/plain/__init__.py",
        f"{packages}/numba/misc/POST.py",
        f"{packages}/rapidfuzz/fuzz_cpp.so",
    }
    assert capsys.readouterr().out.count(" MB ") == 3


def test_a_library_that_loads_no_more_stays_whole(
    environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("strip") is None:
        pytest.skip("strip is missing: apt-get install binutils")
    (source,) = (Path(part) for part in [sys.modules["_ssl"].__file__ or ""] if part)
    packages = environment / "lib" / "python3.11" / "site-packages"
    for name in ("whole.so", "damaged.so"):
        shutil.copy(source, packages / name)
    content = (packages / "damaged.so").read_bytes()
    monkeypatch.setattr(slim, "_loads", lambda path: path.name != "damaged.so.draft")
    slim.strip_libraries(packages)
    assert (packages / "damaged.so").read_bytes() == content
    assert "damaged.so stays whole" in capsys.readouterr().out
    assert not list(packages.glob("*.draft"))


def test_a_library_that_two_packages_have_is_stored_once(tmp_path: Path) -> None:
    for name, text in {
        "one.libs/a.so": "same",
        "two.libs/a.so": "same",
        "two.libs/b.so": "same",
        "x.libs/a.so": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    slim.join_libraries(tmp_path)
    links = {str(path.relative_to(tmp_path)): path.resolve() for path in tmp_path.rglob("*") if path.is_symlink()}
    assert links == {"two.libs/a.so": tmp_path / "one.libs" / "a.so"}


def test_what_is_imported_is_compiled_and_the_project_keeps_its_sources(tmp_path: Path) -> None:
    files = {
        "srv/own/__init__.py": "import used\ndef late():\n    import rare\n",
        "packages/used.py": "def fail():\n    raise ValueError\n",
        "packages/rare.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    script = (
        "from pathlib import Path; from tools import slim; slim._PROJECT, slim._BY_NAME = ('own',), ('used',); "
        f"slim.compile_modules(Path({str(tmp_path / 'srv')!r}), Path({str(tmp_path / 'packages')!r}))"
    )
    root, environ = slim.Path(slim.__file__).parent.parent, {**os.environ, "PYTHONPATH": str(tmp_path / "packages")}
    subprocess.run([sys.executable, "-c", script], cwd=root, env=environ, check=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    compiled = f"srv/own/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    assert left == {"srv/own/__init__.py", compiled, "packages/used.pyc", "packages/rare.py"}
    # an error still has file and line
    done = subprocess.run(
        [sys.executable, "-c", "import used; used.fail()"], cwd=tmp_path, env=environ, capture_output=True, check=False
    )
    assert f'{tmp_path / "packages" / "used.py"}", line 2, in fail' in done.stderr.decode()


def test_imports_of_functions_are_found_and_those_for_types_are_not(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import one.two\nfrom three import four\nfrom . import own\n"
        "if TYPE_CHECKING:\n    import types_alone\n"
        "def late():\n    import five\n"
    )
    assert set(slim.imported(tmp_path)) == {"one.two", "three", "five"}


@pytest.mark.thorough
def test_the_check_fails_where_a_package_is_missing() -> None:
    script = "import sys; sys.modules['rasterio'] = None; from tools import slim; slim.main(['--check'])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=slim.Path(slim.__file__).parent.parent, capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"rasterio" in done.stderr
