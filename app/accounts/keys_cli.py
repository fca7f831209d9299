"""The command ``flask --app wsgi keys``: make keys for programs, list and revoke them."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.accounts import keys, users
from app.accounts.keys import LONGEST_DAYS, USUAL_DAYS
from app.accounts.scopes import MEANINGS, SCOPES
from app.commands import OneLineCommand, UsageError
from app.errors import AppError

group = AppGroup("keys", help="Make keys for programs, list and revoke them.")
_SCOPES = "; ".join(f"{name}: {MEANINGS[name].replace('; includes', ', which includes')}" for name in SCOPES)


class _KeysCommand(OneLineCommand):
    expected = (AppError,)


@group.command("create", cls=_KeysCommand)
@click.argument("email", metavar="EMAIL")
@click.option("--name", required=True, metavar="NAME", help="What the key is for.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help=f"May be repeated. {_SCOPES}.")
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    metavar="N",
    help="Life of the key.",
)
def create(email: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a key for the person EMAIL, and print it once. Without --scope it reads and predicts."""
    user = users.get(email)
    detail, key = keys.create(user, user.epoch, name, scopes or ("read", "predict"), days)
    click.echo(
        f"a key of {user.email} ({', '.join(detail.scopes)}), accepted until {detail.expires_at:%Y-%m-%d %H:%M} UTC; "
        "it is shown only now:",
        err=True,
    )
    click.echo(key)


@group.command("list", cls=_KeysCommand)
@click.argument("email", metavar="[EMAIL]", required=False)
def list_keys(email: str | None) -> None:
    """List all keys, or those of the person EMAIL that were not revoked."""
    found = keys.browse(users.get(email).id if email is not None else None)
    if not found:
        click.echo("there are no keys; see keys create --help")
        return
    width = max(len(key.owner) for key in found)
    click.echo(
        f"{'id':<36}  {'key':<13}  {'owner':<{width}}  {'state':<7}  {'expires':<10}  {'used':<10}  scopes, name"
    )
    for key in found:
        used = f"{key.last_used_at:%Y-%m-%d}" if key.last_used_at is not None else "never"
        click.echo(
            f"{key.id}  {key.prefix}…  {key.owner:<{width}}  {key.state:<7}  {key.expires_at:%Y-%m-%d}  {used:<10}  "
            f"{','.join(key.scopes)}, {key.name}"
        )


@group.command("revoke", cls=_KeysCommand)
@click.argument("key_id", metavar="[ID]", required=False)
@click.option("--all", "email", metavar="EMAIL", help="Revoke all keys of a person.")
def revoke(key_id: str | None, email: str | None) -> None:
    """Revoke the key with the id ID as the list shows it, or all keys of a person."""
    if (key_id is None) == (email is None):
        raise UsageError("expected the id of a key, or --all EMAIL")
    if key_id is not None:
        keys.revoke(key_id)
        click.echo("the key is revoked")
    elif email is not None:
        number = keys.revoke_all(users.get(email).id)
        click.echo(f"{number} key{'s are' if number != 1 else ' is'} revoked")
