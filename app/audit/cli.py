"""The command ``flask --app wsgi audit``: the audit trail is listed and exported, and its old lines are deleted."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask import current_app
from flask.cli import AppGroup

from app.audit import service
from app.audit.schemas import AuditFilters, AuditQuery
from app.commands import OneLineCommand, UsageError
from app.components import component
from app.database.connections import remove_time_limits
from app.database.db import db
from app.errors import ValidationFailed
from app.request_log.counting import RequestLog
from app.web.input_validation import pointer_parts, validate
from ml.spreadsheets import without_formula

group = AppGroup("audit", help="List and export the audit trail, and delete its old lines.")
Function = TypeVar("Function", bound=Callable[..., Any])
_FILTERS = (
    click.option("--person", metavar="EMAIL", help="Address or id of an account."),
    click.option("--action", metavar="NAME", help="Name of an action, or the beginning of names: model."),
    click.option("--object", metavar="ID", help="Id of what was changed."),
    click.option("--since", metavar="DAY", help="First day, or first moment."),
    click.option("--until", metavar="DAY", help="Last day, or the moment after the last one."),
)


def _with_filters(function: Function) -> Function:
    for option in reversed(_FILTERS):
        function = option(function)
    return function


class _AuditCommand(OneLineCommand):
    """Says which option is wrong."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ValidationFailed as error:
            pointer, message = error.errors[0]
            raise UsageError(f"--{'.'.join(pointer_parts(pointer))}: {message}") from None


@group.command("list", cls=_AuditCommand)
@_with_filters
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N")
def list_lines(limit: int, **filters: str | None) -> None:
    """List lines of the audit trail, latest first."""
    query = validate(AuditQuery, filters).model_copy(update={"limit": limit})
    items = service.browse(query).items
    if not items:
        click.echo("no lines")
        return
    click.echo(f"{'at':<19}  {'result':<7}  {'action':<24}  {'object':<40}  {'who':<30}  from")
    for item in items:
        who = (item.person.email or item.person.id) if item.person is not None else item.source
        what = f"{item.object_kind} {item.object_email or item.object_id}".strip()
        origin = f"{item.client or '-'}  {item.detail}".rstrip()
        moment = f"{item.at:%Y-%m-%d %H:%M:%S}"
        click.echo(f"{moment}  {item.result:<7}  {item.action:<24}  {what:<40}  {who:<30}  {origin}")


@group.command("export", cls=_AuditCommand)
@_with_filters
def export(**filters: str | None) -> None:
    """Write lines of the audit trail to standard output as CSV, latest first."""
    remove_time_limits(db.session.connection())
    rows = service.cells(validate(AuditFilters, filters))
    writer = csv.writer(sys.stdout)
    writer.writerow(service.COLUMNS)
    for row in rows:
        writer.writerow([without_formula(cell) if isinstance(cell, str) else cell for cell in row])


@group.command("prune", cls=_AuditCommand)
@click.option("--dry-run", is_flag=True, help="Say how many lines would be deleted, and delete nothing.")
def prune(dry_run: bool) -> None:
    """Delete lines older than AUDIT_RETENTION_DAYS, and counts of requests older than REQUEST_LOG_RETENTION_DAYS.

    The audit trail keeps a line about the deletion. The command can be interrupted and run again.
    """
    settings = current_app.config["SETTINGS"]
    remove_time_limits(db.session.connection())
    limit = service.limit_of(settings.audit_retention_days)
    scope = f"older than {settings.audit_retention_days} days (before {limit:%Y-%m-%d %H:%M} UTC)"
    if dry_run:
        click.echo(f"{service.count_before(limit)} lines are {scope}; nothing was deleted")
        return
    deleted = service.delete_before(limit)
    component(RequestLog).tidy()
    click.echo(f"{deleted} lines {scope} deleted")
