"""Observations looked up by place: the same on SQLite, PostgreSQL and PostgreSQL with PostGIS, each by an index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.config.settings import Settings
from app.confirmations.areas import read_box
from app.confirmations.search import within
from app.confirmations.tables import Observation
from app.database.db import db
from tests.scattered import AREAS, scatter, store
from tools import live

PLACES = scatter(2_000)
INDEXES = {
    "sqlite": "ix_observations_band_longitude",
    "postgresql": "ix_observations_band_longitude",
    "postgis": "ix_observations_point",
}


@pytest.fixture(scope="module")
def with_postgis(workroom: Path) -> Iterator[str]:
    if not live.POSTGIS.exists():
        pytest.skip("PostGIS is not installed; get it with `apt-get install postgresql-15-postgis-3`")
    server = live.make_postgres(workroom / "postgis", installed=live.DEBIAN)
    server.start()
    with live.connected(server.url) as connection:
        connection.execute(text("CREATE EXTENSION postgis"))
        connection.commit()
    yield server.url
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql", "postgis"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Flask]:
    """The kind of a database, and an application on it with observations all over the world."""
    url = {
        "sqlite": lambda: f"sqlite:///{tmp_path / 'eco.db'}",
        "postgresql": lambda: request.getfixturevalue("empty_database"),
        "postgis": lambda: request.getfixturevalue("with_postgis"),
    }[request.param]()
    settings = Settings(
        environment="testing", data_dir=tmp_path, secret_key="for-tests-only", database_url=url,
        rate_limit="100000/second",
    )  # fmt: skip
    app = create_app(settings)
    upgraded = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    with app.app_context():
        study = Study(slug="anywhere", title="Anywhere", description={})
        db.session.add(study)
        db.session.flush()
        species = Species(slug="anything", scientific_name="Res quaevis", name_key="x", study_id=study.id)
        db.session.add(species)
        db.session.flush()
        db.session.add(ModelVersion(id="model", species_id=species.id, version=1, path="none", card={}))
        db.session.commit()
        store(PLACES, species.id, "model")
        if request.param != "sqlite":
            db.session.execute(text("ANALYZE observations"))
            db.session.commit()
    return request.param, app


def listed(app: Flask, **query: str) -> set[tuple[float, float]]:
    found: set[tuple[float, float]] = set()
    cursor: dict[str, str] = {}
    while True:
        given = app.test_client().get("/api/v1/observations", query_string={"limit": "100", **query, **cursor})
        assert given.status_code == 200, given.json
        places = [(item["location"]["latitude"], item["location"]["longitude"]) for item in given.json["items"]]
        assert found.isdisjoint(places)
        found |= set(places)
        if given.json["next"] is None:
            return found
        cursor = {"cursor": given.json["next"]}


def plan_of(kind: str) -> str:
    """How the database would look up a small box."""
    dialect = sqlite.dialect() if kind == "sqlite" else postgresql.dialect()
    statement = select(Observation.id).where(within(read_box("10,10,12,12").bounds()))
    written = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in db.session.execute(text(f"{explain} {written}".replace(":", r"\:"))))


def test_every_database_finds_the_same_places_by_an_index(stored: tuple[str, Flask]) -> None:
    kind, app = stored
    for query, area in AREAS:
        assert listed(app, **query) == {place for place in PLACES if area.contains(*place)}, query
    with app.app_context():
        assert INDEXES[kind] in plan_of(kind)
        # the service tells a repeated report from other conflicts by this name
        with pytest.raises(IntegrityError, match="same_key"):
            store(PLACES[:1], db.session.scalars(select(Species.id)).one(), "model")
        db.session.rollback()
