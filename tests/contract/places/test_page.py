"""The place on the predict page, without JavaScript: the button, errors beside the field, edits, addresses."""

from __future__ import annotations

import html
import re

import pytest

from tests.contract.conftest import WHEATEAR
from tests.contract.places.conftest import HERE, PLACE
from tests.stored_layers import WARMER

TYPED = "41,95; 2,55"
FIELDS = {f"env.{name}": str(value) for name, value in HERE.items()}
TYPICAL = {"env.bare_rock": "44", "env.trees": "50", "env.temperature": "14", "env.soil": "sand"}


def form(**more):
    return {"species": WHEATEAR, "where": "place", "place": TYPED, "scenario": "", "filled": "", **TYPICAL, **more}


def value(text, name):
    tag = re.search(rf'<input[^>]* name="{re.escape(name)}"[^>]*>', text)
    return html.unescape(re.search(r'value="([^"]*)"', tag[0])[1])


def is_checked(text, choice):
    return bool(re.search(rf'value="{choice}" id="where-{choice}"\s+checked', text))


def permanent(text):
    return re.search(r'href="(/predictions/[0-9a-f-]{36})"', text)[1]


def test_a_species_with_layers_offers_a_place_and_others_do_not(visitor, client):
    page = visitor.get(f"/?species={WHEATEAR}").text
    assert 'id="place"' in page and 'id="scenario"' in page and f">{WARMER}</option>" in page
    assert is_checked(page, "conditions") and not is_checked(page, "place")
    assert "<noscript>" in page
    for other in (visitor.get("/?species=turdus-merula").text, client.get(f"/?species={WHEATEAR}").text):
        assert 'id="place"' not in other and 'id="filled"' not in other


def test_the_button_fills_the_fields_and_stores_nothing(visitor):
    before = len(visitor.get("/api/v1/predictions?limit=100").json["items"])
    page = visitor.post("/", data=form(where="conditions", fill="1")).text
    assert [value(page, name) for name in FIELDS if name != "env.soil"] == ["65.5", "34.5", "10.1"]
    assert re.search(r"<option\s+selected>clay</option>", page)
    assert is_checked(page, "place") and value(page, "place") == TYPED
    assert value(page, "filled") == "41.95, 2.55"
    assert "The fields show the layers there" in page and "41.95° N, 2.55° E" in page
    assert "Preview" in page
    assert len(visitor.get("/api/v1/predictions?limit=100").json["items"]) == before


def test_predict_stores_the_place_and_the_answer_leads_back_to_it(visitor):
    page = visitor.post("/", data=form(scenario=WARMER)).text
    address = permanent(page)
    stored = visitor.get(f"/api/v1{address}").json
    assert (stored["location"], stored["scenario"]) == (PLACE, WARMER)
    assert stored["environment"]["temperature"] == 14.1
    shown = visitor.get(address).text
    assert f"41.95° N, 2.55° E, scenario {WARMER}" in shown
    edit = html.unescape(re.search(r'href="(/\?species=[^"]+)">Edit these values', shown)[1])
    assert "lat=41.95&lon=2.55&scenario=" in edit and "env." not in edit
    again = visitor.get(edit)
    assert value(again.text, "env.temperature") == "14.1" and is_checked(again.text, "place")
    assert again.headers["Cache-Control"] == "private, no-store"
    assert f'<option value="{WARMER}" selected' in again.text
    curl = html.unescape(re.search(r'<code id="curl">(.*?)</code>', shown, re.DOTALL)[1])
    assert '"location":{"latitude":41.95,"longitude":2.55}' in curl and '"environment"' not in curl
    statement = visitor.get(f"{address}/statement").text
    assert f"41.95° N, 2.55° E, scenario {WARMER}" in statement
    assert "Suitability of the place 41.95° N, 2.55° E" in statement


def test_an_edit_makes_them_conditions_and_the_page_says_so(visitor):
    edited = form(filled="41.95, 2.55", **{**FIELDS, "env.trees": "20"})
    page = visitor.post("/", data=edited).text
    assert "A value was edited: these are conditions now" in page
    assert is_checked(page, "conditions") and value(page, "filled") == ""
    stored = visitor.get(f"/api/v1{permanent(page)}").json
    assert (stored["location"], stored["environment"]["trees"]) == (None, 20)
    # the same values in another spelling are not edited
    same = form(filled="41.95, 2.55", **{**FIELDS, "env.trees": "34,50 %"})
    assert visitor.get(f"/api/v1{permanent(visitor.post('/', data=same).text)}").json["location"] == PLACE
    # another place takes its own values, whatever the fields show
    moved = form(filled="41.95, 2.55", place="42.05 2.55", **FIELDS)
    stored = visitor.get(f"/api/v1{permanent(visitor.post('/', data=moved).text)}").json
    assert stored["location"] == {"latitude": 42.05, "longitude": 2.55}
    assert stored["environment"]["trees"] == 39.5


def test_coordinates_typed_while_the_choice_is_conditions_mean_the_place(visitor):
    """Without JavaScript nothing moves the choice; `shown` is the text of the box as the page had it."""
    typed = form(where="conditions", shown="")
    assert value(visitor.get(f"/?species={WHEATEAR}").text, "shown") == ""
    page = visitor.post("/", data=typed).text
    assert visitor.get(f"/api/v1{permanent(page)}").json["location"] == PLACE
    assert is_checked(page, "place") and value(page, "shown") == TYPED
    # conditions chosen on that page are conditions
    page = visitor.post("/", data=form(where="conditions", shown=TYPED, filled="41.95, 2.55", **FIELDS)).text
    assert visitor.get(f"/api/v1{permanent(page)}").json["location"] is None
    # nor can a wrong place be ignored
    assert visitor.post("/", data=form(where="conditions", shown="", place="95, 2")).status_code == 422


def test_a_scenario_without_a_place_says_what_it_needs(visitor):
    page = visitor.post("/", data=form(where="conditions", shown="", place="", scenario=WARMER)).text
    assert "A scenario needs a place" in page
    edited = form(filled=f"41.95, 2.55 {WARMER}", shown=TYPED, scenario=WARMER, **{**FIELDS, "env.trees": "20"})
    page = visitor.post("/", data=edited).text
    assert "these are conditions now" in page and f'value="{WARMER}" selected' not in page


def test_conditions_stay_conditions_while_coordinates_stand_in_the_box(visitor):
    page = visitor.post("/", data=form(where="conditions")).text
    stored = visitor.get(f"/api/v1{permanent(page)}").json
    assert stored["location"] is None and stored["environment"]["trees"] == 50


@pytest.mark.parametrize(
    ("more", "field", "text"),
    [
        ({"place": ""}, "place", "Type latitude and longitude, or choose conditions"),
        ({"place": "Girona"}, "place", "Write latitude and longitude, as 37.77"),
        ({"place": "95, 2"}, "place", "The latitude must be from -90 to 90"),
        ({"place": "45, 2"}, "place", "45° N, 2° E: lies outside the layers of this study"),
        ({"place": "42.95, 2.5"}, "place", "the layer Bare rock (bare_rock) has no value there"),
        ({"scenario": "B2"}, "scenario", "Must be one of SSP585"),
    ],
)
def test_errors_stand_beside_the_field_and_what_was_typed_stays(visitor, more, field, text):
    response = visitor.post("/", data=form(**more))
    assert response.status_code == 422
    page = html.unescape(response.text)
    assert re.search(rf'id="{field}-error".*?{re.escape(text)}', page, re.DOTALL)
    assert f'href="#{field}"' in page
    assert value(page, "place") == more.get("place", TYPED)
    assert is_checked(page, "place")
    assert value(page, "env.trees") == "50"


def test_a_preview_brings_the_fields_of_a_new_place_and_only_then(visitor):
    headers = {"HX-Request": "true"}
    first = visitor.post("/", data=form(preview="1"), headers=headers).text
    assert 'id="rows" hx-swap-oob="true"' in first and value(first, "filled") == "41.95, 2.55"
    again = visitor.post("/", data=form(preview="1", filled="41.95, 2.55", **FIELDS), headers=headers).text
    assert "hx-swap-oob" not in again and 'id="answer"' in again


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("lat=41.95&lon=2.55", 200, "41.95° N, 2.55° E"),
        ("lat=41,95&lon=2°33′E", 200, "41.95° N, 2.55° E"),
        (f"lat=41.95&lon=2.55&scenario={WARMER}", 200, f"41.95° N, 2.55° E, scenario {WARMER}"),
        ("lat=41.95", 422, "Write latitude and longitude"),
        ("lat=41.95&lon=2.55&scenario=B2", 422, "Must be one of SSP585"),
        ("lat=41.95&lat=42&lon=2.55", 422, "Given more than once"),
        ("lat=0&lon=0", 422, "lies outside the layers"),
    ],
)
def test_addresses(visitor, query, status, text):
    response = visitor.get(f"/?species={WHEATEAR}&{query}")
    assert response.status_code == status
    assert text in html.unescape(response.text)


def test_an_address_with_a_place_for_a_species_without_layers(visitor):
    response = visitor.get("/?species=turdus-merula&lat=41.95&lon=2.55")
    assert response.status_code == 422
    assert "trained on other layers than those that are stored" in response.text
