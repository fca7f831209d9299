"""The command ``flask --app wsgi studies``: studies of own data and the files that they leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from flask.cli import AppGroup

from app.catalogue.studies import Study
from app.commands import OneLineCommand
from app.database.db import db
from app.errors import AppError
from app.studies import own, sensitive, sharing, storage, tables
from app.trail import recorder as trail
from app.web.sizes import size_text
from ml.coarse_places import GRIDS_KM

group = AppGroup("studies", help="List studies of own data, their owners, and files that no study knows.")


class _StudiesCommand(OneLineCommand):
    expected = (AppError,)


@group.command("list", cls=OneLineCommand)
def list_studies() -> None:
    """List the studies of own data with their files."""
    totals = tables.totals()
    rows = list(db.session.scalars(db.select(Study).where(Study.id.in_(totals)).order_by(Study.slug)))
    if not rows:
        click.echo("no studies of own data")
    for row in rows:
        _, number, size = totals[row.id]
        files = "1 file" if number == 1 else f"{number} files"
        click.echo(f"{row.slug}  {files}  {size_text(size)}  {row.title}")


@group.command("owner", cls=_StudiesCommand)
@click.argument("slug", metavar="SLUG")
@click.argument("email", metavar="EMAIL")
def set_owner(slug: str, email: str) -> None:
    """Make the person EMAIL the owner of the study SLUG. The owner until then stays as an editor."""
    study = sharing.set_owner(slug, email)
    click.echo(f"{email} owns {study.slug}, which is {study.visibility}")


@group.command("sensitive", cls=_StudiesCommand)
@click.argument("slug", metavar="SLUG")
@click.argument("species", metavar="[SPECIES]", default="")
@click.option("--grid", type=click.Choice([str(one) for one in GRIDS_KM]), default="10", help="Kilometres; 10.")
@click.option("--remove", "removes", is_flag=True, help="SPECIES is not sensitive any more.")
def set_sensitive(slug: str, species: str, grid: str, removes: bool) -> None:
    """Mark SPECIES of the study SLUG as sensitive, by slug or name, or list the sensitive species of the study."""
    if species and removes:
        sensitive.unmark(slug, sensitive.find_mark(slug, species))
    elif species:
        sensitive.mark(slug, species, sensitive.grid_of(grid))
    elif removes:
        raise click.UsageError("--remove needs SPECIES")
    found = sensitive.read(slug)
    if not found.items:
        click.echo(f"{slug} has no sensitive species")
    for one in found.items:
        note = "  (no record or model has this name yet)" if one.known is False else ""
        click.echo(f"{one.species}  {one.grid_km} km{note}")


@group.command("prune", cls=OneLineCommand)
@click.option("--delete", "deletes", is_flag=True, help="Delete them; without it they are only listed.")
def prune(deletes: bool) -> None:
    """List files below DATA_DIR/studies that no study knows, and parts of uploads that nobody has continued.

    Run it while nobody uploads.
    """
    paths = sorted(_unknown())
    total = 0
    if deletes and paths:
        trail.add("", "", f"{len(paths)} paths that no study knows")
        db.session.commit()
    for path in paths:
        size = _size(path)
        total += size
        click.echo(f"{path.relative_to(own.studies_dir())}  {size_text(size)}")
        if deletes:
            storage.remove_tree(path)
    if deletes:
        storage.remove_old_parts()
    verb = "deleted" if deletes else "not known to any study"
    click.echo(f"{len(paths)} {'path' if len(paths) == 1 else 'paths'}, {size_text(total)}, {verb}")


def _unknown() -> Iterator[Path]:
    """Yield the folders of studies that do not exist, and files that the studies that exist do not have."""
    root = own.studies_dir()
    if not root.is_dir():
        return
    totals = tables.totals()
    known = {row.slug: row.id for row in db.session.scalars(db.select(Study)) if row.id in totals}
    for folder in root.iterdir():
        if folder.name not in known or folder.is_symlink():
            yield folder
            continue
        names = {file.name for file in tables.files_of(known[folder.name])}
        for path in (folder / "files").glob("*"):
            if path.name not in names:
                yield path
        for path in (folder / "files").glob(".*"):
            yield path


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if one.is_file() and not one.is_symlink())
