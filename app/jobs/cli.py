"""The command ``flask --app wsgi jobs``: the worker, and the list and the cancellation of jobs."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import select

from app.commands import OneLineCommand
from app.database.db import db
from app.errors import AppError
from app.jobs import service
from app.jobs.presence import LockError
from app.jobs.tables import Job
from app.jobs.worker import Worker

group = AppGroup("jobs", help="Work on jobs, list them and cancel them.")


class _JobsCommand(OneLineCommand):
    expected = (AppError, LockError)


@group.command("work", cls=_JobsCommand)
@click.option("--once", is_flag=True, help="Run the jobs that wait, and end.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 16),
    metavar="N",
    help="Jobs at a time, 1 to 16. Default: the setting JOBS_CONCURRENCY.",
)
def work(once: bool, concurrency: int | None) -> None:
    """Work on jobs until Ctrl-C or SIGTERM, which put running jobs back into the queue."""
    # the threads of the jobs need the application itself, not the proxy of this context
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # werkzeug's LocalProxy, typed as Flask
    worker = Worker(app, concurrency or app.config["SETTINGS"].jobs_concurrency)
    worker.handle_signals()
    worker.run(once=once)


@group.command("list", cls=_JobsCommand)
@click.option("--all", "everything", is_flag=True, help="Also jobs that have ended.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N")
def list_jobs(everything: bool, limit: int) -> None:
    """List the jobs that wait or run, latest first."""
    statement = select(Job).order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)
    if not everything:
        statement = statement.where(Job.state.in_(("queued", "running")))
    rows = list(db.session.scalars(statement))
    if not rows:
        click.echo("no jobs" + ("" if everything else " wait or run; see --all"))
        return
    click.echo(f"{'id':<36}  {'kind':<12}  {'study':<24}  {'state':<9}  {'done':>4}  {'created':<16}  message")
    for job in rows:
        created = job.created_at.strftime("%Y-%m-%d %H:%M")
        columns = f"{job.id:<36}  {job.kind:<12}  {job.study or '-':<24}  {job.state:<9}  {job.progress:>4.0%}"
        click.echo(f"{columns}  {created:<16}  {job.error or job.message}")


@group.command("cancel", cls=_JobsCommand)
@click.argument("job_id", metavar="ID")
def cancel(job_id: str) -> None:
    """Cancel the job ID: at once where it waits, within seconds where it runs."""
    job = service.cancel(job_id)
    click.echo(f"{job.id} is cancelled" if job.state == "cancelled" else f"{job.id} will end within seconds")
