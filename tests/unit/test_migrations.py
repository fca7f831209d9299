"""Migrations only add, so that the version before can serve beside them."""

import ast
from pathlib import Path

import pytest

VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
TAKING_AWAY = ("drop_", "rename_", "alter_column")


def _taken_away(source: str) -> list[str]:
    tree = ast.parse(source)
    if (ast.get_docstring(tree) or "").startswith("Contract:"):
        return []
    upgrade = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")
    called = [
        node.func.attr
        for node in ast.walk(upgrade)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    return [name for name in called if name.startswith(TAKING_AWAY)]


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.name)
def test_a_migration_only_adds_or_says_what_it_contracts(path):
    assert _taken_away(path.read_text()) == []


def test_one_that_takes_away_is_found():
    body = "def upgrade():\n    with op.batch_alter_table('x') as t:\n        t.drop_column('y')\n"
    assert _taken_away(f'"""A column goes."""\n{body}') == ["drop_column"]
    assert _taken_away(f'"""Contract: since 0.2 nobody reads y."""\n{body}') == []
