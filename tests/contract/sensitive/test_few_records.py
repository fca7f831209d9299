"""Counts of checks of places, of few records of a sensitive species."""

from __future__ import annotations

import pytest

from app.catalogue import sensitive
from app.registry import service as registry
from ml.card_preparation import Preparation
from ml.odmap import build_report
from tests.contract.owners.conftest import HIDDEN
from tests.contract.sensitive.conftest import API, EXACT, PAGE

#: Who reads the study and sees places on a grid; records are shown to people with an account.
READERS = ("reader", "other")
#: The third is within 2 km of the centre of Madrid.
PLACES = [(2.31234, 41.47654), (2.38344, 41.53824), (-3.7038, 40.4168)]


def table(number: int) -> bytes:
    places = [(2.4 + 0.0711 * n, 41.6 + 0.0617 * n) for n in range(number - len(PLACES))] + PLACES
    rows = [f"Oenanthe hispanica,{y:.5f},{x:.5f},2019-05-0{n % 9 + 1}" for n, (x, y) in enumerate(places)]
    return "\n".join(["species,decimalLatitude,decimalLongitude,eventDate", *rows]).encode()


def concerned(answer):
    return {one["code"]: one["n_concerned"] for one in answer.json["reasons"]}


def test_one_of_few_records_near_a_capital_is_a_place(own_guarded):
    owner = own_guarded.browser("owner")
    assert owner.put(f"{API}/files/finds.csv", data=table(9)).status_code == 201
    for name in EXACT:
        seen = own_guarded.browser(name).get(f"{API}/records")
        assert seen.json["checks_withheld"] is False
        assert concerned(seen)["capital"] == 1
    for name in READERS:
        browser = own_guarded.browser(name)
        seen = browser.get(f"{API}/records")
        assert (seen.json["n"], seen.json["checks_withheld"]) == (9, True)
        codes = concerned(seen)
        # what comes from no place is counted
        assert "licence" in codes
        assert not {"capital", "centroid", "outside_layers", "coordinates_imprecise", "same_cell", "sea"} & set(codes)
        page = browser.get(f"{PAGE}/records").text
        assert "Checks of places are not listed" in page
        assert "centre of a capital" not in page
    # a record more, and the counts are those of many
    assert owner.put(f"{API}/files/finds.csv", data=table(10)).status_code in (200, 201)
    for name in READERS:
        seen = own_guarded.browser(name).get(f"{API}/records")
        assert (concerned(seen)["capital"], seen.json["checks_withheld"]) == (1, False)


@pytest.mark.thorough
def test_few_records_of_the_sensitive_species_count_and_not_those_of_others(own_guarded):
    owner = own_guarded.browser("owner")
    assert owner.put(f"{API}/files/finds.csv", data=table(9)).status_code == 201
    others = table(30).replace(b"Oenanthe hispanica", b"Parus major")
    assert owner.put(f"{API}/files/others.csv", data=others).status_code == 201
    reader = own_guarded.browser("reader")
    assert (reader.get(f"{API}/records").json["n"], reader.get(f"{API}/records").json["checks_withheld"]) == (39, True)
    assert owner.put(f"{API}/files/finds.csv", data=table(20)).status_code in (200, 201)
    assert reader.get(f"{API}/records").json["checks_withheld"] is False


def test_cards_and_reports_have_one_sum_for_all_checks_of_places(filled):
    with filled.app.app_context():
        card = registry.card_of(registry.find(filled.ids["model_id"]))
    rules = [
        "Capital: 1 records left out.",
        "Captive or cultivated: 2 records left out.",
        "Thinned: not applied, though it concerns 4 records.",
        "Duplicate: not applied, though it concerns 3 records.",
        "Licences that are kept: CC0.",
    ]
    about = Preparation(files=[], layers=[], grid="None.", rules=rules, recipe="{}", command="train")
    dropped = {"capital": 1, "another record in the cell": 5, "captive or cultivated": 2, "duplicate": 3}
    made = card.model_copy(update={"preparation": about, "dropped": dropped})
    with filled.app.test_request_context("/"):
        shown = sensitive.shown_card(made, HIDDEN)
    assert shown.dropped == {"another record in the cell": 5, "captive or cultivated": 2, "reasons of the place": 4}
    assert shown.preparation.rules == ["Capital: applied.", rules[1], rules[4]]
    report = build_report(shown, "a").model_dump_json()
    assert "not told apart here" in report
    assert "close to another." not in report.replace("being close to another is", "")
    assert "Capital: 1" not in report
