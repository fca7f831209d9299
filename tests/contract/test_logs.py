"""What is written down about a request, and what is not."""

from __future__ import annotations

import io
import json
import logging

import pytest

from app import create_app
from app.registry import changes
from app.telemetry import logs
from tests.contract.conftest import WHEATEAR, make_settings, upgrade

TRACE = "0af7651916cd43dd8448eb211c80319c"
PRIVATE = {"User-Agent": "Secret/1.0", "X-Forwarded-For": "203.0.113.77"}


@pytest.fixture
def written(monkeypatch):
    """What the application's own handler writes."""
    stream = io.StringIO()
    for handler in logging.getLogger("app").handlers:
        if handler.name == logs.HANDLER:
            monkeypatch.setattr(handler, "stream", stream)
            monkeypatch.setattr(handler, "formatter", handler.formatter)
    return lambda: stream.getvalue().splitlines()


@pytest.fixture
def production(app, artifacts, tmp_path, written):
    """An application as in production; afterwards lines have the form they had."""
    app = create_app(make_settings(tmp_path, environment="production", trusted_proxies=1))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    return app.test_client()


def lines_about_requests(written):
    return [line for line in map(json.loads, written()) if line["logger"] == "app.access"]


def test_a_line_of_json_about_each_prediction(production, environment, written):
    asked = {"species": WHEATEAR, "environment": environment}
    headers = {"X-Request-ID": "abc-1", "traceparent": f"00-{TRACE}-b7ad6b7169203331-01", **PRIVATE}
    url = "/api/v1/predictions?extrapolation=allow"
    answers = [production.post(url, json=asked, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = lines_about_requests(written)
    assert first.pop("time").endswith("+00:00")
    assert 0 < first.pop("latency_ms") < 10_000
    assert first == {
        "level": "INFO",
        "logger": "app.access",
        "message": "request",
        "request_id": "abc-1",
        "trace_id": TRACE,
        "method": "POST",
        "route": "/api/v1/predictions",
        "status": 200,
        "model": answers[0].json["model"]["id"],
        "version": 1,
        "cache": "none",
    }
    assert second["cache"] == "process"


def test_log_lines_contain_no_personal_data(production, environment, written):
    asked = {"species": WHEATEAR, "environment": {**environment, "temperature": 17.171717}}
    given = production.post("/api/v1/predictions", json=asked, headers=PRIVATE).json["id"]
    production.get(f"/predictions/{given}", headers=PRIVATE)
    production.get(f"/?species={WHEATEAR}&env.temperature=17.171717", headers=PRIVATE)
    production.get("/nothing/17.171717?x=hush", headers=PRIVATE)
    text = "\n".join(written())
    assert len(lines_about_requests(written)) == 4
    for private in ("17.17", "203.0.113", "127.0.0.1", "Secret", "hush", given):
        assert private not in text, private


def test_no_route_and_no_trace_are_told_as_such(production, written):
    production.get("/nothing", headers={"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"})
    production.get("/nothing", headers={"traceparent": f"ff-{TRACE}-b7ad6b7169203331-01"})
    production.get("/nothing", headers={"traceparent": "x\ty"})
    for line in lines_about_requests(written):
        assert (line["route"], line["status"]) == (None, 404)
        assert "trace_id" not in line
        assert "model" not in line


def test_other_lines_carry_the_id_of_their_request(production, monkeypatch, environment, written):
    from app.predictions import inference

    def fail(*_args):
        raise RuntimeError("no\nsuch\u2028luck")

    monkeypatch.setattr(inference, "compute", fail)
    asked = {"species": WHEATEAR, "environment": environment}
    headers = {"X-Request-ID": "abc-2", "traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
    assert production.post("/api/v1/predictions", json=asked, headers=headers).status_code == 500
    # a thread of the application may have written about something else
    lines = map(json.loads, written())
    error, request = [line for line in lines if line.get("request_id") == "abc-2"]
    assert (error["level"], error["request_id"], error["trace_id"]) == ("ERROR", "abc-2", TRACE)
    assert "RuntimeError" in error["exception"]
    assert error["message"] == "unhandled RuntimeError on /api/v1/predictions"
    assert request["status"] == 500


def test_machines_that_ask_every_second_are_not_written_down(production, written):
    for path in ("/health/live", "/metrics", "/static/css/tokens.css"):
        assert production.get(path).status_code == 200
    # a thread of the application may have written about something else
    assert lines_about_requests(written) == []


def test_in_development_a_line_is_read_by_people(app, client, written):
    # the application that was made last decides about the form, also one of another test
    logs.init_app(app)
    client.get("/species?q=ab", headers={"X-Request-ID": "abc-3"})
    (line,) = written()
    assert "[abc-3] GET /species 200 " in line


def test_gunicorn_messages_contain_no_address():
    record = logging.LogRecord("gunicorn.error", logging.WARNING, "", 0, "x", (), None)
    for said, kept in (
        ("Invalid request from ip=203.0.113.77: Invalid HTTP method", "Invalid request from ip=-: Invalid HTTP method"),
        ("Error handling request GET /?env.trees=91.5&a=b", "Error handling request GET /"),
    ):
        record.msg = said
        assert json.loads(logs.JsonFormatter().format(record))["message"] == kept
