"""``flask predictions prune``: what is old goes, what is not stays, and bad input is one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.predictions import tables
from app.predictions.tables import Prediction


@pytest.fixture
def prune(app):
    def run(*arguments):
        return app.test_cli_runner().invoke(args=["predictions", "prune", *arguments])

    return run


@pytest.fixture
def old(app):
    """Twelve predictions that are a year and more old, a minute apart."""
    with app.app_context():
        version = db.session.scalars(select(ModelVersion)).first()
        begin = datetime.now(UTC) - timedelta(days=400)
        for minute in range(12):
            moment = begin + timedelta(minutes=minute)
            row_id = tables.first_id_of(moment)[:-4] + f"{minute:04x}"
            row = Prediction(id=row_id, species_id=version.species_id, model_id=version.id, created_at=moment)
            row.environment, row.answer = {}, {}
            db.session.add(row)
        db.session.commit()


def count(app):
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(Prediction))


@pytest.mark.usefixtures("old")
@pytest.mark.parametrize("batch", ["1", "5", "6", "12", "13", "5000"])
def test_prune_deletes_old_predictions_and_keeps_new_ones(app, ask, prune, batch):
    given = ask().json["id"]
    before = count(app)
    said = prune("--older-than", "365d", "--dry-run")
    assert (said.exit_code, count(app)) == (0, before)
    assert said.output.startswith("12 predictions are older than 365d (before ")
    said = prune("--older-than", "365d", "--batch", batch)
    assert said.exit_code == 0, said.output
    assert said.output.startswith("12 predictions older than 365d")
    assert count(app) == before - 12
    assert prune("--older-than", "365d").output.startswith("0 predictions")
    assert app.test_client().get(f"/api/v1/predictions/{given}").status_code == 200


@pytest.mark.usefixtures("old")
def test_the_limit_is_kept_to_the_hour(app, prune):
    before = count(app)
    assert prune("--older-than", "58w").output.startswith("0 predictions")
    assert prune("--older-than", "9601h").output.startswith("0 predictions")
    assert count(app) == before
    assert prune("--older-than", "9599h").output.startswith("12 predictions")


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("--older-than",), ("--older-than", "soon"), ("--older-than", "0d"), ("--older-than", "-5d"),
        ("--older-than", "5"),
        ("--older-than", "9999999w"), ("--older-than", "1d", "--batch", "0"), ("--older-than", "1d", "--batch", "x"),
        ("--older-than", "1d", "--batch", "100001"), ("--older-than", "1d", "--all"), ("--older-than", "1d", "more"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(app, prune, arguments):
    before = count(app)
    said = prune(*arguments)
    assert said.exit_code == 2
    assert len(said.output.strip().splitlines()) == 1
    assert count(app) == before


def test_help_says_what_it_does(prune):
    said = prune("--help")
    assert said.exit_code == 0
    assert "365d" in said.output
    assert "Permanent links" in said.output


@pytest.mark.parametrize("is_set", [True, False])
def test_without_tables_it_says_what_is_missing_and_where(tmp_path, monkeypatch, is_set):
    from app import create_app
    from tests.contract.conftest import make_settings

    for name in ("DATA_DIR", "DATABASE_URL", "DATABASE_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    if is_set:
        monkeypatch.setenv("DATA_DIR", str(tmp_path))
    said = (
        create_app(make_settings(tmp_path))
        .test_cli_runner()
        .invoke(args=["predictions", "prune", "--older-than", "1d"])
    )
    assert said.exit_code == 2
    assert said.output.startswith("Error: the database does not answer, or is not migrated: no such table")
    assert len(said.output.strip().splitlines()) == 1
    why = "" if is_set else ", because neither DATA_DIR nor DATABASE_URL is set"
    assert said.output.endswith(f"test.db{why}.\n")
