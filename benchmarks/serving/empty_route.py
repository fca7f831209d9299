"""A Flask route that does nothing: what the framework alone costs."""

from __future__ import annotations

from flask import Flask, Response

from benchmarks.serving.questions import PATH

app = Flask(__name__)


@app.post(PATH)
def nothing() -> Response:
    """Answer without looking at the question."""
    return Response("{}", content_type="application/json")


@app.get("/health/live")
def live() -> Response:
    """Say that the server runs."""
    return Response("{}", content_type="application/json")
