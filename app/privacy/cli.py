"""The command ``flask --app wsgi users delete``."""

from __future__ import annotations

import click

from app.accounts import users
from app.accounts.cli import UsersCommand
from app.accounts.cli import group as group
from app.privacy import deletion
from app.privacy.deletion import FATES, Fate

_FATE = click.Choice(FATES)


@group.command("delete", cls=UsersCommand)
@click.argument("email", metavar="EMAIL")
@click.option(
    "--studies", type=_FATE, default="leave", show_default=True, help="What happens to studies of the person."
)
@click.option("--answers", type=_FATE, default="leave", show_default=True, help="What happens to their stored answers.")
def delete(email: str, studies: Fate, answers: Fate) -> None:
    """Delete the account of the person EMAIL. The audit trail keeps its id."""
    user = users.get(email)
    user_id, address = user.id, user.email
    deletion.remove(user_id, studies, answers)
    click.echo(f"{address} is deleted; the audit trail names the account {user_id}")
    for study in deletion.owned(user_id):
        click.echo(f"the study {study.slug} stays; studies owner {study.slug} EMAIL gives it an owner")
