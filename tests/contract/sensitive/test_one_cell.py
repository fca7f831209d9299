"""Everything that shows places of a record to a stranger shows the same cell: all of it together tells no more."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
from datetime import date

import numpy as np
import pytest

from app import create_app
from app.accounts import users
from app.cartography import coastline, records_map
from app.catalogue.snapshot import snapshot_file
from app.catalogue.species import Species
from app.catalogue.studies import Study
from app.confirmations.tables import Observation
from app.database.db import db
from app.geography.index import band_of
from app.predictions.tables import new_id
from app.registry import changes
from tests import own_study
from tests.contract.accounts.conftest import PASSWORD, Browser
from tests.contract.conftest import make_settings, upgrade
from tests.contract.trainings.conftest import open_app, work
from tests.older import resign

SLUG, SPECIES = "rare-lizards", "lacerta-rara-rare-lizards"
API = f"/api/v1/studies/{SLUG}"
#: An observation, in the cell of the layers and in the cell of the grid of no record.
OBSERVED = (-5.3217, 42.7083)


def records() -> list[tuple[float, float]]:
    """Longitudes and latitudes with four decimals, anywhere in cells of the layers: they measure 0.25°."""
    draw = np.random.default_rng(11)
    cells = draw.permutation((own_study.HEIGHT // 2) * own_study.WIDTH)[:40] + own_study.HEIGHT // 2 * own_study.WIDTH
    found = []
    for row, column in zip(*divmod(cells, own_study.WIDTH), strict=True):
        east, south = draw.uniform(0.02, 0.98, 2) * own_study.CELL
        found.append((round(own_study.WEST + column * own_study.CELL + east, 4), round(44.0 - row * 0.25 - south, 4)))
    # none is so near the middle between two hundredths that rounding decides
    return [one for one in found if all(abs(abs(degrees * 100) % 1 - 0.5) > 0.02 for degrees in one)]


def table(places: list[tuple[float, float]]) -> bytes:
    lines = [f"Lacerta rara,{x:.4f},{y:.4f},2015,CC0_1_0" for x, y in places]
    return "\n".join(["scientificName,decimalLongitude,decimalLatitude,year,license", *lines]).encode()


def cell_of(x: float, y: float) -> tuple[float, float]:
    """The centre of a cell of 10 km, worked out anew: rows of 0.1°, columns of whole hundredths, counted from -180°."""
    row = (round(y * 100) + 9000) // 10
    edge = max(abs(row * 10 - 9000), abs(row * 10 + 10 - 9000)) / 100
    width = math.ceil(10 / math.cos(math.radians(edge)))
    column = (round(x * 100) + 18000) // width
    return round((column * width + (width - 1) / 2) / 100 - 180, 3), round((row * 10 + 4.5) / 100 - 90, 3)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A trained study with a map and an observation, public, whose owner has marked its species on 10 km."""
    folder = tmp_path_factory.mktemp("one-cell") / "data"
    app = open_app(folder)
    upgrade(app)
    client = app.test_client()
    assert client.post("/api/v1/studies", json={"title": "Rare lizards"}).json["slug"] == SLUG
    files = own_study.files() | {"records.csv": table(records())}
    for name, content in files.items():
        assert client.put(f"{API}/files/{name}", data=content).status_code == 201
    assert client.post(f"{API}/trainings", json=own_study.quick()).status_code == 202
    assert work(app) == 0
    model = client.get(f"{API}/versions").json["items"][0]["candidate"]["id"]
    assert client.post(f"/api/v1/models/{model}/activate").status_code == 200
    started = client.post("/api/v1/maps", json={"species": SPECIES})
    assert started.status_code == 202, started.json
    assert work(app) == 0
    the_map = started.headers["Link"].split(">")[0].rpartition("/")[2]
    app = create_app(make_settings(folder, environment="production", allowed_hosts=("localhost",)))
    app.test_client_class = Browser
    with app.app_context():
        study = db.session.scalars(db.select(Study).where(Study.slug == SLUG)).one()
        study.owner_id = users.create("owner@example.org", "editor", PASSWORD).id
        users.create("other@example.org", "editor", PASSWORD)
        species = db.session.scalars(db.select(Species).where(Species.slug == SPECIES)).one()
        db.session.add(
            Observation(
                id=new_id(), same_key="1", species_id=species.id, model_id=model, present=True, suitability=0.5,
                low=0.4, high=0.6, inside=True, environment={}, observed_on=date(2026, 5, 1), state="accepted",
                longitude=OBSERVED[0], latitude=OBSERVED[1], band=band_of(OBSERVED[1]),
            )
        )  # fmt: skip
        db.session.commit()
        snapshot_file().write()
    browsers = {}
    for name in ("owner", "other"):
        browsers[name] = app.test_client()
        assert browsers[name].sign_in(f"{name}@example.org").status_code == 303
    marked = browsers["owner"].put(f"{API}/sensitive-species", json={"species": SPECIES, "grid_km": 10})
    assert marked.status_code == 200, marked.json
    return app, browsers, model, the_map


def shown_to(browser, model, the_map):
    """The places that each outlet shows, as pairs of longitude and latitude."""

    def ask(address):
        answer = browser.get(address)
        assert answer.status_code == 200, (address, answer.text[:300])
        return answer

    text = ask(f"{API}/records.csv?status=kept").text
    rows = list(csv.DictReader(io.StringIO(text)))
    listed = ask(f"{API}/records/places?limit=500").json["features"]
    return {
        "records.csv": {(float(row["longitude"]), float(row["latitude"])) for row in rows},
        "records": {(x, y) for x, y, is_kept in ask(f"{API}/records").json["places"] if is_kept},
        "records/places": {tuple(one["geometry"]["coordinates"]) for one in listed},
        "card": {tuple(one) for one in ask(f"/api/v1/models/{model}").json["card"]["places"]},
        "points of the map": {tuple(one) for one in ask(f"/maps/{the_map}/records.json").json["coordinates"]},
    }


@pytest.mark.thorough
def test_all_outlets_together_tell_one_cell_of_the_grid(world):
    app, browsers, model, the_map = world
    expected = {cell_of(*place) for place in records()}
    shown = shown_to(browsers["other"], model, the_map)
    for outlet, cells in shown.items():
        assert cells == expected, outlet
    # for each record, what all of them leave as the place where it can be
    for place in records():
        assert [cell for cell in set.intersection(*shown.values()) if cell == cell_of(*place)] == [cell_of(*place)]
    # it would not be so with the centres of the cells of the layers
    centres = {(math.floor(x / 0.25) * 0.25 + 0.125, math.floor(y / 0.25) * 0.25 + 0.125) for x, y in records()}
    assert {cell_of(*centre) for centre in centres} != expected
    with app.app_context():
        rings = coastline.read_rings(app.config["SETTINGS"].data_dir / coastline.OUTLINE)
    drawn = records_map.draw([(x, y, True) for x, y in sorted(expected)], rings)
    assert drawn.kept in browsers["other"].get(f"/species/{SPECIES}").text
    report = " ".join(browsers["other"].get(f"/models/{model}/odmap.md").text.split())
    west, south = (min(cell[axis] for cell in expected) for axis in (0, 1))
    assert f"lie in {len(expected)} cells" in report
    for degrees in (west, south):
        assert re.search(rf"[-−]?{abs(degrees):.2f}", report), degrees
    found = browsers["other"].get(f"{API}/observations/places").json["features"]
    assert [tuple(one["geometry"]["coordinates"]) for one in found] == [cell_of(*OBSERVED)]


def test_the_owner_sees_the_places_of_the_records_themselves(world):
    _, browsers, model, the_map = world
    shown = shown_to(browsers["owner"], model, the_map)
    rounded = {(round(x, 2), round(y, 2)) for x, y in records()}
    assert shown["records.csv"] == shown["records"] == shown["records/places"] == set(records())
    assert shown["card"] == shown["points of the map"] == rounded
    report = " ".join(browsers["owner"].get(f"/models/{model}/odmap.md").text.split())
    assert f"The {len(rounded)} places of records that the card keeps, for {len(records())} presences" in report


@pytest.fixture
def older(world, tmp_path):
    """The id of the model as an earlier version of the program has written it, while that answers."""
    app, _, model, _ = world
    with app.app_context():
        path = tmp_path / "older"
        shutil.copytree(next(app.config["SETTINGS"].models_dir.rglob(f"{model}/card.json")).parent, path)
        card = json.loads((path / "card.json").read_text())
        assert card["preparation"].pop("places") == "records"
        # the centres of the cells of the layers
        card["places"] = [[math.floor(axis / 0.25) * 0.25 + 0.12 for axis in place] for place in card["places"]]
        (path / "card.json").write_text(json.dumps(card))
        resign(path)
        name = json.loads((path / "manifest.json").read_text())["model_id"]
        shutil.copytree(path, app.config["SETTINGS"].models_dir / SLUG / SPECIES / name)
        version, is_new = changes.register(app.config["SETTINGS"].models_dir / SLUG / SPECIES / name)
        assert is_new
        assert changes.activate(version.id).id == name
    yield name
    with app.app_context():
        changes.activate(model)


def test_a_model_of_an_earlier_version_has_no_places_on_a_grid(world, older):
    """Its cells would tell, together with those of the lists, in which part of its cell a record is."""
    _, browsers, _, _ = world
    stranger, owner = browsers["other"], browsers["owner"]
    assert stranger.get(f"/api/v1/models/{older}").json["card"]["places"] == []
    page = " ".join(stranger.get(f"/species/{SPECIES}").text.split())
    assert "The model has no places of single records, so none are drawn." in page
    assert "places with a record" not in page
    report = " ".join(stranger.get(f"/models/{older}/odmap.md").text.split())
    assert "No places are shown: a species is sensitive, and the card has no places of single records." in report
    # who sees exact places sees what the card has
    assert len(owner.get(f"/api/v1/models/{older}").json["card"]["places"]) > 10
    assert "places with a record" in owner.get(f"/species/{SPECIES}").text
    assert "of presence that the card keeps, of" in " ".join(owner.get(f"/models/{older}/odmap.md").text.split())
