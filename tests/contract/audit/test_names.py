"""Each changing route, each command and each table has a row for the audit trail."""

from __future__ import annotations

from click import Group

from app.database.db import Base
from app.trail.actions import COMMANDS, ENDPOINTS, TABLES

SAFE = {"GET", "HEAD", "OPTIONS"}
NEW = "umbrella quartz seven lilac"


def test_every_changing_route_is_named(production):
    changing = {rule.endpoint for rule in production.url_map.iter_rules() if (rule.methods or set()) - SAFE}
    assert changing == set(ENDPOINTS)


def test_every_command_is_named(production):
    def names(group, before):
        for name, command in group.commands.items():
            yield from names(command, f"{before}{name} ") if isinstance(command, Group) else [before + name]

    groups = {name: group for name, group in production.cli.commands.items() if isinstance(group, Group)}
    commands = {one for name, group in groups.items() if name != "db" for one in names(group, f"{name} ")}
    assert commands == set(COMMANDS)


def test_every_table_is_listed():
    assert set(Base.metadata.tables) == set(TABLES)
