"""The command ``flask --app wsgi models``: registration and activation of models."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from app.catalogue.versions import ModelVersion
from app.commands import OneLineCommand, UsageError
from app.database.db import db
from app.registry import changes, service
from app.registry.changes import RegistryError
from ml.serving.artifact import ArtifactError, find_artifacts

group = AppGroup("models", help="Register trained models and choose which one answers.")


class _ModelsCommand(OneLineCommand):
    expected = (RegistryError, ArtifactError)


@group.command("list", cls=_ModelsCommand)
@click.option("--all", "everything", is_flag=True, help="Also versions that do not answer.")
def list_models(everything: bool) -> None:
    """List the models that answer."""
    statement = db.select(ModelVersion).order_by(ModelVersion.id)
    if not everything:
        statement = statement.where(ModelVersion.active.is_(True))
    rows = list(db.session.scalars(statement))
    if not rows:
        click.echo("no models" + ("" if everything else " answer; see --all"))
    for row in rows:
        auc = row.card["metrics"].get("auc_roc", {}).get("value")
        score = f"AUC {auc:.2f}" if auc is not None else "AUC unknown"
        state = "active" if row.active else "      "
        click.echo(f"{row.id}  v{row.version}  {state}  {score}  {row.species.study.slug}")


@group.command("register", cls=_ModelsCommand)
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--activate", is_flag=True, help="Let each of them answer for its species at once.")
def register(path: Path, activate: bool) -> None:
    """Register the model at PATH, or every model in the tree below it."""
    directories = find_artifacts(path)
    if not directories:
        raise UsageError(f"no model in {path}")
    new = 0
    for directory in directories:
        version, is_new = changes.register(directory)
        new += is_new
        # a model registered before stays as the operator left it, unless its species has no active model
        if activate and (is_new or not service.has_active(version.species_id)):
            changes.activate(version.id)
    click.echo(f"{len(directories)} found, {new} new" + (", activated" if activate and new else ""))


@group.command("activate", cls=_ModelsCommand)
@click.argument("model_id", metavar="ID")
def activate_model(model_id: str) -> None:
    """Let the model ID answer for its species."""
    version = changes.activate(model_id)
    click.echo(f"{version.id} answers for {version.species.scientific_name}")


@group.command("rollback", cls=_ModelsCommand)
@click.argument("study")
def rollback(study: str) -> None:
    """Put each species of STUDY back to the model that answered before."""
    for withdrawn, restored in changes.rollback(study):
        click.echo(f"{withdrawn} -> {restored}")
