"""Every query of every dashboard, asked of a real Prometheus that has read the metrics of real requests.

``pytest tests/services/test_dashboards.py`` prints each query with a value after the tests. With ``WRITE_DASHBOARDS=1``
it writes them into docs/reference/dashboards.md.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from app import create_app
from app.catalogue import snapshot
from app.config.settings import load_settings
from app.confirmations.tables import Observation
from app.database.db import db
from app.database.types import now
from app.jobs import claims, service
from app.jobs.steps import Step, register_kind
from app.predictions.tables import new_id
from app.registry import changes
from tests.boards import PAGE, STEP, page, targets
from tests.conftest import system_program
from tests.prometheus import prometheus
from tests.services.conftest import ENVIRONMENT, WHEATEAR, call
from tools import live

KIND = "test-kind"
ROLLOUT = "/api/v1/studies/test-hills/rollout"


def ask_for(site: live.Site, turn: int) -> None:
    """Send requests of every sort, of clients with several addresses."""
    predictions = f"{site.url}/api/v1/predictions"
    for at in range(20):
        # every second one was asked before
        body = {"species": WHEATEAR, "environment": {**ENVIRONMENT, "temperature": 10 + turn + at // 2 / 10}}
        assert call(predictions, body, {"X-Forwarded-For": f"192.0.2.{at}"}).status == 200
    far = {"species": WHEATEAR, "environment": {**ENVIRONMENT, "temperature": 60 + turn}}
    assert call(predictions, far).status == 200
    assert call(predictions, far | {"extrapolation": "refuse"}).status == 409
    for path in ("/", "/species", "/models", "/health/ready", "/nothing"):
        call(site.url + path)
    # a sign-in that is refused
    call(f"{site.url}/login", {"email": "nobody@example.org", "password": "wrong"})


def fail_once(site: live.Site) -> None:
    """Let a request end in an error of the service: a table is away for a moment."""
    engine = live.connect(site.environ["DATABASE_URL"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE observations RENAME TO observations_away")
        try:
            assert call(f"{site.url}/api/v1/observations").status == 500
        finally:
            connection.exec_driver_sql("ALTER TABLE observations_away RENAME TO observations")
    engine.dispose()


def end_a_job(state: str) -> None:
    job = service.enqueue(KIND, "test-hills", {})
    claims.claim("worker-1", [KIND])
    claims.save(job.id, "worker-1", {"state": state, "ended_at": now()})


def confirm(at: int, model: str = "") -> Observation:
    """An accepted report on an answer of the active model, or of another one."""
    entry = snapshot.of_everybody().by_slug[WHEATEAR]
    assert entry.model is not None
    suitability = (at * 37 % 100) / 100
    return Observation(
        id=new_id(), same_key=str(at), species_id=entry.id, model_id=model or entry.model.id, present=at % 3 > 0,
        observed_on=date(2026, 5, 1) + timedelta(at), suitability=suitability, low=suitability, high=suitability,
        inside=True, environment={}, state="accepted", moderated_at=now(), at_training_place=at % 4 == 0,
    )  # fmt: skip


def test_every_query_of_every_dashboard_has_a_value(
    on_services: Callable[..., live.Site],
    newer_model: Path,
    tmp_path: Path,
    record_summary: Callable[[str, str], None],
) -> None:
    program = system_program("prometheus")
    site = on_services(TRUSTED_PROXIES="1")
    folder = shutil.copytree(newer_model, site.data_dir / "models" / "newer" / newer_model.name)
    register_kind(KIND, "Test", [Step("run", "Run", print)], print)
    app = create_app(load_settings(site.environ))
    with app.app_context(), prometheus(program, tmp_path, site.program.port) as server:
        # counters that are read at 0 first show every increase
        server.wait_for_scrapes(1)
        fail_once(site)
        ask_for(site, 0)
        end_a_job("succeeded")
        db.session.add_all(confirm(at) for at in range(40))
        db.session.commit()
        changes.register(folder)
        started = call(site.url + ROLLOUT, {"model": folder.name, "mode": "share", "percent": 50})
        assert started.status == 201, started.body
        # reports on answers of both versions
        db.session.add_all(confirm(40 + at, folder.name if at % 2 else "") for at in range(80))
        db.session.commit()
        ask_for(site, 1)
        server.wait_for_scrapes(2)
        end_a_job("failed")
        service.enqueue(KIND, "test-hills", {})
        ask_for(site, 2)
        rows, empty, samples = [], [], []
        for title, query in targets():
            # some counters are written a moment after the request that they count
            for _ in range(20):
                found = server.ask(query.replace(STEP, "1m"))
                values = [float(sample["value"][1]) for sample in found]
                finite = [value for value in values if math.isfinite(value)]
                if finite:
                    break
                server.wait_for_scrapes(1)
            else:
                empty.append(f"{title}\n    {query}\n    {values}")
            shown = f"{finite[0]:.6g}" if finite else "none"
            rows.append(f"{title:<70} {len(values):>3}  {shown:<12}  {query}")
            samples.append((len(values), finite[0] if finite else None))
    record_summary("queries of dashboards: panel, series, a value, query", "\n".join(rows))
    assert not empty, "\n".join(empty)
    if os.environ.get("WRITE_DASHBOARDS") == "1":
        PAGE.write_text(page(samples))
