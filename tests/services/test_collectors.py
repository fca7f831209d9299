"""Traces and error reports with real local servers, and with servers that are down or do not answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.telemetry import tracing
from tests.collectors import Collector, attributes, collecting, silence
from tests.services.conftest import ENVIRONMENT, WHEATEAR, Answer, call, predict
from tests.variants import thorough
from tools import live
from tools.live import PROJECT

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
PRIVATE = ("17.1717", "Secret/1.0", "203.0.113.77", "hush")
QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


@pytest.fixture(scope="module")
def environ(workroom: Path, prepared: Path) -> dict[str, str]:
    return live.copy_site(prepared, workroom / "collectors", ENVIRONMENT="production", TRUSTED_PROXIES="1")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def ask(url: str, **headers: str) -> Answer:
    body = {"species": WHEATEAR, "environment": {**ENVIRONMENT, "temperature": 17.1717}}
    return call(
        f"{url}/api/v1/predictions",
        body,
        headers={"User-Agent": PRIVATE[1], "X-Forwarded-For": PRIVATE[2], **headers},
    )


def log_lines(site: live.Site) -> list[dict[str, Any]]:
    return [json.loads(line) for line in site.program.output().splitlines() if line.startswith("{")]


def test_a_request_is_a_span_with_route_and_status(environ: dict[str, str], collector: Collector) -> None:
    with live.serving(environ, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **QUICKLY) as site:
        answer = ask(site.url, traceparent=PARENT)
        assert answer.status == 200, answer.body
        live.wait_until(lambda: any(span.kind == 2 for span in collector.spans), 10, "a server span")
        (line,) = [line for line in log_lines(site) if line["logger"] == "app.access"]
    (span,) = [span for span in collector.spans if span.kind == 2]
    said = attributes(span)
    assert span.name == "POST /api/v1/predictions"
    assert (said["http.route"], said["http.response.status_code"]) == ("/api/v1/predictions", 200)
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT[36:52])
    assert line["trace_id"] == TRACE
    assert answer.headers["traceresponse"] == f"00-{TRACE}-{span.span_id.hex()}-01"
    assert said["ecopredict.request_id"] == line["request_id"] == answer.headers["x-request-id"]
    # what it was made of
    inner = {one.name for one in collector.spans if one.parent_span_id == span.span_id}
    assert "model" in inner
    assert any(name.startswith("INSERT") for name in inner), inner


def test_spans_contain_no_personal_data(environ: dict[str, str], collector: Collector) -> None:
    with live.serving(environ, OTEL_EXPORTER_OTLP_ENDPOINT=f"{collector.url}/", **QUICKLY) as site:
        found = ask(site.url, tracestate="a=hush", baggage="b=hush", traceparent=PARENT).json["id"]
        call(f"{site.url}/predictions/{found}?x=hush")
        call(f"{site.url}/species?q=hush")
        call(f"{site.url}/?species={WHEATEAR}&env.temperature=17.1717")
        live.wait_until(lambda: sum(span.kind == 2 for span in collector.spans) == 4, 10, "four server spans")
    sent = b"".join(body for _, body in collector.posted)
    for private in (*PRIVATE, found):
        assert private.encode() not in sent, private


@pytest.mark.thorough
def test_spans_that_wait_are_sent_at_the_end(environ: dict[str, str], collector: Collector) -> None:
    with live.serving(environ, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="600000") as site:
        for _ in range(5):
            assert ask(site.url).status == 200
        assert not collector.posted
        assert site.program.stop(signal.SIGTERM) == 0
    assert sum(span.kind == 2 for span in collector.spans) == 5


# a model that fails, with a message that says too much; Python runs this file as it starts
FAULT = """
from app.predictions import inference
def fail(artifact, environment):
    raise ValueError(f"cannot take {environment} of 203.0.{113}.77")
inference.compute = fail
"""


@pytest.fixture
def failing(environ: dict[str, str], tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "sitecustomize.py").write_text(FAULT)
    path = f"{tmp_path}{os.pathsep}{PROJECT}"
    return lambda **changes: live.serving(environ, PYTHONPATH=path, **changes)


def test_an_error_reaches_sentry_without_the_request_data(failing: Callable[..., Any], collector: Collector) -> None:
    with failing(SENTRY_DSN=collector.dsn) as site:
        assert ask(site.url, traceparent=PARENT, **{"X-Request-ID": "abc-9"}).status == 500
        live.wait_until(lambda: bool(collector.events), 10, "an event")
    (event,) = collector.events
    error = event["exception"]["values"][-1]
    assert error["type"] == "ValueError"
    assert error["value"].startswith("cannot take")
    assert error["stacktrace"]["frames"][-1]["function"] == "fail"
    assert event["tags"] == {"request_id": "abc-9", "trace_id": TRACE, "route": "/api/v1/predictions"}
    assert (event["environment"], event["level"]) == ("production", "error")
    assert event["release"].startswith("ecopredict@")
    assert not {"request", "user", "breadcrumbs", "extra"} & {name for name, value in event.items() if value}
    sent = b"".join(body for _, body in collector.posted)
    for private in (*PRIVATE, "12.5", "chalk", "127.0.0.1"):
        assert private.encode() not in sent, private


def test_a_failure_that_repeats_is_reported_once_a_second(failing: Callable[..., Any], collector: Collector) -> None:
    with failing(SENTRY_DSN=collector.dsn, WEB_CONCURRENCY="1") as site:
        began = time.monotonic()
        while time.monotonic() - began < 2.5:
            assert ask(site.url).status == 500
        live.wait_until(lambda: bool(collector.events), 10, "an event")
        assert 2 <= len(collector.events) <= 2 + time.monotonic() - began


def test_a_report_that_waits_is_sent_at_the_end(failing: Callable[..., Any], collector: Collector) -> None:
    with failing(SENTRY_DSN=collector.dsn) as site:
        assert ask(site.url).status == 500
        assert site.program.stop(signal.SIGTERM) == 0
    assert len(collector.events) == 1


@pytest.mark.parametrize("how", [thorough("away"), "silent"])
def test_unreachable_collectors_do_not_affect_answers(environ: dict[str, str], how: str) -> None:
    with silence() as silent:
        port = silent if how == "silent" else live.free_port()
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "SENTRY_DSN": f"http://key@127.0.0.1:{port}/1",
            # batches so small and a queue so short that they are full at once
            "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_BSP_MAX_QUEUE_SIZE": "16",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "8",
        }
        with live.serving(environ, **settings) as site:
            seconds = []
            for i in range(100):
                began = time.monotonic()
                answer = predict(site.url, temperature=10 + i / 10)
                seconds.append(time.monotonic() - began)
                assert answer.status == 200, answer.body
                assert answer.headers["traceresponse"]
            # An answer that waits for a silent collector takes as long as the collector may.
            # On a busy machine two others may be as slow.
            assert sorted(seconds)[-3] < tracing.LIMIT_S
            assert site.program.stop(signal.SIGTERM) == 0


def test_nothing_is_imported_or_started_where_nothing_is_set(environ: dict[str, str]) -> None:
    code = (
        "import sys, threading, wsgi\n"
        "wsgi.app.test_client().get('/species')\n"
        "wanted = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'opentelemetry.proto', 'google.protobuf', "
        "'sentry_sdk', 'requests')\n"
        "print([name for name in wanted if name in sys.modules])\n"
        "print([t.name for t in threading.enumerate() if 'Otel' in t.name or 'sentry' in t.name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n[]\n"
    told = dict(environ, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", SENTRY_DSN="http://key@127.0.0.1:1/1")
    done = subprocess.run(
        [sys.executable, "-c", code], env=told, cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert "'opentelemetry.sdk.trace'" in done.stdout
    assert "'sentry_sdk'" in done.stdout


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), ("SENTRY_DSN", "https://hunter2@h/none")]
)
def test_a_malformed_address_stops_the_start_with_one_line(environ: dict[str, str], name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"], env={**environ, name: value}, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode != 0
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith(f"EcoPredict cannot start: {name}: expected")
    assert "hunter2" not in line
