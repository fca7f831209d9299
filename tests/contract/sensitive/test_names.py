"""A name that is marked before its records are there, or is misspelled, is stored and told."""

from __future__ import annotations

import pytest

from app.studies.known_names import Names
from ml.recipes.reports import MOST_NAMES
from tests.contract.accounts.conftest import make_production
from tests.contract.geography.conftest import put, table

NOTE = "No record or model of this study has this name yet."


@pytest.fixture(scope="module")
def owner(tmp_path_factory):
    browser = make_production(tmp_path_factory.mktemp("names")).test_client()
    assert browser.sign_in("editor@example.org").status_code == 303
    return browser


def new_study(owner, title):
    return owner.post("/api/v1/studies", json={"title": title}).json["slug"]


def mark(owner, slug, *names):
    for name in names:
        marked = owner.put(f"/api/v1/studies/{slug}/sensitive-species", json={"species": name})
        assert marked.status_code == 200, marked.json
    return {one["species"]: one["known"] for one in marked.json["items"]}


def test_a_name_is_told_until_the_records_have_it(owner):
    slug = new_study(owner, "Owls")
    assert mark(owner, slug, "Bubo scandiacus", "Bubo scandiacsu") == {
        "Bubo scandiacsu": False,
        "Bubo scandiacus": False,
    }
    page = f"/studies/{slug}"
    assert owner.get(page).text.count(NOTE) == 2
    content = table([(50.1, 8.1)], species="Bubo scandiacus").decode().replace("scandiacus", "scandiacus (L. 1758)")
    put(owner, slug, "owls.csv", content.encode())
    listed = owner.get(f"/api/v1/studies/{slug}/sensitive-species").json["items"]
    assert {one["species"]: one["known"] for one in listed} == {"Bubo scandiacsu": False, "Bubo scandiacus": True}
    assert owner.get(page).text.count(NOTE) == 1
    told = owner.application.test_cli_runner().invoke(args=["studies", "sensitive", slug]).output
    assert told == ("Bubo scandiacsu  10 km  (no record or model has this name yet)\nBubo scandiacus  10 km\n")


@pytest.mark.thorough
def test_names_of_the_recipe_count(owner):
    slug = new_study(owner, "Moths")
    put(owner, slug, "moths.csv", b"decimalLatitude,decimalLongitude,year\n50.1,8.1,2001\n")
    records = owner.get(f"/api/v1/studies/{slug}/records").json
    body = {"files": [{"name": "moths.csv", "species": "Agrius convolvuli"}], "revision": records["revision"]}
    assert owner.patch(f"/api/v1/studies/{slug}/records", json=body).status_code == 200
    assert mark(owner, slug, "agrius  CONVOLVULI", "Agrius cingulata") == {
        "Agrius cingulata": False,
        "agrius CONVOLVULI": True,
    }


def test_of_a_file_with_many_names_it_is_not_known(owner):
    slug = new_study(owner, "Many")
    names = [f"Genus species{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    places = [(40 + n / 10, 8.0) for n in range(len(names) + 1)]
    lines = table(places[1:]).decode().splitlines()
    rows = [line.replace("Rana temporaria", name) for line, name in zip(lines[1:], names, strict=True)]
    put(owner, slug, "many.csv", "\n".join([lines[0], *rows]).encode())
    listed = owner.get(f"/api/v1/studies/{slug}/files").json["items"][0]["records"]["species"]
    assert len(listed) == MOST_NAMES < len(names)
    rare = next(name for name in names if name not in {one for one, _ in listed})
    assert mark(owner, slug, "Nemo nemo", listed[0][0], rare) == {"Nemo nemo": None, listed[0][0]: True, rare: None}
    # once the places are made, all names of kept records are known
    assert owner.get(f"/api/v1/studies/{slug}/records/places").status_code == 200
    assert mark(owner, slug, rare)[rare] is True
    assert NOTE not in owner.get(f"/studies/{slug}").text


def test_names_are_compared_as_everywhere():
    names = Names(frozenset({"bubo bubo"}), is_complete=True)
    for name, expected in (
        ("Bubo  bubo", True),
        ("BUBO BUBO (L.)", True),
        ("Bubo bubo hispanus", True),
        ("Bubo", False),
    ):
        assert names.has(name) is expected, name
