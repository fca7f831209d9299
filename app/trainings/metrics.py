"""How many models the trainings of jobs logged to MLflow."""

from __future__ import annotations

from flask import Flask
from prometheus_client import CollectorRegistry, Counter

from app.components import components
from app.jobs import metrics as jobs
from app.trainings.report import read_report, report_path
from app.trainings.steps import KIND


def init_app(app: Flask) -> None:
    """Create the metric; it is counted from the reports of trainings, when their jobs are counted."""
    models = Counter(
        "ecopredict_mlflow_models",
        "New models of trainings that succeeded, by whether they were logged to MLflow",
        ("outcome",),
        registry=components(app).get(CollectorRegistry),
    )

    for outcome in ("logged", "not_logged"):
        models.labels(outcome)

    def count(job_id: str, study: str) -> None:
        report = read_report(report_path(study, job_id))
        if report is not None:
            for outcome, number in zip(("logged", "not_logged"), report.tracked, strict=True):
                models.labels(outcome).inc(number)

    jobs.when_ended(app, KIND, count)
