"""EcoPredict's own parts under FastAPI: the same model, caches, limits, hand-over, counters and log lines.

What differs is the framework and its server alone, so this says what Flask costs. Everything runs on the event loop:
nothing in it waits for longer than a trip to Redis.
"""

from __future__ import annotations

import logging
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
from app.limits.counts import SharedCounts
from app.outbox.outbox import Outbox
from app.predictions import service
from app.predictions.schemas import PredictionQuery
from app.redis_client import RedisClient
from app.registry.service import preload
from app.telemetry import logs
from app.telemetry.metrics import RequestMetrics
from app.web import security
from app.web.reading import validate
from benchmarks.serving.questions import PATH

inner = create_app()
settings = inner.config["SETTINGS"]
counts = SharedCounts(store=components(inner).find(RedisClient))
limit = parse(settings.rate_limit)
latency = components(inner).get(RequestMetrics)._latency.labels("POST", PATH, "200")
total = components(inner).get(RequestMetrics)._total.labels("POST", "200")
HEADERS = dict(security._FOR_ALL)


@asynccontextmanager
async def begin(_: FastAPI) -> AsyncIterator[None]:
    """Open the models and start the drainer, as gunicorn's workers do."""
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
    # nginx's word for the caller, as behind TRUSTED_PROXIES
    address = request.headers.get("X-Forwarded-For", "127.0.0.1")
    headers = {**HEADERS, "X-Request-ID": request_id}
    count, ends = counts.take(limit.key_for(address), limit.amount, limit.get_expiry())
    headers["RateLimit-Limit"] = str(limit.amount)
    headers["RateLimit-Remaining"] = str(max(0, limit.amount - count))
    headers["RateLimit-Reset"] = str(max(1, math.ceil(ends - time.monotonic())))
    if count > limit.amount:
        return Response(status_code=429, headers=headers)
    sent = await request.body()
    with inner.app_context():
        try:
            query = validate(PredictionQuery, orjson.loads(sent))
            body, status = service.predict(query).answer.text(), 200
        except AppError as error:
            body, status = orjson.dumps({"detail": error.detail}), error.status
        noted = g.get("noted", {})
    seconds = time.perf_counter() - began
    latency.observe(seconds)
    total.inc()
    told = {"request_id": request_id, "method": "POST", "route": PATH, "status": status}
    if logs.access.isEnabledFor(logging.INFO):
        record = logging.LogRecord(logs.access.name, logging.INFO, __file__, 0, "request", None, None)
        record.request = {**told, "latency_ms": round(1000 * seconds, 2), **noted}
        logs.access.handle(record)
    return Response(body, status, headers, "application/json")


@app.get("/health/live")
async def live() -> dict[str, str]:
    """Say that the server runs."""
    return {"status": "ok"}
