"""A Flask route that does nothing: the cost of the framework alone."""

from __future__ import annotations

from flask import Flask, Response

from benchmarks.serving.workload import PATH

app = Flask(__name__)


@app.post(PATH)
def nothing() -> Response:
    """Return an empty object without reading the request."""
    return Response("{}", content_type="application/json")


@app.get("/health/live")
def live() -> Response:
    """Report that the server runs."""
    return Response("{}", content_type="application/json")
