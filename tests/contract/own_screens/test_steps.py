"""The steps of a study of own data: their counts, and what needs a look."""

from __future__ import annotations

import re

import pytest

from tests.contract.own_screens.conftest import create_study

HTMX = {"HX-Request": "true"}


def steps(response):
    """The state and the note of every step, by its title."""
    nav = response.get_data(as_text=True).partition('id="study-steps"')[2].partition("</nav>")[0]
    items = re.findall(r'study-step-(\w+)">\s*<(?:a|span)[^>]*>(\w+)</(?:a|span)>\s*(.*?)</li>', nav, re.DOTALL)
    return {title: (state, " ".join(re.sub("<[^>]*>", "", note).split())) for state, title, note in items}


@pytest.fixture
def address(own_client, own_files):
    return f"/studies/{create_study(own_client, 'Steps', own_files)}"


def test_the_steps_count_records_with_the_cells_that_are_kept(own_client, address):
    assert steps(own_client.get(address))["Records"] == ("done", "42 records, done")
    own_client.get(f"{address}/records")
    # 40 records in 40 cells, of which one is a fossil and ten are CC BY-NC
    assert steps(own_client.get(address))["Records"] == ("done", "42 records, 29 cells kept, done")
    assert steps(own_client.get(address))["Layers"] == ("done", "2 layers for training, done")


def test_the_steps_follow_a_change_of_the_layers(own_client, address):
    page = own_client.get(f"{address}/layers").get_data(as_text=True)
    revision = re.search(r'name="revision" value="(\d+)"', page).group(1)
    numbers = re.findall(r'name="role\.(\d+)"', page)
    fields = {"revision": revision, **{f"role.{number}": "unused" for number in numbers}}
    headers = {**HTMX, "HX-Target": "layers-form"}
    fragment = own_client.post(f"{address}/layers", data=fields, headers=headers)
    assert 'id="study-steps" aria-label="Steps of the study" hx-swap-oob="true"' in fragment.get_data(as_text=True)
    assert steps(fragment)["Layers"] == ("attention", "3 layers, none used, needs a look")


def test_a_file_of_records_without_a_species_needs_a_look_until_one_is_chosen(own_client):
    slug = create_study(own_client, "No names")
    table = b"longitude,latitude\n" + b"".join(b"%.2f,42.25\n" % (-7.25 + place) for place in range(8))
    own_client.put(f"/api/v1/studies/{slug}/files/places.csv", data=table, content_type="application/octet-stream")
    assert steps(own_client.get(f"/studies/{slug}"))["Records"][0] == "attention"
    page = own_client.get(f"/studies/{slug}/records").get_data(as_text=True)
    revision = re.search(r'name="revision" value="(\d+)"', page).group(1)
    fields = {"revision": revision, "file": "places.csv", "species": "Lacerta agilis"}
    headers = {**HTMX, "HX-Target": "records-view"}
    fragment = own_client.post(f"/studies/{slug}/records", data=fields, headers=headers)
    assert fragment.status_code == 200
    assert fragment.get_data(as_text=True).count('id="study-steps"') == 1
    assert steps(fragment)["Records"][0] == "done"
    assert steps(own_client.get(f"/studies/{slug}"))["Records"][0] == "done"


@pytest.mark.thorough
def test_a_file_that_no_study_can_use_is_not_a_reason_for_a_look(own_client, address):
    own_client.put(f"/api/v1{address}/files/notes.md", data=b"# nothing", content_type="application/octet-stream")
    assert steps(own_client.get(address))["Files"][0] == "done"
    slug = create_study(own_client, "Notes alone")
    own_client.put(f"/api/v1/studies/{slug}/files/notes.md", data=b"# nothing", content_type="application/octet-stream")
    assert steps(own_client.get(f"/studies/{slug}"))["Files"][0] == "attention"
