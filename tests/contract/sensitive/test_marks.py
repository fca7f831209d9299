"""Who marks sensitive species, who sees exact places, and what happens when files or the database fail."""

from __future__ import annotations

import json
import re

import pytest

from app import create_app
from app.catalogue import sensitive
from app.catalogue.snapshot import snapshot_file
from app.catalogue.study_tables import StudyPerson
from app.database.db import db
from tests.contract.accounts.conftest import Browser
from tests.contract.conftest import WHEATEAR, registry_folder
from tests.contract.owners.conftest import HIDDEN, OPEN, OPEN_SPECIES
from tests.contract.sensitive.conftest import API, COARSE, EXACT, GRID, MARKS, NAME, PAGE

ALL = (*EXACT, *COARSE)


def grid_of(world, name):
    return world.browser(name).get(API).json["places_grid_km"]


def test_who_sees_exact_places(guarded):
    assert {name: grid_of(guarded, name) for name in ALL} == dict.fromkeys(EXACT) | dict.fromkeys(COARSE, GRID)


def test_who_marks(own_guarded):
    told = {}
    for name in ALL:
        browser = own_guarded.browser(name)
        sent = browser.put(MARKS, json={"species": "Sylvia atricapilla", "grid_km": 50})
        told[name] = sent.status_code, browser.get(MARKS).json.get("may_change")
    refused = {"helper": (403, False), "viewer": (403, False), "reader": (403, False), "other": (403, False)}
    assert told == {"owner": (200, True), "admin": (200, True), None: (401, None), **refused}
    found = own_guarded.browser("owner").get(MARKS).json
    assert [(one["species"], one["grid_km"]) for one in found["items"]] == [(NAME, 10), ("Sylvia atricapilla", 50)]
    # the coarsest grid is that of the study
    assert (found["grid_km"], found["places_grid_km"], grid_of(own_guarded, "reader")) == (50, None, 50)
    ids = {one["species"]: one["id"] for one in found["items"]}
    for name in ("helper", "reader", "other"):
        assert own_guarded.browser(name).delete(f"{MARKS}/{ids[NAME]}").status_code == 403
    for one in ids.values():
        assert own_guarded.browser("owner").delete(f"{MARKS}/{one}").status_code == 200
    assert own_guarded.browser("owner").delete(f"{MARKS}/{ids[NAME]}").status_code == 404
    assert {grid_of(own_guarded, name) for name in ALL} == {None}


def test_editors_mark_where_a_study_has_no_owner(own_guarded):
    address = f"/api/v1/studies/{OPEN}/sensitive-species"
    for name, status in ((None, 401), ("viewer", 403), ("other", 200)):
        sent = own_guarded.browser(name).put(address, json={"species": OPEN_SPECIES, "grid_km": 1})
        assert sent.status_code == status, name
    grids = {name: own_guarded.browser(name).get(f"/api/v1/studies/{OPEN}").json["places_grid_km"] for name in ALL}
    # every editor may change it, and so sees it
    assert grids == {name: 1 if name in ("viewer", None) else None for name in ALL}


def test_the_right_to_exact_places_ends(own_guarded):
    owner = own_guarded.browser("owner")
    owner.put(f"{API}/people", json={"email": "viewer@example.org", "role": "reader"})
    assert grid_of(own_guarded, "viewer") == GRID
    owner.put(f"{API}/people", json={"email": "viewer@example.org", "role": "reader", "exact_places": True})
    assert grid_of(own_guarded, "viewer") is None
    people = owner.get(f"{API}/people").json["items"]
    owner.delete(f"{API}/people/{next(one['id'] for one in people if one['exact_places'])}")
    assert grid_of(own_guarded, "viewer") == GRID
    with own_guarded.app.app_context():
        assert not db.session.query(StudyPerson).filter(StudyPerson.exact_places).count()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/species"),
        ({"species": ""}, "/species"),
        ({"species": "x" * 201}, "/species"),
        ({"species": "a\u0000b"}, "/species"),
        ({"species": " - "}, "/species"),
        ({"species": NAME, "grid_km": 2}, "/grid_km"),
        ({"species": NAME, "grid_km": "10"}, "/grid_km"),
        ({"species": NAME, "study": "other"}, "/study"),
    ],
)
def test_bad_input_is_refused_beside_its_field(guarded, body, pointer):
    refused = guarded.browser("owner").put(MARKS, json=body)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer), refused.json


def test_the_form_marks_and_removes(own_guarded):
    owner = own_guarded.browser("owner")
    page = owner.get(PAGE)
    assert "Places of records of this study are shown to 10 km" in page.text.replace("\n", " ")
    assert (
        owner.post(f"{PAGE}/sensitive-species", data={"species": "Turdus merula", "grid_km": "50"}).status_code == 303
    )
    page = owner.get(PAGE).text
    assert "Turdus merula" in page
    for data in ({"species": "", "grid_km": "50"}, {"species": "Turdus <merula>", "grid_km": "7"}):
        again = owner.post(f"{PAGE}/sensitive-species", data=data)
        assert (again.status_code, 'id="sensitive-species-error"' in again.text) == (422, True)
    assert "Turdus &lt;merula&gt;" in again.text
    for mark_id in re.findall(
        r'name="id"\s+value="([0-9a-f-]{36})"><button class="link-button" type="submit">Not', page
    ):
        for _ in range(2):
            gone = owner.post(f"{PAGE}/sensitive-species/remove", data={"id": mark_id})
            assert gone.status_code == 303
    assert owner.get(MARKS).json["items"] == []
    assert (
        own_guarded.browser("reader")
        .post(f"{PAGE}/sensitive-species", data={"species": NAME, "grid_km": "10"})
        .status_code
        == 403
    )


def test_the_page_of_a_study_that_is_not_own_data(own_guarded):
    other = own_guarded.browser("other")
    address = f"/studies/{OPEN}"
    assert (
        other.post(f"{address}/sensitive-species", data={"species": OPEN_SPECIES, "grid_km": "10"}).status_code == 303
    )
    assert "Parus major" in other.get(address).text
    assert other.post(f"{address}/sensitive-species", data={"species": "", "grid_km": "10"}).status_code == 422
    viewer = own_guarded.browser("viewer").get(address).text
    assert "Parus major" in viewer
    assert "Mark as sensitive" not in viewer


def test_the_command(own_guarded):
    def run(*args):
        return own_guarded.app.test_cli_runner().invoke(args=["studies", "sensitive", *args])

    assert run(HIDDEN).output == f"{NAME}  10 km\n"
    assert run(HIDDEN, "Turdus merula", "--grid", "50").output == f"{NAME}  10 km\nTurdus merula  50 km\n"
    assert grid_of(own_guarded, "reader") == 50
    assert run(HIDDEN, "turdus merula", "--remove").output == f"{NAME}  10 km\n"
    assert run(HIDDEN, WHEATEAR, "--remove").output == f"{HIDDEN} has no sensitive species\n"
    for args in (
        (HIDDEN, "Bubo bubo", "--remove"),
        ("nothing", "Bubo bubo"),
        (HIDDEN, "x", "--grid", "3"),
        (HIDDEN, "--remove"),
    ):
        refused = run(*args)
        assert refused.exit_code != 0
        assert "Traceback" not in refused.output


def test_the_trail_tells_who_marked_what(own_guarded):
    lines = own_guarded.browser("admin").get("/api/v1/audit?limit=5").json["items"]
    line = next(one for one in lines if one["action"] == "species.sensitive")
    assert (line["object_id"], NAME in line["detail"], "10 km" in line["detail"]) == (HIDDEN, True, True)


def test_a_lost_or_broken_file_shows_too_little(own_guarded):
    app = own_guarded.app
    file = registry_folder(app) / "sensitive.json"
    content = file.read_bytes()
    assert json.loads(content)[HIDDEN]["grid_km"] == GRID
    for broken in (b"", b"[]", b'{"a": 1}', b'{"a": {"grid_km": 3, "names": []}}', None):
        file.unlink() if broken is None else file.write_bytes(broken)
        fresh = create_app(app.config["SETTINGS"])
        fresh.test_client_class = Browser
        assert fresh.test_client().get(API).json["places_grid_km"] == GRID
        assert file.read_bytes() == content
    # while the database does not answer, all places are coarse
    file.unlink()
    fresh = create_app(app.config["SETTINGS"])
    with fresh.app_context():
        db.session.execute(db.text("ALTER TABLE sensitive_species RENAME TO elsewhere"))
        db.session.commit()
    with fresh.test_request_context("/"):
        assert snapshot_file().current().species
        assert (sensitive.grid_for(OPEN), sensitive.grid_for(HIDDEN)) == (50, 50)
    assert (
        fresh.test_client()
        .post("/api/v1/predictions", json={"species": OPEN_SPECIES, "environment": own_guarded.environment})
        .status_code
        == 200
    )


def test_a_mark_that_cannot_be_told_is_told_by_the_same_request(own_guarded):
    folder = registry_folder(own_guarded.app)
    folder.chmod(0o500)
    blocked = folder / "sensitive.json"
    # whoever runs the tests may write everywhere: the draft cannot replace a folder
    kept = blocked.read_bytes()
    folder.chmod(0o700)
    blocked.unlink()
    blocked.mkdir()
    owner = own_guarded.browser("owner")
    assert owner.put(MARKS, json={"species": NAME, "grid_km": 50}).status_code == 503
    blocked.rmdir()
    blocked.write_bytes(kept)
    assert owner.put(MARKS, json={"species": NAME, "grid_km": 50}).status_code == 200
    assert grid_of(own_guarded, "reader") == 50


def test_in_development_everybody_sees_everything(client):
    assert client.put("/api/v1/studies/test-hills/sensitive-species", json={"species": NAME}).status_code == 200
    try:
        assert client.get("/api/v1/studies/test-hills").json["places_grid_km"] is None
    finally:
        found = client.get("/api/v1/studies/test-hills/sensitive-species").json["items"]
        for one in found:
            client.delete(f"/api/v1/studies/test-hills/sensitive-species/{one['id']}")
