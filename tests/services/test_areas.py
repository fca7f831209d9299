"""Observations and records looked up by place: the same on SQLite, PostgreSQL and PostGIS, each by an index."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Select, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from app import create_app
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.catalogue.versions import ModelVersion
from app.config.settings import Settings
from app.confirmations.tables import PLACE, Observation
from app.database.db import db
from app.geography.areas import read_box
from app.geography.index import within
from app.studies import own, place_tables
from app.studies.place_tables import RecordPlace
from tests.contract.geography.conftest import put, switch_off_checks, table
from tests.scattered import AREAS, scatter, store
from tests.services.conftest import create_database
from tests.variants import thorough
from tools import live

PLACES = scatter(2_000)
_numbers = itertools.count()
INDEXES = {
    "sqlite": "ix_observations_band_longitude",
    "postgresql": "ix_observations_band_longitude",
    "postgis": "ix_observations_point",
}
RECORD_INDEXES = {
    "sqlite": "ix_record_places_study_id_band_longitude",
    "postgresql": "ix_record_places_study_id_band_longitude",
    "postgis": "ix_record_places_point",
}


@pytest.fixture(scope="module")
def with_postgis(workroom: Path) -> Iterator[str]:
    if not live.POSTGIS.exists():
        pytest.skip("PostGIS is not installed; get it with `apt-get install postgresql-15-postgis-3`")
    server = live.make_postgres(workroom / "postgis", installed=live.DEBIAN)
    server.start()
    yield server.url
    server.stop()


def new_with_postgis(server: str) -> str:
    url = create_database(server, f"places_{next(_numbers)}")
    with live.connected(url) as connection:
        connection.execute(text("CREATE EXTENSION postgis"))
        connection.commit()
    return url


@pytest.fixture(params=["sqlite", thorough("postgresql"), "postgis"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Flask]:
    """The kind of a database, and an application on it with observations all over the world."""
    url = {
        "sqlite": lambda: f"sqlite:///{tmp_path / 'eco.db'}",
        "postgresql": lambda: request.getfixturevalue("empty_database"),
        "postgis": lambda: new_with_postgis(request.getfixturevalue("with_postgis")),
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


def place_of(item: dict[str, Any]) -> tuple[float, float]:
    """The place of an observation of the list for editors, or of a feature."""
    if "geometry" in item:
        longitude, latitude = item["geometry"]["coordinates"]
        return latitude, longitude
    return item["location"]["latitude"], item["location"]["longitude"]


def listed(app: Flask, address: str, **query: str) -> set[tuple[float, float]]:
    found: set[tuple[float, float]] = set()
    cursor: dict[str, str] = {}
    while True:
        given = app.test_client().get(f"/api/v1/{address}", query_string={"limit": "100", **query, **cursor})
        assert given.status_code == 200, given.json
        places = [place_of(item) for item in given.json.get("items") or given.json["features"]]
        assert found.isdisjoint(places)
        found |= set(places)
        if given.json["next"] is None:
            return found
        cursor = {"cursor": given.json["next"]}


def plan_of(kind: str, statement: Select[Any]) -> str:
    """How the database would look up what a statement selects."""
    dialect = sqlite.dialect() if kind == "sqlite" else postgresql.dialect()
    written = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if kind == "sqlite" else "EXPLAIN"
    return "\n".join(str(row) for row in db.session.execute(text(f"{explain} {written}".replace(":", r"\:"))))


def test_every_database_finds_the_same_places_by_an_index(stored: tuple[str, Flask]) -> None:
    kind, app = stored
    for query, area in AREAS:
        assert listed(app, "observations", **query) == {place for place in PLACES if area.contains(*place)}, query
    with app.app_context():
        statement = select(Observation.id).where(within(read_box("10,10,12,12").bounds(), PLACE))
        assert INDEXES[kind] in plan_of(kind, statement)
        # the service tells a repeated report from other conflicts by this name
        with pytest.raises(IntegrityError, match="same_key"):
            store(PLACES[:1], db.session.scalars(select(Species.id)).one(), "model")
        db.session.rollback()


def test_accepted_observations_are_found_by_whoever_reads_the_study(stored: tuple[str, Flask]) -> None:
    _, app = stored
    address = "studies/anywhere/observations/places"
    assert listed(app, address) == set()
    with app.app_context():
        db.session.execute(update(Observation).values(state="accepted"))
        db.session.commit()
    for query, area in AREAS:
        assert listed(app, address, **query) == {place for place in PLACES if area.contains(*place)}, query


def test_every_database_finds_the_same_records_by_an_index(stored: tuple[str, Flask]) -> None:
    kind, app = stored
    client = app.test_client()
    slug = client.post("/api/v1/studies", json={"title": "Records everywhere"}).json["slug"]
    rounded = list(dict.fromkeys((round(y, 6), round(x, 6)) for y, x in PLACES))
    put(client, slug, "frogs.csv", table(rounded))
    switch_off_checks(client, slug)
    address = f"studies/{slug}/records/places"
    for query, area in AREAS:
        assert listed(app, address, **query) == {place for place in rounded if area.contains(*place)}, query
    with app.app_context():
        if kind != "sqlite":
            db.session.execute(text("ANALYZE record_places"))
            db.session.commit()
        bounds = read_box("10,10,12,12").bounds()
        selected = select(RecordPlace.position).where(RecordPlace.study_id == 2, within(bounds, place_tables.PLACE))
        assert RECORD_INDEXES[kind] in plan_of(kind, selected)
    # two who make the same places at the same time leave one set of them
    with app.app_context():
        study = own.load(slug)
        row = {"species": "x", "latitude": 1.0, "longitude": 1.0, "band": 1, "records": 1, "year": None}
    made = []

    def make() -> None:
        with app.app_context():
            made.append(place_tables.replace(study.id, study.revision, "again", [row] * 300, 0))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [True] * 4
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(RecordPlace)) == 300
        own.save_recipe(slug, study.recipe, study.revision)
        assert db.session.scalar(select(func.count()).select_from(RecordPlace)) == 0
        assert not place_tables.replace(study.id, study.revision, "late", [row], 0)
