"""Addresses and forms that repeat an answer: nothing is filled in, dropped or respelled without a word."""

from __future__ import annotations

import html
import re
import shlex
from urllib.parse import urlencode

import orjson
import pytest

from tests.contract.conftest import WHEATEAR, ask_of, form_of


def _curl_body(text):
    command = html.unescape(re.search(r'<code id="curl">(.*?)</code>', text, re.S)[1])
    return orjson.loads(shlex.split(command)[-1])


def _link(text, words):
    return html.unescape(re.search(rf'href="([^"]+)"[^>]*>{words}', text)[1])


@pytest.mark.parametrize(
    "options",
    [{}, {"threshold": 0.95}, {"threshold": "MTP", "extrapolation": "allow"}, {"extrapolation": "refuse"}],
)
def test_the_curl_command_repeats_the_request_with_its_options(client, environment, options):
    answer = ask_of(client, environment, **options).json
    body = _curl_body(client.get(f"/predictions/{answer['id']}").text)
    assert body == {"species": WHEATEAR, "environment": answer["environment"], **options}
    again = client.post("/api/v1/predictions", json=body).json
    for member in ("verdict", "suitable", "threshold", "interval"):
        assert again[member] == answer[member]


def test_a_condition_that_an_address_lacks_is_asked_for_and_not_filled_in(client, environment):
    kept = {f"env.{name}": value for name, value in environment.items() if name != "temperature"}
    for lacking in (kept, kept | {"env.temperature": ""}):
        response = client.get("/?" + urlencode({"species": WHEATEAR, **lacking}))
        assert response.status_code == 422
        assert "Enter a value" in re.search(r'id="env-temperature-error">(.*?)</p>', response.text, re.S)[1]
        assert re.search(r'name="env.temperature"[^>]*value=""', response.text)
        assert re.search(rf'name="env.trees"[^>]*value="{environment["trees"]}"', response.text)
    # a starting point that is named fills the others
    response = client.get("/?" + urlencode({"species": WHEATEAR, "from": "0", "env.trees": "12.375"}))
    assert response.status_code == 200


def test_an_address_may_carry_the_conditions(client, environment):
    page = client.get(f"/?species={WHEATEAR}&from=0&env.trees=12,5&env.soil=clay").get_data(as_text=True)
    assert 'value="12,5"' in page
    assert "Preview" in page
    values = {**environment, "trees": 12.5, "soil": "clay"}
    assert f'<data value="{ask_of(client, values).json["suitability"]}"' in page


def test_wrong_conditions_in_an_address_are_named_beside_their_fields(client):
    response = client.get(f"/?species={WHEATEAR}&env.trees=many&env.moon=1")
    assert response.status_code == 422
    page = response.get_data(as_text=True)
    assert 'value="many"' in page
    assert 'id="env-trees-error"' in page


def test_a_condition_of_another_version_is_named(client, environment):
    address = "/?" + urlencode({"species": WHEATEAR, **form_of(environment), "env.moon": "1"})
    response = client.get(address)
    assert response.status_code == 422
    assert "moon: This model has no such predictor; an earlier version may have had it" in response.text


@pytest.mark.parametrize("spelling", ["maxsss", " MAXSSS "])
def test_the_name_of_a_rule_is_chosen_in_its_list_however_it_is_spelled(client, environment, spelling):
    text = client.get("/?" + urlencode({**form_of(environment), "threshold": spelling})).text
    assert re.search(r'<option value="maxSSS" selected>', text)


@pytest.mark.parametrize("value", ["0", "true", "no", "2"])
def test_a_preview_is_asked_for_by_1_alone(client, environment, stored, value):
    before = stored()
    response = client.post("/", data=form_of(environment, preview=value))
    assert response.status_code == 422
    assert "Must be 1, or be left out" in response.text
    assert stored() == before


def test_other_conditions_begin_with_those_of_the_answer(client, environment):
    answer = ask_of(client, environment, threshold=0.4).json
    address = _link(client.get(f"/predictions/{answer['id']}").text, "Other conditions for this species")
    response = client.get(address)
    assert response.status_code == 200
    for name, value in answer["environment"].items():
        if isinstance(value, float):
            assert re.search(rf'name="env\.1\.{name}"[^>]*value="{value:g}"', response.text), name
    assert 'value="these conditions"' in response.text
    assert re.search(r'name="own_threshold"[^>]*value="0\.4"', response.text)


def test_outside_the_area_no_change_is_promised_or_denied(client, environment):
    answer = ask_of(client, {**environment, "temperature": 60}, extrapolation="allow").json
    assert answer["verdict"] != "cannot_say"
    text = client.get(f"/predictions/{answer['id']}").text
    assert "Not computed: these conditions lie outside what the model has seen." in text
    assert "No change of a single condition" not in text
