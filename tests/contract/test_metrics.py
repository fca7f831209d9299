"""What is counted, and that the number of series stays small whatever is asked."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess

import pytest
from sqlalchemy import text

from app import create_app
from app.database.db import db
from app.registry import changes
from app.telemetry import metrics
from ml.serving.artifact import _model_id
from tests.contract.conftest import WHEATEAR, make_settings, upgrade

# more species than any list of them shows at once
MANY = 31


def read(client):
    """Every series and its value."""
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def series(client):
    return {re.sub(r" .*|_created\b", "", name) for name in read(client) if "_created" not in name}


@pytest.fixture
def visitor(artifacts, tmp_path):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    with app.app_context():
        version, _ = changes.register(artifacts[WHEATEAR])
        changes.activate(version.id)
    return app.test_client()


def test_models_and_their_work_are_timed(visitor, environment):
    asked = {"species": WHEATEAR, "environment": environment}
    for _ in range(3):
        assert visitor.post("/api/v1/predictions", json=asked).status_code == 200
    found = read(visitor)
    # the second and third answer came from the cache
    assert found["ecopredict_inference_seconds_count"] == 1
    assert 0 < found["ecopredict_inference_seconds_sum"] < 10
    assert found["ecopredict_model_load_seconds_count"] == 1
    assert found["ecopredict_models_open"] == 1
    assert 64_000 < found["ecopredict_models_open_bytes"] < 1_000_000
    assert any(name.startswith('ecopredict_build_info{python="3.') for name in found)
    assert (
        found['flask_http_request_duration_seconds_count{method="POST",status="200",url_rule="/api/v1/predictions"}']
        == 3
    )


def test_buckets_tell_answers_of_a_few_milliseconds_apart(visitor):
    visitor.get("/health/live")
    edges = [
        float(found[1])
        for name in read(visitor)
        if name.startswith("flask_http_request_duration_seconds_bucket")
        and "/health/live" in name
        and (found := re.search(r'le="([\d.]+)"', name))
    ]
    assert len([edge for edge in edges if edge < 0.01]) >= 5
    assert max(edges) == 10


def test_failures_are_counted_by_kind(visitor, environment, monkeypatch):
    from app.predictions import inference

    def kinds():
        found = read(visitor)
        return {kind: found[f'ecopredict_errors_total{{kind="{kind}"}}'] for kind in metrics.ERRORS}

    assert kinds() == {"unhandled": 0, "database": 0, "model": 0}
    asked = {"species": WHEATEAR, "environment": environment}
    with monkeypatch.context() as patch:
        patch.setattr(inference, "compute", lambda *_: 1 / 0)
        assert visitor.post("/api/v1/predictions", json=asked).status_code == 500
    # a mistake of the caller is none of ours
    assert visitor.post("/api/v1/predictions", json={"species": WHEATEAR}).status_code == 422
    assert kinds() == {"unhandled": 1, "database": 0, "model": 0}
    with visitor.application.app_context():
        db.session.execute(text("DROP TABLE predictions"))
        db.session.commit()
    assert visitor.get("/api/v1/predictions").status_code == 503
    assert kinds()["database"] == 1


def test_a_model_that_cannot_be_opened_is_counted(artifacts, tmp_path, environment):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    models = tmp_path / "models"
    shutil.copytree(artifacts[WHEATEAR], models / "one")
    with app.app_context():
        version, _ = changes.register(models / "one")
        changes.activate(version.id)
    (models / "one" / "card.json").unlink()
    client = app.test_client()
    asked = {"species": WHEATEAR, "environment": environment}
    assert client.post("/api/v1/predictions", json=asked).status_code == 503
    found = read(client)
    assert found['ecopredict_errors_total{kind="model"}'] == 1
    assert found["ecopredict_models_open"] == found["ecopredict_models_open_bytes"] == 0


def test_connections_in_use_are_shown_and_given_back(visitor):
    name = "ecopredict_database_pool_checked_out"
    with visitor.application.app_context():
        engine = db.engine
        with engine.connect(), engine.connect():
            during = read(visitor)
    assert during[name] == 2
    assert during["ecopredict_database_pool_size"] == engine.pool.size()
    assert during["ecopredict_database_pool_overflow"] == 0
    assert read(visitor)[name] == 0


def test_the_free_space_of_the_data_directory_is_shown(visitor, tmp_path):
    found = read(visitor)
    usage = shutil.disk_usage(tmp_path)
    assert found["ecopredict_disk_size_bytes"] == usage.total
    assert 0 < found["ecopredict_disk_free_bytes"] < usage.total
    # what cannot be measured keeps its last value, and the other metrics are served
    shutil.rmtree(visitor.application.config["SETTINGS"].data_dir)
    assert read(visitor)["ecopredict_disk_size_bytes"] == usage.total


def test_redis_is_asked_for_where_there_is_one(visitor, tmp_path):
    assert read(visitor)["ecopredict_redis_down"] == 0
    # nothing listens at this port
    other = create_app(make_settings(tmp_path / "other", redis_url="redis://127.0.0.1:1/0"))
    assert read(other.test_client())["ecopredict_redis_down"] == 1


def test_a_method_of_the_callers_invention_makes_no_series(visitor):
    for number in range(20):
        visitor.open("/species", method=f"LOOK{number}")
        visitor.get(f"/nothing/{number}")
        visitor.get(f"/species/none-{number}")
    names = [name for name in series(visitor) if name.startswith("flask_http_request_duration_seconds_count")]
    assert sum('method="other"' in name for name in names) == 1
    assert not any("LOOK" in name or "none-" in name or "nothing" in name for name in names)


@pytest.mark.thorough
def test_series_stay_few_with_many_models(artifacts, tmp_path, environment):
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    client = app.test_client()
    slugs = [f"species-{number}" for number in range(MANY)]
    with app.app_context():
        for slug in slugs:
            version, _ = changes.register(renamed(artifacts[WHEATEAR], slug, tmp_path / "models"))
            changes.activate(version.id)

    def ask(slug):
        answer = client.post("/api/v1/predictions", json={"species": slug, "environment": environment})
        assert answer.status_code == 200, answer.json
        assert client.get(f"/species/{slug}").status_code == 200
        assert client.get(f"/predictions/{answer.json['id']}").status_code == 200

    ask(slugs[0])
    few = series(client)
    for slug in slugs[1:]:
        ask(slug)
    assert read(client)["ecopredict_models_open"] == MANY
    assert series(client) == few
    assert len(few) < 250
    assert not any("species-" in name for name in few)


def test_models_beyond_the_memory_that_is_allowed_are_closed_and_answer_again(artifacts, tmp_path, environment):
    app = create_app(make_settings(tmp_path, model_memory=1_000_000))
    upgrade(app)
    client = app.test_client()
    with app.app_context():
        for number in range(16):
            version, _ = changes.register(renamed(artifacts[WHEATEAR], f"species-{number}", tmp_path / "models"))
            changes.activate(version.id)
    for turn in range(2):
        for number in range(16):
            asked = {"species": f"species-{number}", "environment": environment | {"trees": 40 + turn}}
            assert client.post("/api/v1/predictions", json=asked).status_code == 200
    found = read(client)
    assert 3 <= found["ecopredict_models_open"] < 16
    assert found["ecopredict_models_open_bytes"] <= 1_000_000
    # asked for in turn, each was closed before it was asked for again
    assert found["ecopredict_model_load_seconds_count"] == 32


def renamed(path, slug, folder):
    """The same model under another species' name: training so many would take a minute."""
    target = folder / slug
    shutil.copytree(path, target)
    card = json.loads((target / "card.json").read_text())
    card["species"] |= {"slug": slug, "scientific_name": slug.capitalize()}
    (target / "card.json").write_text(json.dumps(card))
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["sha256"]["card.json"] = hashlib.sha256((target / "card.json").read_bytes()).hexdigest()
    manifest["model_id"] = _model_id(slug, manifest["sha256"])
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def test_metrics_are_as_prometheus_wants_them(visitor, environment, promtool):
    visitor.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": environment})
    body = visitor.get("/metrics").data
    checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode() + checked.stdout.decode()
