"""The predict page: previews store nothing, the address holds the values, the form accepts units."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from app import create_app
from app.registry import changes
from ml.training.train import train_species
from tests.contract.conftest import WHEATEAR, form_of, make_settings, upgrade
from tests.synthetic import synthetic_study


def _suitability(text):
    return re.search(r'<data value="([^"]+)"', text)[1]


def test_a_preview_stores_nothing_and_has_no_id(client, environment, stored):
    before = stored()
    text = client.post("/", data=form_of(environment, preview="1"), headers={"HX-Request": "true"}).text
    assert stored() == before
    assert "Preview" in text
    assert "/predictions/" not in text.replace("/api/v1/predictions", "")
    kept = client.post("/", data=form_of(environment), headers={"HX-Request": "true"}).text
    assert stored() == before + 1
    assert "Preview" not in kept
    assert _suitability(text) == _suitability(kept)


def test_conditions_are_explained_where_the_card_describes_them(tmp_path):
    study = synthetic_study(n_species=2)
    described = [
        p.model_copy(update={"description": "Share of the ground under crowns." if p.name == "trees" else ""})
        for p in study.predictors
    ]
    path = train_species(replace(study, predictors=described), WHEATEAR, tmp_path / "models", 12, 3, n_networks=1)
    app = create_app(make_settings(tmp_path))
    upgrade(app)
    with app.app_context():
        changes.activate(changes.register(path)[0].id)
    text = app.test_client().get("/").text
    (fold,) = re.findall(r'<details class="fold meanings".*?</details>', text, flags=re.S)
    assert "What these conditions are" in fold
    assert re.findall(r"<dt>(\w+)", fold) == ["Trees"]
    assert "(%)" in fold
    assert "Share of the ground under crowns." in fold


def test_nothing_is_explained_without_descriptions(client):
    assert "What these conditions are" not in client.get("/").text


def test_the_address_of_the_values_shows_the_same_answer(client, environment, stored):
    kept = client.post("/", data=form_of(environment, threshold="own", own_threshold="0,4", extrapolation="allow")).text
    page = client.get(re.search(r'href="(/predictions/[0-9a-f-]{36})"', kept)[1]).text
    address = html.unescape(re.search(r'href="(/\?species=[^"]+)">Edit these values', page)[1])
    before = stored()
    shown = client.get(address)
    assert shown.status_code == 200
    assert stored() == before
    assert _suitability(shown.text) == _suitability(kept)
    assert 'value="0.4"' in shown.text
    assert '<option value="allow" selected>' in shown.text
    assert "your own line: 0.40" in shown.text
    assert shown.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("rule", ["P10", "MTP"])
def test_the_address_holds_the_rule_of_the_threshold(client, environment, rule):
    page = client.get(re.search(r'href="(/predictions/[0-9a-f-]{36})"', client.post(
        "/", data=form_of(environment, threshold=rule)).text)[1]).text  # fmt: skip
    assert f"threshold={rule}" in html.unescape(page)


def test_a_unit_after_a_number_is_accepted_by_the_form_alone(client, environment):
    shown = client.post("/", data=form_of({**environment, "trees": "12,5 %"}))
    assert shown.status_code == 200
    assert 'value="12,5"' in shown.text
    assert _suitability(shown.text) == _suitability(client.post("/", data=form_of({**environment, "trees": 12.5})).text)
    assert client.post("/", data=form_of({**environment, "trees": "12 °C"})).status_code == 422
    query = {"species": WHEATEAR, "environment": {**environment, "trees": "12.5 %"}}
    assert client.post("/api/v1/predictions", json=query).status_code == 422


def test_a_starting_point_is_marked_until_a_value_is_changed(client):
    marked = re.compile(r'<a id="start-\d+"[^>]*aria-current="true"', re.S)
    assert len(marked.findall(client.get(f"/?species={WHEATEAR}").text)) == 1
    assert len(marked.findall(client.get(f"/?species={WHEATEAR}&env.trees=11").text)) == 0


def test_the_example_of_the_first_page_is_suitable_and_leads_on(client, app, stored):
    from app.registry.examples import first_example

    with app.app_context():
        first = first_example()
    assert first is not None
    showcase = first.showcase
    assert showcase is not None
    before = stored()
    text = client.get("/").text
    assert re.search(r"<span>Suitable</span>", text)
    label = {"bare_rock": "Bare rock", "trees": "Trees", "temperature": "Temperature"}[showcase.predictor]
    assert re.search(rf'id="hint">An example\. Try it: (lower|raise) {label} to ', text)
    assert stored() == before
    words = {"probably_suitable": "Probably suitable", "probably_unsuitable": "Probably unsuitable"}
    for step in showcase.steps:
        changed = {**showcase.environment, showcase.predictor: step.value}
        page = client.post("/", data={**form_of(changed), "species": first.species.slug, "preview": "1"}).text
        assert f"<span>{words.get(step.verdict, 'Unsuitable')}</span>" in page
        assert "Inside the area of applicability" in page
    assert stored() == before


def test_a_printed_answer_names_address_model_date_and_source(client, environment):
    text = client.post("/", data=form_of(environment)).text
    link = re.search(r'href="(/predictions/[0-9a-f-]{36})"', text)[1]
    printed = text[text.index("print-only") :]
    kept = client.get("/api/v1" + link).json
    assert f"http://localhost{link}" in printed
    assert kept["id"] in printed
    assert kept["model"]["id"] in printed
    assert re.search(r"\d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC", printed)
    assert f'href="{link}/statement"' in text
