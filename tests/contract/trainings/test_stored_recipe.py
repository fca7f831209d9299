"""No training starts from a stored recipe with a value that is refused today."""

from __future__ import annotations

from app.database.db import db
from app.studies import tables
from tests import own_study
from tests.contract.trainings.test_training import API, SLUG


def test_a_refused_member_stands_in_the_way_until_it_is_reset(uploaded):
    client = uploaded.test_client()
    with uploaded.app_context():
        row = tables.recipe_of(SLUG)
        row.recipe = {**row.recipe, "settings": {"folds": 500, "seed": 7}}
        db.session.commit()
    report = client.get(f"{API}/preflight").json
    assert report["problems"][0]["code"] == "recipe"
    assert "settings.folds (500): must be 20 or less" in report["problems"][0]["text"]
    refused = client.post(f"{API}/trainings")
    assert refused.status_code == 422
    assert "settings.folds (500)" in refused.json["detail"]
    page = client.get(f"/studies/{SLUG}/start")
    assert page.status_code == 200
    assert "settings.folds (500)" in page.get_data(as_text=True)
    assert client.post(f"/studies/{SLUG}/reset").status_code == 303
    assert client.post(f"{API}/trainings", json=own_study.quick(seed=7)).status_code == 202
