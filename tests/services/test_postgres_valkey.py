"""The application on PostgreSQL and Valkey, and without them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis as redis_client

from tests.services.conftest import call, predict
from tools import live

Sites = Callable[..., live.Site]


def _count(url: str) -> int:
    engine = live.connect(url)
    try:
        with engine.connect() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM predictions").scalar_one())
    finally:
        engine.dispose()


def _arrive(url: str, rows: int) -> None:
    """Answers reach the database a moment after they are given."""
    live.wait_until(lambda: _count(url) == rows, 10, f"{rows} rows")


def test_an_answer_is_stored_and_cached_across_instances(
    on_services: Sites, database: str, redis: live.Program
) -> None:
    one, other = on_services(), on_services()
    first = predict(one.url)
    assert first.status == 200, first.body
    assert first.json["cached"] is False
    with redis_client.Redis(port=redis.port) as client:
        live.wait_until(lambda: bool(client.keys("ecopredict:prediction:*")), 10, "Redis has it")
    again = predict(other.url)
    assert again.json["cached"] is True
    for name in ("suitability", "interval", "threshold", "novelty", "contributions"):
        assert again.json[name] == first.json[name]
    assert again.json["id"] != first.json["id"]
    _arrive(database, 2)
    assert call(f"{other.url}/api/v1/predictions/{first.json['id']}").json == first.json
    ready = call(f"{one.url}/health/ready")
    assert (ready.status, ready.json["status"]) == (200, "ready")


def test_looking_back_reads_what_was_stored(on_services: Sites, database: str) -> None:
    site = on_services()
    said = [predict(site.url, temperature=temperature).json["novelty"]["kind"] for temperature in (14, 14, 60)]
    _arrive(database, 3)
    assert said[2] == "range"
    found = call(f"{site.url}/api/v1/analytics?days=7")
    assert found.status == 200, found.body
    study = found.json["studies"][0]
    assert (study["requests"], study["examined"]) == (3, 3)
    counts = {count["kind"]: count["requests"] for count in study["novelty"]}
    assert counts == {kind: said.count(kind) for kind in counts}
    assert {line["requests"] for line in study["drift"]} == {3}


def test_search_bears_typos(on_services: Sites) -> None:
    site = on_services()
    wanted = {
        "oenanthe-hispanica": ["oenante hispanca", "wheatear", "weatear", "HISPANICA"],
        "sylvia-atricapilla": ["blackcpa", "tete noire"],
    }
    for slug, typings in wanted.items():
        for typed in typings:
            found = call(f"{site.url}/api/v1/species?q={typed.replace(' ', '%20')}").json["items"]
            assert slug in [item["slug"] for item in found], typed


@pytest.mark.thorough
def test_a_poisoned_cache_changes_no_answer(on_services: Sites, redis: live.Program) -> None:
    """One poison after another is in test_cache; here it is met by an instance that serves."""
    first = predict(on_services().url).json
    with redis_client.Redis(port=redis.port) as client:
        live.wait_until(lambda: bool(client.keys("ecopredict:prediction:*")), 10, "Redis has it")
        (key,) = client.keys("ecopredict:prediction:*")
        client.set(key, b"cos\nsystem\n(S'false'\ntR.")
        answer = predict(on_services().url)
        assert (answer.status, answer.json["cached"]) == (200, False)
        assert answer.json["suitability"] == first["suitability"]
        live.wait_until(lambda: client.get(key).startswith(b"{"), 10, "the poison is replaced")


def test_valkey_stops_midway(on_services: Sites, redis: live.Program, database: str) -> None:
    site = on_services(RATE_LIMIT="5/minute", WEB_CONCURRENCY="1")
    first = predict(site.url)
    redis.stop()
    second = predict(site.url)
    assert second.status == 200, second.body
    # the one process that serves has it too
    assert second.json["cached"] is True
    assert second.json["suitability"] == first.json["suitability"]
    _arrive(database, 2)
    ready = call(f"{site.url}/health/ready")
    assert (ready.status, ready.json["status"], ready.json["components"]["cache"]) == (200, "degraded", "down")
    assert "\necopredict_redis_down 1.0\n" in call(f"{site.url}/metrics").body.decode()
    # limits go on in process
    answers = [predict(site.url).status for _ in range(10)]
    assert 200 in answers
    assert answers[-1] == 429


def test_the_limit_is_shared_between_instances(on_services: Sites) -> None:
    one, other = on_services(RATE_LIMIT="6/minute"), on_services(RATE_LIMIT="6/minute")
    # a fixed window must not end between the calls
    time.sleep(max(0.0, 61 - time.time() % 60) if time.time() % 60 > 50 else 0)
    answers = [predict(site.url) for _ in range(5) for site in (one, other)]
    assert [answer.status for answer in answers].count(200) == 6
    refused = answers[-1]
    assert refused.status == 429
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["ratelimit-limit"] == "6"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert call(f"{one.url}/health/live").status == 200


def test_a_locked_table_shows_in_readiness(on_services: Sites, database: str) -> None:
    """As during a migration: answers go to the spool."""
    site = on_services(WEB_CONCURRENCY="1")
    with live.connected(database) as connection, connection.begin():
        connection.exec_driver_sql("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
        # a check that waits for the lock as long as other statements do is given up, and says "down"
        ready = call(f"{site.url}/health/ready")
        assert (ready.status, ready.json["status"], ready.json["components"]["database"]) == (200, "degraded", "locked")
        assert predict(site.url).status == 200
    assert call(f"{site.url}/health/ready").json["components"]["database"] == "up"


def test_lists_are_sorted_by_parts_of_cards(on_services: Sites, database: str) -> None:
    site = on_services()
    engine = live.connect(database)
    with engine.begin() as connection:
        # a count that PostgreSQL's INTEGER cannot hold
        connection.exec_driver_sql(
            "UPDATE model_versions SET card = jsonb_set(card::jsonb, '{n_absences}', '5000000000')::json WHERE id = "
            "(SELECT min(id) FROM model_versions)"
        )
    engine.dispose()
    names = [item["slug"] for item in call(f"{site.url}/api/v1/species?sort=-auc").json["items"]]
    scores = [call(f"{site.url}/api/v1/species/{name}").json["model"]["metrics"]["auc_roc"]["value"] for name in names]
    assert len(names) > 2
    assert scores == sorted(scores, reverse=True)
    models = call(f"{site.url}/api/v1/models?sort=-presences").json["items"]
    counts = [call(f"{site.url}/api/v1/models/{model['id']}").json["card"]["n_presences"] for model in models]
    assert counts == sorted(counts, reverse=True)
    rows = call(f"{site.url}/species.csv?sort=quality").body.decode().splitlines()
    assert len(rows) == len(names) + 1
    assert sum(",5000000000," in row for row in rows) == 1
