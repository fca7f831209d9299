"""The usual design: FastAPI, a pickled scikit-learn forest, a cache in Redis, one insert for each request.

The route is a plain ``def``, which FastAPI runs in its thread pool. It returns the suitability alone, reads the cache
first, and opens one SQLAlchemy session with one commit for each request. With ``FULL=1`` it also has rate limits
(slowapi on the same Redis), metrics (prometheus-fastapi-instrumentator) and one JSON log line for each request, which
EcoPredict always has.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pickle
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel
from redis import Redis
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from benchmarks.serving.tables import Prediction
from benchmarks.serving.workload import PATH

with Path(os.environ["FOREST"]).open("rb") as file:
    bundle = pickle.load(file)  # written by this benchmark
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://"))
session = sessionmaker(engine)
redis = Redis.from_url(os.environ["REDIS_URL"])
TTL_S = 3600


class Query(BaseModel):
    """A species and conditions."""

    species: str
    environment: dict[str, float]


class Answer(BaseModel):
    """The suitability of the conditions."""

    id: str
    species: str
    suitability: float
    suitable: bool
    cached: bool
    created_at: datetime


def database() -> Iterator[Session]:
    """Open a session for the request."""
    with session() as opened:
        yield opened


app = FastAPI()


def predict(query: Query, opened: Session) -> Answer:
    """Read the cache or compute the suitability, and store the answer."""
    missing = [name for name in bundle["predictors"] if name not in query.environment]
    if query.species != bundle["species"] or missing:
        raise HTTPException(422, f"unknown species or missing {missing}")
    key = "usual:" + hashlib.sha256(json.dumps(query.model_dump(), sort_keys=True).encode()).hexdigest()
    cached = redis.get(key)
    if cached is not None:
        suitability = json.loads(cached)["suitability"]
    else:
        row = np.array([[query.environment[name] for name in bundle["predictors"]]])
        suitability = float(bundle["forest"].predict_proba(row)[0, 1])
        redis.set(key, json.dumps({"suitability": suitability}), ex=TTL_S)
    answer = Answer(
        id=str(uuid.uuid4()),
        species=query.species,
        suitability=suitability,
        suitable=suitability >= bundle["threshold"],
        cached=cached is not None,
        created_at=datetime.now(UTC),
    )
    opened.add(
        Prediction(
            id=answer.id,
            species=query.species,
            environment=query.environment,
            suitability=suitability,
            created_at=answer.created_at,
        )
    )
    opened.commit()
    return answer


@app.get("/health/live")
def live() -> dict[str, str]:
    """Report that the server runs."""
    return {"status": "ok"}


if os.environ.get("FULL"):
    from prometheus_fastapi_instrumentator import Instrumentator
    from pythonjsonlogger.json import JsonFormatter
    from slowapi import Limiter, _rate_limit_exceeded_handler
    from slowapi.errors import RateLimitExceeded
    from slowapi.util import get_remote_address

    log = logging.getLogger("access")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    limiter = Limiter(get_remote_address, storage_uri=os.environ["REDIS_URL"], headers_enabled=True)
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
    Instrumentator().instrument(app).expose(app)

    @app.middleware("http")
    async def write_line(request: Request, call_next: Any) -> Any:
        """Write one JSON log line for each request, with a request id."""
        started = time.perf_counter()
        request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex
        response = await call_next(request)
        response.headers["X-Request-ID"] = request_id
        fields = {"request_id": request_id, "method": request.method, "path": request.url.path}
        latency = round(1000 * (time.perf_counter() - started), 2)
        log.info("request", extra={**fields, "status": response.status_code, "latency_ms": latency})
        return response

    @app.post(PATH)
    @limiter.limit(os.environ["RATE_LIMIT"])
    def full(
        request: Request, response: Response, query: Query, opened: Annotated[Session, Depends(database)]
    ) -> Answer:
        """Predict with a rate limit."""
        return predict(query, opened)

else:

    @app.post(PATH)
    def bare(query: Query, opened: Annotated[Session, Depends(database)]) -> Answer:
        """Predict."""
        return predict(query, opened)
