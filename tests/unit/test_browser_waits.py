"""How the browser tests wait."""

from __future__ import annotations

import ast

from tools.live import PROJECT


def test_waits_pass_functions_because_the_policy_of_the_pages_forbids_eval() -> None:
    """Playwright evaluates a function once, with leave to; other text again and again, which the page's policy refuses.

    A wait for other text succeeds where the condition holds at once, and fails on a busy machine.
    """
    waits = [
        (file.name, call.args[0].value)
        for file in (PROJECT / "tests" / "browser").glob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "wait_for_function"
        and isinstance(call.args[0], ast.Constant)
    ]
    assert len(waits) > 5
    assert [wait for wait in waits if "=>" not in str(wait[1])] == []
