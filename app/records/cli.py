"""The command ``flask --app wsgi studies index``: the places of records as they are looked up by area."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from app.commands import OneLineCommand
from app.errors import AppError, Conflict
from app.records import place_index
from app.studies import place_tables
from app.workbench.runner import WorkbenchError


class _IndexCommand(OneLineCommand):
    expected = (AppError, WorkbenchError)


@click.command("index", cls=_IndexCommand)
@click.argument("slugs", metavar="[STUDY]...", nargs=-1)
@with_appcontext
def index(slugs: Sequence[str]) -> None:
    """Store the places of kept records of STUDY, or of all studies of own data, where they are not up to date.

    The service does the same when somebody looks at them, so that the first one waits.
    """
    failed = 0
    for slug in slugs or place_tables.own_slugs():
        try:
            found = place_index.current(slug)
        except Conflict as error:
            click.echo(f"{slug}  {error.detail}")
            continue
        except WorkbenchError as error:
            if slugs:
                raise
            failed += 1
            click.echo(f"{slug}  {error}")
            continue
        left_out = f", {found.left_out:,} left out" if found.left_out else ""
        click.echo(f"{slug}  {found.places:,} place{'' if found.places == 1 else 's'}{left_out}")
    if failed:
        raise SystemExit(1)
