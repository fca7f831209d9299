"""The command ``flask --app wsgi models rollout``: a candidate beside the active model."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.commands import OneLineCommand, UsageError
from app.confirmations.accuracy_schemas import Interval as Figure
from app.errors import AppError, ValidationFailed
from app.rollouts import report, service
from app.rollouts.schemas import Interval, RolloutAccuracy, RolloutDetail, RolloutStart
from app.web.input_validation import validate
from ml.numbers import rounded

group = AppGroup("rollout", help="Try a candidate beside the active model of a species.")


class _RolloutCommand(OneLineCommand):
    expected = (AppError,)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; invalid input names its fields."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            cause = error.__context__
            if isinstance(cause, ValidationFailed):
                raise UsageError("; ".join(f"{at.lstrip('/')}: {text}" for at, text in cause.listed)) from None
            raise


@group.command("start", cls=_RolloutCommand)
@click.argument("study")
@click.argument("model_id", metavar="ID")
@click.option("--percent", type=int, default=10, show_default=True, help="Share of the clients, 1 to 50.")
@click.option("--shadow", is_flag=True, help="Compute copies of a share of requests (1 to 100) instead of answers.")
def start(study: str, model_id: str, percent: int, shadow: bool) -> None:
    """Try the model ID in STUDY."""
    mode = "shadow" if shadow else "share"
    wanted = validate(RolloutStart, {"model": model_id, "mode": mode, "percent": percent})
    _print(report.detail(service.start(study, wanted)))


@group.command("show", cls=_RolloutCommand)
@click.argument("study")
def show(study: str) -> None:
    """Print the rollout of STUDY that began last, with what both versions did."""
    _print(report.detail(service.find(study)))


@group.command("stop", cls=_RolloutCommand)
@click.argument("study")
def stop(study: str) -> None:
    """End the rollout of STUDY: the active model answers everybody again."""
    _print(report.detail(service.stop(study)))


@group.command("promote", cls=_RolloutCommand)
@click.argument("study")
def promote(study: str) -> None:
    """Let the candidate of the rollout of STUDY answer everybody."""
    _print(report.detail(service.promote(study)))


def _print(rollout: RolloutDetail) -> None:
    what = "of the clients" if rollout.mode == "share" else "of the requests in the shadow"
    click.echo(
        f"{rollout.species.scientific_name}: version {rollout.candidate.version} beside version "
        f"{rollout.active.version}, {rollout.percent} % {what}, {rollout.state}"
    )
    if rollout.reason:
        click.echo(rollout.reason)
    for arm in rollout.arms:
        times = f", median {rounded(arm.median_ms, 2)} ms" if arm.median_ms is not None else ""
        rate = f", error rate {_percent(arm.error_rate)}" if arm.error_rate is not None else ""
        novelty = f", novel {_percent(arm.novelty)}" if arm.novelty is not None else ""
        refused = f", {arm.refused} refused" if arm.refused else ""
        click.echo(f"{arm.arm}: {arm.requests} requests, {arm.failed} failed{refused}{rate}{novelty}{times}")
    click.echo(rollout.sentence)
    _print_accuracy(rollout.accuracy)


def _print_accuracy(accuracy: RolloutAccuracy) -> None:
    for one in accuracy.arms:
        if one.auc is not None and one.brier is not None:
            click.echo(f"{one.arm}: AUC {_figure(one.auc)}, Brier score {_figure(one.brier)}")
    if accuracy.auc is not None and accuracy.brier is not None:
        click.echo(f"candidate minus active: AUC {_figure(accuracy.auc)}, Brier score {_figure(accuracy.brier)}")
    for text in (accuracy.sentence, *accuracy.caveats):
        click.echo(text)


def _figure(figure: Interval | Figure) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _percent(share: Interval) -> str:
    return f"{100 * share.value:.2f} % ({100 * share.low:.2f} to {100 * share.high:.2f})"
