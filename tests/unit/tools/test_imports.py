"""Arrows between tests, benchmarks and tools: nothing imports the tests, and paths in the tests' own settings exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.parallel import COMPUTING, TOGETHER, WAITING
from tools.live import PROJECT


def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("folder", ["benchmarks", "tools", "app", "ml"])
def test_nothing_outside_of_the_tests_imports_them(folder: str) -> None:
    files = sorted((PROJECT / folder).rglob("*.py"))
    assert files
    assert [file for file in files if "tests" in imported(file)] == []


def test_the_order_of_test_files_names_existing_ones() -> None:
    assert [path for path in (*COMPUTING, *WAITING, *TOGETHER) if not (PROJECT / path).exists()] == []
