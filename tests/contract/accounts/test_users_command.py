"""The command `flask users`."""

from __future__ import annotations

import re
import threading

import pytest

from app import create_app
from app.accounts import users
from app.errors import Conflict
from tests.contract.accounts.conftest import PASSWORD, Browser
from tests.contract.conftest import make_settings, upgrade


@pytest.fixture
def empty(tmp_path):
    app = create_app(make_settings(tmp_path, environment="production", allowed_hosts=(".x.org", "eco.example.org")))
    app.test_client_class = Browser
    upgrade(app)
    return app


@pytest.fixture
def run(empty):
    runner = empty.test_cli_runner()
    return lambda *arguments, **more: runner.invoke(args=["users", *arguments], **more)


def test_the_first_admin_sets_a_password_by_the_printed_link(empty, run):
    done = run("create", "First@Example.org", "--role", "admin")
    assert done.exit_code == 0, done.output
    path = re.search(r"https://eco\.example\.org(/account/password/\S+)", done.output)[1]
    browser = empty.test_client()
    assert browser.sign_in("first@example.org").status_code == 422
    assert browser.post(path, data={"password": PASSWORD, "again": PASSWORD}).status_code == 303
    assert browser.sign_in("first@example.org").status_code == 303
    assert re.search(r"First@Example.org +admin +active +no +\d{4}-", run("list").output)


def test_a_password_from_standard_input(empty, run):
    done = run("create", "a@example.org", "--role", "editor", "--password-stdin", input=PASSWORD + "\n")
    assert (done.exit_code, "/account/password/" in done.output, PASSWORD in done.output) == (0, False, False)
    assert empty.test_client().sign_in("a@example.org").status_code == 303


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        (["create", "a@example.org"], "", "Missing option '--role'"),
        (["create", "nonsense", "--role", "viewer"], "", "the address must be an address"),
        (["create", "a@example.org", "--role", "owner"], "", "'owner' is not one of"),
        (["create", "Admin@example.org", "--role", "viewer"], "", "somebody has the address"),
        (["create", "b@example.org", "--role", "viewer", "--password-stdin"], "short\n", "at least 12 characters"),
        (["create", "b@example.org", "--role", "viewer", "--password-stdin"], "", "at least 12 characters"),
        (["create", "b@example.org", "--role", "viewer", "--site", "evil"], "", "--site: expected the address"),
        (["role", "nobody@example.org", "viewer"], "", "nobody has the address"),
        (["role", "admin@example.org", "editor"], "", "is the last admin"),
        (["role", "admin@example.org", "boss"], "", "'boss' is not one of"),
        (["disable", "admin@example.org"], "", "is the last admin"),
        (["enable", "nobody@example.org"], "", "nobody has the address"),
        (["enable", "\udcff@example.org"], "", "nobody has the address ?@example.org"),
        (["reset", "nobody@example.org"], "", "nobody has the address"),
        (["reset", "admin@example.org", "--hours", "0"], "", "0 is not in the range"),
        (["role"], "", "Missing argument 'EMAIL'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(empty, run, arguments, given, message):
    with empty.app_context():
        users.create("admin@example.org", "admin", PASSWORD)
    done = run(*arguments, input=given)
    assert done.exit_code == 2
    line = done.output.strip().splitlines()
    assert (len(line), message in line[0]) == (1, True), done.output


def test_every_command_has_help(run):
    for name in ("create", "list", "role", "disable", "enable", "reset"):
        assert "Usage:" in run(name, "--help").output


def test_a_disabled_person_gets_no_link(empty, run):
    run("create", "a@example.org", "--role", "viewer")
    assert run("disable", "a@example.org").exit_code == 0
    done = run("reset", "a@example.org")
    assert (done.exit_code, "is disabled" in done.output) == (2, True)
    assert run("enable", "a@example.org").exit_code == 0
    assert "https://eco.example.org/account/password/" in run("reset", "a@example.org").output


def test_two_admins_who_demote_each_other_leave_one(empty):
    with empty.app_context():
        for name in ("a", "b"):
            users.create(f"{name}@example.org", "admin", PASSWORD)
    together, outcomes = threading.Barrier(2), []

    def demote(email):
        with empty.app_context():
            together.wait()
            try:
                users.set_role(email, "viewer")
                outcomes.append("done")
            except Conflict:
                outcomes.append("refused")

    threads = [threading.Thread(target=demote, args=(f"{name}@example.org",)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "refused"]
    with empty.app_context():
        assert sum(user.role == "admin" for user in users.browse()) == 1


def test_a_database_without_tables_is_one_line(tmp_path):
    app = create_app(make_settings(tmp_path))
    done = app.test_cli_runner().invoke(args=["users", "list"])
    assert (done.exit_code, len(done.output.strip().splitlines())) == (2, 1)
    assert "db upgrade" in done.output
