"""The page of a species: its strip, its map with and without coordinates and outline, its curves."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from app import create_app
from app.cartography.coastline import OUTLINE
from app.registry import changes
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, LintingClient, make_settings, upgrade
from tests.synthetic import synthetic_study
from tests.unit.app.cartography.test_records_map import shapefile

ISLAND = [(179.0, -17.0), (180.0, -17.0), (180.0, -16.0), (179.0, -16.0), (179.0, -17.0)]


@pytest.fixture(scope="module")
def fiji(tmp_path_factory):
    """A client of a site with a study across the antimeridian, without limits, and one without coordinates."""
    folder = tmp_path_factory.mktemp("fiji")
    draw = np.random.default_rng(3)
    study = synthetic_study(n_species=1)
    degrees = draw.uniform(174, 190, len(study.environment))
    places = np.column_stack([(degrees + 180) % 360 - 180, draw.uniform(-20, -13, len(degrees))])
    # pairs of records at one place
    places[1:60:2] = places[:60:2]
    islands = replace(
        study,
        coordinates=places,
        description=study.description.model_copy(update={"slug": "fiji", "title": "Fiji", "limits": []}),
    )
    species = study.species[0].model_copy(update={"slug": "nowhere", "scientific_name": "Nowhere avis"})
    nowhere = replace(
        study,
        coordinates=None,
        species=[species],
        presence=study.presence.set_axis(["nowhere"], axis=1),
        description=study.description.model_copy(update={"slug": "nowhere-hills"}),
    )
    app = create_app(make_settings(folder))
    upgrade(app)
    outline = folder / OUTLINE
    outline.parent.mkdir(parents=True, exist_ok=True)
    outline.write_bytes(shapefile([ISLAND]))
    with app.app_context():
        for one, slug in ((islands, WHEATEAR), (nowhere, "nowhere")):
            path = train_species(one, slug, folder / "trained", n_estimators=20, n_networks=1)
            changes.activate(changes.register(path)[0].id)
    app.test_client_class = LintingClient
    yield app.test_client()
    shutil.rmtree(folder, ignore_errors=True)


def test_the_map_has_a_coastline_and_is_not_cut(fiji):
    page = fiji.get(f"/species/{WHEATEAR}").get_data(as_text=True)
    assert '<use class="map-coast" href="#map-land"/>' in page
    assert "Land: Natural Earth" in page and "coastline is drawn" not in page
    caption = re.search(r"(\d+) places with a presence record, from (\d+)° E to (\d+)° W", page)
    # records at one place are one point
    why = re.search(r"The model has (\d+) presences: those at the same place, to 0.01°, are one\s+point\.", page)
    assert int(why[1]) > int(caption[1])
    assert int(caption[2]) >= 174 and int(caption[3]) >= 170
    width = float(re.search(r'class="map-frame" x="0" y="0" width="([\d.]+)"', page)[1])
    points = [float(x) for x in re.findall(r"M([\d.]+) [\d.]+h0", re.search(r'class="map-kept" d="([^"]+)"', page)[1])]
    assert len(points) == int(caption[1])
    # the places fill the map, whichever side of 180 degrees they lie on
    assert min(points) < 0.15 * width and max(points) > 0.85 * width
    # the table has every record
    table = page[page.index("map-squares") :]
    table = table[: table.index("</table>")]
    assert sum(map(int, re.findall(r'data-label="Places">(\d+)<', table))) == int(caption[1])
    assert "180°" in table


def test_a_study_without_coordinates_says_so(fiji):
    page = fiji.get("/species/nowhere").get_data(as_text=True)
    assert "This study gives no coordinates" in page
    assert "records-map" not in page
    assert "records set aside at random: 5 folds, stratified" in page


def test_the_strip_comes_first(fiji, client):
    page = client.get(f"/species/{WHEATEAR}").get_data(as_text=True)
    titles = re.findall(r'<h2 id="(\w+)-title"', page)
    assert titles == [
        "records", "curves", "scores", "limits", "reach", "meaning", "thresholds", "study", "repeat", "predictors",
    ]  # fmt: skip
    strip = page[page.index('<dl class="model-strip">') : page.index("<h2")]
    assert re.findall(r"<dt>([^<]+)</dt>", strip) == ["The model", "Records", "Tested on", "First limit"]
    assert "These records are invented." in strip
    assert re.search(r"\d+ presences, \d+\s+absences", strip)
    # a study of own data may have no limits written down; those of its scores and intervals remain
    own = fiji.get(f"/species/{WHEATEAR}").get_data(as_text=True)
    assert re.search(r"<dt>First limit</dt><dd>[A-Z][^<]+\.", own)


def test_the_outline_is_missed_where_it_is_not_stored(client):
    page = client.get(f"/species/{WHEATEAR}").get_data(as_text=True)
    assert "The outline of the land is not stored here." in page


def test_curves_share_an_axis_that_fits_them(client):
    curves = client.get(f"/api/v1/species/{WHEATEAR}/response-curves").json["curves"]
    highest = max(max(curve["suitability"]) for curve in curves)
    page = client.get(f"/species/{WHEATEAR}").get_data(as_text=True)
    top = float(re.search(r"one axis of suitability, from 0 to ([\d.]+)", page)[1])
    assert highest <= top <= max(0.05, 2 * highest)
    threshold = client.get(f"/api/v1/species/{WHEATEAR}").json["model"]
    value = threshold["thresholds"][threshold["threshold_rule"]]["value"]
    assert f"the threshold, {value:.2f}" in page
    assert page.count('class="curve-threshold"') == (len(curves) if value <= top else 0)
    # the unit stands beside the name, and the curves are a table, too
    assert "<strong>Temperature</strong> (°C)" in page
    assert page.count('data-label="In words"') == len(curves)


def test_curves_of_an_answer_have_its_own_threshold(client, environment):
    answer = client.post(
        "/api/v1/predictions", json={"species": WHEATEAR, "environment": environment, "threshold": 0.02}
    ).json
    page = client.get(f"/species/{WHEATEAR}/response-curves?prediction={answer['id']}").get_data(as_text=True)
    assert "the dashed line across is the threshold, 0.02." in page
    shown = client.get(f"/predictions/{answer['id']}").get_data(as_text=True)
    assert shown.count('class="curve-threshold"') == shown.count('class="spark"') == len(environment)


@pytest.mark.parametrize("path", [f"/species/{WHEATEAR}", "model"])
def test_pages_name_their_address_for_paper(client, path):
    model = client.get(f"/api/v1/models?species={WHEATEAR}").json["items"][0]["id"]
    path = f"/models/{model}" if path == "model" else path
    page = client.get(path).get_data(as_text=True)
    source = page[page.index('class="print-source"') :]
    assert source.count(f"http://localhost{path}") == 2
    assert f"Model {model}, version 1." in source
    assert "study\n“Test hills”, version 1" in source and "Nobody (2026)" in source
