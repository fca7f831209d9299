"""`tools/venv.sh` in a small tree: real environments, real pip, one tiny wheel for each requirements file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pip
import psutil
import pytest

from tests.collectors import silence
from tools import live
from tools.live import PROJECT

PYTHON = Path(sys.executable).resolve()
MAKING, INSTALLING = f"Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}\n", "Installing "
STOPPED = "Stopped. The next `make` starts this installation again.\n"
WAITING = "Another `make` is installing into .venv; waiting for it\n"


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


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("sources")
    for name, version in (("ecoone", "1"), ("ecoone", "2"), ("ecotwo", "1")):
        make_wheel(folder / "wheels", name, version)
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder / "bare"], check=True)
    # the pip that is installed here, because ensurepip takes seconds
    (site,) = (folder / "bare/lib").glob("python*/site-packages")
    shutil.copytree(Path(pip.__file__).parent, site / "pip")
    return Sources(folder / "wheels", write_python(folder / "python", venv=f'cp -R {folder}/bare "$3"'))


def make_tree(folder: Path, sources: Sources) -> Tree:
    (folder / "tools").mkdir(parents=True)
    shutil.copy(PROJECT / "tools/venv.sh", folder / "tools")
    (folder / "Makefile").touch()
    (folder / "requirements.txt").write_text("ecoone==1\n")
    (folder / "requirements-dev.txt").write_text("-r requirements.txt\necotwo==1\n")
    return Tree(folder, sources)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory, sources: Sources) -> Tree:
    """A tree with the runtime requirements installed."""
    tree = make_tree(tmp_path_factory.mktemp("complete") / "tree", sources)
    assert tree.run().startswith(MAKING + INSTALLING)
    return tree


@pytest.fixture
def empty(tmp_path: Path, sources: Sources) -> Iterator[Tree]:
    tree = make_tree(tmp_path / "tree", sources)
    yield tree
    _end(tree)


@pytest.fixture
def tree(complete: Tree, tmp_path: Path, sources: Sources) -> Iterator[Tree]:
    """A copy of the complete tree."""
    shutil.copytree(complete.folder, tmp_path / "copy", symlinks=True)
    copy = Tree(tmp_path / "copy", sources)
    yield copy
    _end(copy)


def _end(tree: Tree) -> None:
    for process in tree.started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def children_of(process: subprocess.Popen[str], word: str) -> list[psutil.Process]:
    """Wait for a child with this word in its command; return all children."""
    children: list[psutil.Process] = []

    def has_started() -> bool:
        children[:] = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(psutil.Error):
            return any(word in child.cmdline() for child in children)
        return False

    live.wait_until(has_started, 30, f"{word} runs")
    return children


def runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_requirements_are_installed_once(tree: Tree) -> None:
    assert tree.installed() == {"ecoone-1"}
    assert tree.marks() == [".runtime"]
    assert tree.run() == ""


def test_the_development_requirements_include_the_others(tree: Tree) -> None:
    assert tree.run("dev") == "Installing requirements-dev.txt into .venv (the first time takes about a minute)\n"
    assert tree.installed() == {"ecoone-1", "ecotwo-1"}
    assert tree.marks() == [".dev", ".runtime"]
    assert tree.run("dev") == tree.run("runtime") == ""


def test_changed_requirements_are_installed(tree: Tree) -> None:
    tree.run("dev")
    (tree.folder / "requirements.txt").write_text("ecoone==2\n")
    assert tree.run().startswith(INSTALLING)
    assert "ecoone-2" in tree.installed()
    # the development requirements are no longer known to be met
    assert tree.marks() == [".runtime"]


def test_an_installation_that_fails_is_done_again(tree: Tree) -> None:
    (tree.folder / "requirements.txt").write_text("ecoone==3\n")
    assert "No matching distribution found for ecoone==3" in tree.fails()
    assert ".installing" in tree.marks()
    (tree.folder / "requirements.txt").write_text("ecoone==1\n")
    # not even the stamp that is still there counts
    assert tree.run().startswith(MAKING + INSTALLING)
    assert tree.marks() == [".runtime"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_installation(tree: Tree, number: signal.Signals) -> None:
    (tree.folder / "requirements.txt").write_text("ecoone==2\n")
    with silence() as port:
        process = tree.start(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=f"http://127.0.0.1:{port}/")
        children = children_of(process, "pip")
        process.send_signal(number)
        _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (128 + number, STOPPED)
    assert not any(map(runs, children))
    assert ".installing" in tree.marks()


def test_an_interrupted_environment_is_made_again(empty: Tree) -> None:
    process = empty.start(PYTHON=str(PYTHON))
    children = children_of(process, "ensurepip")
    process.terminate()
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not any(map(runs, children))
    assert (empty.folder / ".venv/bin/python").exists()
    assert empty.run().startswith(MAKING + INSTALLING)
    assert empty.installed() == {"ecoone-1"}


@pytest.mark.thorough
def test_two_at_once_take_turns(tree: Tree) -> None:
    (tree.folder / "requirements.txt").write_text("ecoone==2\n")
    with silence() as port:
        first = tree.start(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=f"http://127.0.0.1:{port}/")
        children_of(first, "pip")
        second, third = tree.start(), tree.start()
        assert [process.stdout.readline() for process in (second, third)] == [WAITING, WAITING]
        third.send_signal(signal.SIGINT)
        assert third.wait(30) == 128 + signal.SIGINT
        first.terminate()
        first.wait(30)
    assert second.communicate(timeout=60)[0].startswith(MAKING + INSTALLING)
    assert second.returncode == 0
    assert tree.installed() == {"ecoone-2"}


@pytest.mark.thorough
def test_another_python_gets_another_environment(tree: Tree, sources: Sources, tmp_path: Path) -> None:
    copy = f'cp -R {sources.quick_python.parent}/bare "$3"'
    other = write_python(tmp_path / "python", "sys.version_info = (3, 99, 0)", copy)
    output = tree.run(PYTHON=str(other))
    assert output.startswith("Making .venv with Python 3.99\n" + INSTALLING)
    # an interpreter that was removed
    (tree.folder / ".venv/bin/python").unlink()
    assert tree.run().startswith(MAKING + INSTALLING)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "sys.version_info = (3, 10, 4)",
            "Python 3.11 or later is needed, {} is 3.10; name one with PYTHON=python3.11",
        ),
        ("sys.modules['venv'] = None", "{} has no venv module; install the package python3-venv"),
        ("sys.modules['ensurepip'] = None", "{} has no venv module; install the package python3-venv"),
        ("sys.exit(1)", "{} does not run; install Python 3.11 or name one with PYTHON=python3.11"),
    ],
)
def test_a_python_that_does_not_do_is_one_line(empty: Tree, tmp_path: Path, line: str, message: str) -> None:
    python = write_python(tmp_path / "python", line)
    assert empty.fails(PYTHON=str(python)) == f"make: {message.format(python)}\n"
    assert not (empty.folder / ".venv").exists()


def test_without_a_kind_it_prints_its_usage(empty: Tree) -> None:
    process = empty.start("all")
    assert process.communicate(timeout=10)[1] == "usage: sh tools/venv.sh runtime|dev\n"
    assert process.returncode == 2
