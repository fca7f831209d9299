"""`tools/venv.sh` in a small tree: real environments, real pip, one tiny wheel for each requirements file."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pip
import psutil
import pytest

from tests.collectors import silence
from tests.unit.tools.venv_tree import PYTHON, Sources, Tree, make_tree, make_wheel, write_python
from tools import live

MAKING, INSTALLING = f"Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}\n", "Installing "
STOPPED = "Stopped. The next `make` starts this installation again.\n"
WAITING = "Another `make` is installing into .venv; waiting for it\n"


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


def test_a_newer_pip_is_used_and_the_runtime_alone_is_compiled(empty: Tree, sources: Sources) -> None:
    (empty.folder / "requirements-dev.txt").write_text("-r requirements.txt\necotwo==1\npip==99\n")
    packages = empty.folder / ".venv/lib"
    empty.run()
    assert list(packages.glob("python*/site-packages/__pycache__/ecoone*"))
    # its module does nothing: the package `pip` comes before it
    make_wheel(sources.wheels, "pip", "99")
    (empty.folder / "requirements.txt").write_text("ecoone==2\n")
    empty.run()
    assert list(packages.glob("python*/site-packages/pip-99.dist-info"))
    empty.run("dev")
    assert empty.installed() == {"ecoone-2", "ecotwo-1"}
    assert not list(packages.glob("python*/site-packages/__pycache__/ecotwo*"))
