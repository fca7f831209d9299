"""The command `flask keys`."""

from __future__ import annotations

import re

import pytest

from tests.contract.accounts.test_keys import EDITOR, KEY


def test_commands_make_list_and_revoke_keys(production, program):
    run = production.test_cli_runner().invoke
    made = run(args=["keys", "create", EDITOR, "--name", "nightly", "--scope", "read", "--scope", "predict"])
    assert made.exit_code == 0, made.output
    key = KEY.search(made.stdout)[0]
    assert "(read, predict), accepted until" in made.stderr
    assert program(key).status_code == 200
    listed = run(args=["keys", "list"]).output
    assert key not in listed
    assert re.search(
        rf"{key[:12]}… +{EDITOR} +active +\d{{4}}-\d\d-\d\d +\d{{4}}-\d\d-\d\d +read,predict, nightly", listed
    )
    key_id = re.search(r"[0-9a-f-]{36}", listed)[0]
    assert run(args=["keys", "revoke", key_id]).exit_code == 0
    assert program(key).status_code == 401
    assert "revoked" in run(args=["keys", "list"]).output
    assert "there are no keys" in run(args=["keys", "list", EDITOR]).output
    assert run(args=["keys", "revoke", "--all", EDITOR]).output == "0 keys are revoked\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "nobody@example.org", "--name", "x"], "nobody has the address"),
        (["create", EDITOR], "Missing option '--name'"),
        (["create", EDITOR, "--name", "x", "--scope", "root"], "'root' is not one of"),
        (["create", EDITOR, "--name", "x", "--scope", "admin"], "admin belongs to admins"),
        (["create", EDITOR, "--name", "x", "--days", "367"], "367 is not in the range"),
        (["create", EDITOR, "--name", " "], "must have 1 to 100 characters"),
        (["revoke"], "expected the id of a key"),
        (["revoke", "x", "--all", EDITOR], "expected the id of a key"),
        (["revoke", "x"], "no such key"),
        (["list", "nobody@example.org"], "nobody has the address"),
    ],
)
def test_bad_input_of_commands_is_one_line_and_exit_code_2(production, arguments, message):
    done = production.test_cli_runner().invoke(args=["keys", *arguments])
    assert done.exit_code == 2
    lines = done.output.strip().splitlines()
    assert (len(lines), message in lines[0]) == (1, True), done.output
