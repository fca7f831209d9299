"""EcoPredict's own modules under FastAPI: the same model, caches, limits, outbox, counters and log lines.

Only the framework and its server differ, so this measures the cost of Flask. Everything runs on the event loop, because
nothing in it waits longer than for a reply of Redis.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from fastapi import FastAPI, Request, Response
from flask import g
from limits import parse

from app import create_app
from app.components import components
from app.errors import AppError
from app.limits.counts import RequestCounts
from app.outbox.outbox import Outbox
from app.predictions import service
from app.predictions.query_schemas import PredictionQuery
from app.redis_client import RedisClient
from app.registry.examples import preload
from app.telemetry import logs
from app.telemetry.metrics import RequestMetrics
from app.web import security
from app.web.input_validation import validate
from benchmarks.serving.workload import PATH

inner = create_app()
settings = inner.config["SETTINGS"]
counts = RequestCounts(store=components(inner).find(RedisClient))
limit = parse(settings.rate_limit)
latency = components(inner).get(RequestMetrics)._latency.labels("POST", PATH, "200")
total = components(inner).get(RequestMetrics)._total.labels("POST", "200")
HEADERS = {**security.HEADERS, "Content-Security-Policy": security.POLICY}


@asynccontextmanager
async def begin(_: FastAPI) -> AsyncIterator[None]:
    """Load the models and start the outbox, as gunicorn's workers do."""
    preload(inner)
    components(inner).get(Outbox).start()
    yield
    components(inner).get(Outbox).stop()


app = FastAPI(lifespan=begin)


@app.post(PATH)
async def predict(request: Request) -> Response:
    """Answer a JSON query."""
    began = time.perf_counter()
    request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex
    # nginx sets the client's address, as with TRUSTED_PROXIES=1
    address = request.headers.get("X-Forwarded-For", "127.0.0.1")
    headers = {**HEADERS, "X-Request-ID": request_id}
    window = counts.hit(limit, address)
    headers["RateLimit-Limit"] = str(limit.amount)
    headers["RateLimit-Remaining"] = str(max(0, limit.amount - window.count))
    headers["RateLimit-Reset"] = str(max(1, math.ceil(window.ends - time.monotonic())))
    if window.count > limit.amount:
        return Response(status_code=429, headers=headers)
    content = await request.body()
    with inner.app_context():
        try:
            query = validate(PredictionQuery, orjson.loads(content))
            body, status = service.predict(query).answer.model_dump_json(), 200
        except AppError as error:
            body, status = orjson.dumps({"detail": error.detail}), error.status
        noted = g.get("noted", {})
    seconds = time.perf_counter() - began
    latency.observe(seconds)
    total.inc()
    fields = {"request_id": request_id, "method": "POST", "route": PATH, "status": status}
    logs.access.info("request", extra={"request": {**fields, "latency_ms": round(1000 * seconds, 2), **noted}})
    return Response(body, status, headers, "application/json")


@app.get("/health/live")
async def live() -> dict[str, str]:
    """Report that the server runs."""
    return {"status": "ok"}
