"""What operators rely on: health, metrics, limits, headers, the cache without Redis, models that change."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy.exc import OperationalError

from app import create_app
from app.api_docs.openapi import build
from app.config.settings import PROJECT
from app.database.db import db
from app.registry import changes
from app.web.operations import operation_of
from tests.contract.conftest import WHEATEAR, make_settings, upgrade

DEAD_REDIS = "redis://127.0.0.1:1/0"


def test_health(client):
    assert client.get("/health/live").json == {"status": "live"}
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    parts = {
        "database": "up",
        "replica": "none",
        "cache": "in process",
        "disk": "up",
        "jobs": "up",
        "models": 4,
        "broken_models": 0,
        "handover": "direct",
        "waiting": 0,
    }
    assert ready.json == {"status": "ready", "components": parts}


def test_database_down(app, client, ask, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OperationalError("SELECT secret", {}, Exception("password=hunter2"))

    with monkeypatch.context() as patch:
        patch.setattr(db.session, "execute", refuse)
        patch.setattr(db.session, "scalar", refuse)
        patch.setattr(db.session, "scalars", refuse)
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json["components"]["database"] == "down"
        assert client.get("/health/live").status_code == 200
        answer = ask()
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "hunter2" not in answer.get_data(as_text=True)
        assert client.get("/models").status_code == 503
        # the snapshot is enough for these
        for path in ("/", "/species", "/species?q=wheat", "/openapi.json"):
            assert client.get(path).status_code == 200
        assert 'data-label="AUC">–' in client.get("/species").get_data(as_text=True)
        # scores and records are in the database only
        for path in ("/species?sort=-quality", "/api/v1/species?sort=presences", "/species.csv"):
            assert client.get(path).status_code == 503


def test_an_internal_error_shows_no_details(app, client, ask, monkeypatch, caplog):
    from app.predictions import inference

    def fail(*_args):
        raise RuntimeError("secret path /srv/x")

    monkeypatch.setattr(inference, "compute", fail)
    response = ask(trees=91.5)
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert "secret" not in response.get_data(as_text=True)
    assert any(record.levelno == logging.ERROR for record in caplog.records)
    page = client.post(
        "/",
        data={
            "species": WHEATEAR,
            "env.bare_rock": "1",
            "env.trees": "91.25",
            "env.temperature": "3",
            "env.soil": "clay",
        },
    )
    assert page.status_code == 500
    assert "secret" not in page.get_data(as_text=True)


def test_metrics_are_by_route_not_by_species(client, ask):
    ask()
    client.get(f"/species/{WHEATEAR}")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'ecopredict_predictions_total{cached="' in text
    assert 'url_rule="/species/<slug:slug>"' in text
    assert WHEATEAR not in text


@pytest.mark.parametrize(("given", "kept"), [("abc-1.X_9", True), ("x" * 65, False), ("a b", False), ("<b>", False)])
def test_request_id(client, given, kept):
    for path in ("/", "/nothing", "/api/v1/species", "/health/live", "/metrics"):
        assert (client.get(path, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given) is kept


def test_security_headers(client):
    for path in ("/", "/nothing", "/api/v1/species", "/docs"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "script-src 'self';" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


def test_cors(artifacts, tmp_path):
    app = create_app(make_settings(tmp_path, cors_origins=("https://maps.example",)))
    client = app.test_client()
    given = client.get("/api/v1/none", headers={"Origin": "https://maps.example"})
    assert given.headers["Access-Control-Allow-Origin"] == "https://maps.example"
    assert (
        "Access-Control-Allow-Origin" not in client.get("/api/v1/none", headers={"Origin": "https://x.example"}).headers
    )
    assert "Access-Control-Allow-Origin" not in client.get("/none", headers={"Origin": "https://maps.example"}).headers
    asked = client.options(
        "/api/v1/predictions",
        headers={
            "Origin": "https://maps.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert asked.headers["Access-Control-Allow-Origin"] == "https://maps.example"


@pytest.mark.parametrize("redis_url", [None, DEAD_REDIS])
def test_rate_limit(tmp_path, redis_url):
    app = create_app(make_settings(tmp_path, rate_limit="3/minute", redis_url=redis_url))
    upgrade(app)
    client = app.test_client()
    answers = [client.get("/api/v1/species") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["RateLimit-Limit"] == "3"
    assert 1 <= int(answers[0].headers["RateLimit-Reset"]) <= 61
    refused = answers[-1]
    assert refused.content_type == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    page = client.post("/", data={"species": "a"})
    assert page.status_code == 429
    assert page.mimetype == "text/html"
    for path in ("/", "/species", "/openapi.json", "/models", "/analytics", "/nothing"):
        assert client.get(path).status_code == 429
    for path in ("/health/live", "/metrics", "/static/css/tokens.css"):
        assert client.get(path).status_code == 200
    assert client.options("/api/v1/species").status_code == 200


@pytest.mark.parametrize(("trusted", "third"), [(0, 429), (1, 200)])
def test_behind_a_proxy_callers_are_told_apart_only_where_the_operator_says(tmp_path, trusted, third):
    app = create_app(make_settings(tmp_path, rate_limit="2/minute", trusted_proxies=trusted))
    upgrade(app)
    client = app.test_client()
    for status, caller in ((200, "192.0.2.1"), (200, "192.0.2.1"), (third, "192.0.2.2"), (429, "192.0.2.1")):
        assert client.get("/api/v1/species", headers={"X-Forwarded-For": caller}).status_code == status


def test_redis_down(artifacts, tmp_path, environment, caplog):
    app = create_app(make_settings(tmp_path, redis_url=DEAD_REDIS))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    client = app.test_client()
    # what this process has computed it still knows
    for known in (False, True):
        answer = client.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment})
        assert answer.status_code == 200
        assert answer.json["cached"] is known
    assert client.get("/health/ready").json["status"] == "degraded"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_openapi_is_valid_and_true(app, client):
    document = client.get("/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    documented = {
        (path.replace("{", "<").replace("}", ">"), method.upper())
        for path, item in document["paths"].items()
        for method in item
    }
    routed = {
        (
            re.sub(r"<(?:\w+:)?(?:\w+_)?(\w+)>", r"<\1>", rule.rule),
            method,
        )
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/v1", "/health"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert documented == routed
    body = document["paths"]["/api/v1/predictions"]["post"]["requestBody"]["content"]["application/json"]
    assert client.post("/api/v1/predictions", json=body["example"]).status_code == 200


def test_every_route_of_the_api_declares_its_operation(app):
    views = [
        app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/v1", "/health"))
    ]
    undeclared = [f"{view.__module__}.{view.__name__}" for view in views if operation_of(view) is None]
    assert not undeclared
    ids = [operation_of(view).id for view in views]
    assert len(set(ids)) == len(ids)


def test_a_route_without_an_operation_stops_the_document(tmp_path):
    app = create_app(make_settings(tmp_path))
    app.add_url_rule("/api/v1/undeclared/<slug:model_id>", view_func=lambda model_id: model_id, endpoint="undeclared")
    with pytest.raises(LookupError, match=r"GET /api/v1/undeclared/\{id\} has no declared operation"):
        build(app)


def test_activate_and_rollback_are_seen_at_the_next_request(artifacts, newer_model, tmp_path, environment):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    client = app.test_client()

    def ask():
        return client.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment}).json["model"]

    with app.app_context():
        one, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(one.id)
        first_id = one.id
    assert ask() == {"id": first_id, "version": 1}
    with app.app_context():
        two, _ = changes.register(newer_model)
        changes.activate(two.id)
        second_id = two.id
    assert ask() == {"id": second_id, "version": 2}
    with app.app_context():
        assert changes.rollback("test-hills") == [(second_id, first_id)]
        with pytest.raises(changes.RegistryError):
            changes.rollback("test-hills")
    assert ask() == {"id": first_id, "version": 1}


def test_metrics_are_shared_between_workers(tmp_path):
    """As under gunicorn: its settings are read first, and another process' counters are seen."""
    code = (
        "import runpy, types; from gunicorn.config import Config; from gunicorn.glogging import Logger\n"
        "given = runpy.run_path('gunicorn.conf.py')\n"
        "given['on_starting'](types.SimpleNamespace(log=Logger(Config()))); import os, wsgi\n"
        "child = os.fork()\n"
        "if not child: wsgi.app.test_client().get('/nothing'); os._exit(0)\n"
        "os.waitpid(child, 0); print(wsgi.app.test_client().get('/metrics').get_data(as_text=True))"
    )
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "ENVIRONMENT": "development"}
    environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environ, cwd=PROJECT, capture_output=True, text=True
    )
    assert 'flask_http_request_total{method="GET",status="404"} 1.0' in done.stdout, done.stderr
