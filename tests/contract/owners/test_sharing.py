"""Who may read a study, the people that it is shared with, and another owner."""

from __future__ import annotations

import html
import json
import re

import pytest

from app.accounts import users
from app.catalogue.snapshot import snapshot_file
from tests.contract.accounts.conftest import PASSWORD
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OTHERS

API, PAGE = f"/api/v1/studies/{HIDDEN}", f"/studies/{HIDDEN}"


def test_a_new_study_is_private_to_who_created_it(world):
    study = world.browser("other").get(f"/api/v1/studies/{OTHERS}").json
    assert (study["visibility"], study["access"]) == ("private", "own")
    assert world.browser("owner").get(f"/api/v1/studies/{OTHERS}").status_code == 404
    assert world.browser("admin").get(f"/api/v1/studies/{OTHERS}").json["access"] == "own"


def test_levels_of_people(world):
    told = {name: world.browser(name).get(API).json.get("access") for name in ("owner", "helper", "reader", "other")}
    assert told == {"owner": "own", "helper": "edit", "reader": "read", "other": None}


@pytest.mark.parametrize(
    ("visibility", "role", "told"),
    [
        ("private", "reader", "can read it, with exact places of sensitive species when the study is shared."),
        ("private", "editor", "can read it, and change it with the role editor when the study is shared."),
        ("private", "owner", "can read it, change it and take it over with the role editor now."),
        ("shared", "editor", "can read it, and change it with the role editor now."),
    ],
)
def test_the_status_says_first_who_was_added_and_what_that_means(own_world, visibility, role, told):
    owner = own_world.browser("owner")
    own_world.share(visibility)
    sent = {"email": "new@example.org", "role": role, "exact_places": "1"}
    moved = owner.post(f"{PAGE}/people", data=sent)
    assert moved.status_code == 303
    assert "@" not in moved.location, "logs have addresses of pages"
    status = f'role="status">new@example.org is added, and {told} The study is {visibility} now: '
    assert status in " ".join(html.unescape(owner.get(moved.location).text).split())
    for other in ("nobody", "%00", ""):
        answer = owner.get(f"{PAGE}?done=sharing&person={other}")
        assert (answer.status_code, "is added" in answer.text) == (200, False)


def test_a_taken_slug_says_no_more_than_that_it_is_taken(world):
    refused = world.browser("owner").post("/api/v1/studies", json={"title": "Any", "slug": OTHERS})
    reserved = world.browser("owner").post("/api/v1/studies", json={"title": "Any", "slug": "new"})
    one, two = (answer.json["errors"][0]["detail"] for answer in (refused, reserved))
    assert one.replace(OTHERS, "") == two.replace("new", "")


def test_an_address_with_an_account_and_one_without_get_the_same_answer(world):
    owner = world.browser("owner")
    given = []
    for email in ("viewer@example.org", "nobody@example.org"):
        answer = owner.put(f"{API}/people", json={"email": email, "role": "reader"})
        assert answer.status_code == 200
        row = next(item for item in answer.json["items"] if item["email"] == email)
        given.append({name: value for name, value in row.items() if name not in ("id", "email")})
        removed = owner.delete(f"{API}/people/{row['id']}")
        assert removed.status_code == 200
        assert email not in json.dumps(removed.json)
    assert given[0] == given[1] == {"role": "reader", "exact_places": False}


def test_somebody_who_gets_an_account_later_has_access_then(own_world):
    owner = own_world.browser("owner")
    assert owner.put(f"{API}/people", json={"email": "Later@Example.org", "role": "reader"}).status_code == 200
    with own_world.app.app_context():
        users.create("later@example.org", "viewer", PASSWORD)
    browser = own_world.browser("later")
    assert browser.get(API).json["access"] == "read"
    assert browser.get(f"/api/v1/species/{WHEATEAR}").status_code == 200
    person = next(item for item in owner.get(f"{API}/people").json["items"] if item["email"] == "Later@Example.org")
    owner.delete(f"{API}/people/{person['id']}")
    assert browser.get(API).status_code == 404
    assert browser.get(f"/api/v1/species/{WHEATEAR}").status_code == 404


def test_bad_input_is_refused_beside_its_field(world):
    owner = world.browser("owner")
    for body, pointer in (
        ({"email": "nothing", "role": "reader"}, "/email"),
        ({"email": "a@b.org", "role": "king"}, "/role"),
        ({"email": "owner@example.org"}, "/email"),
        ({"email": "x" * 300}, "/email"),
        ({"email": "a@b.org", "id": "1"}, "/id"),
    ):
        refused = owner.put(f"{API}/people", json=body)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer), refused.json
    for body, pointer in (
        ({}, "/title"),
        ({"visibility": "secret"}, "/visibility"),
        ({"title": "One", "visibility": "public"}, "/visibility"),
        ({"owner_id": "1"}, "/owner_id"),
    ):
        refused = owner.patch(API, json=body)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, pointer), refused.json
    page = owner.post(f"{PAGE}/people", data={"email": "nothing", "role": "reader"})
    assert page.status_code == 422
    assert "Must be an address such as name@example.org." in page.text
    assert 'value="nothing"' in page.text
    assert owner.post(f"{PAGE}/sharing", data={"visibility": "all"}).status_code == 422


def test_only_the_owner_and_admins_decide(world):
    for name in ("helper", "reader"):
        assert world.browser(name).patch(API, json={"visibility": "public"}).status_code == 403
        assert world.browser(name).get(f"{API}/people").status_code == 403
        assert "Share" not in re.findall(r"<button[^>]*>([^<]*)", world.browser(name).get(PAGE).text)
    assert world.browser("other").patch(API, json={"visibility": "public"}).status_code == 404
    assert world.browser("admin").patch(API, json={"visibility": "shared"}).status_code == 200


def test_a_reader_is_told_all_that_a_change_needs(world):
    page = " ".join(world.browser("reader").get(PAGE).text.split())
    assert "Its owner and the people that it is shared with as editors change it, with an account" in page
    assert "that has the role editor.</p>" in page
    assert "read-only" not in world.browser("helper").get(PAGE).text


def test_the_forms_share_and_unshare(world):
    owner = world.browser("owner")
    assert owner.post(f"{PAGE}/people", data={"email": "guest@example.org", "role": "editor"}).status_code == 303
    page = owner.get(PAGE).text
    assert "guest@example.org" in page
    person = next(item for item in owner.get(f"{API}/people").json["items"] if item["email"] == "guest@example.org")
    for _ in range(2):
        assert owner.post(f"{PAGE}/people/remove", data={"id": person["id"]}).status_code == 303
    assert "guest@example.org" not in owner.get(PAGE).text
    told = owner.post(f"{PAGE}/sharing", data={"visibility": "private"})
    assert (told.status_code, told.location) == (303, f"{PAGE}?done=sharing#sharing")
    now = "The study is private now: its owner (owner@example.org) and admins can read it. 2 people named below cannot."
    assert f'role="status">{now}' in owner.get(told.location).text
    assert now not in owner.get(PAGE).text
    assert "these people have no access now" in owner.get(PAGE).text
    assert ">Private</span>" in owner.get("/studies").text
    assert owner.post(f"{PAGE}/sharing", data={"visibility": "shared"}).status_code == 303
    shared = owner.get(f"{PAGE}?done=sharing").text
    assert "and admins, and 2 people named below, can read it. The same holds for its models" in shared
    assert now[:20] not in world.browser("reader").get(f"{PAGE}?done=sharing").text


def test_a_study_is_taken_over_by_whom_it_was_offered(own_world):
    owner, helper = own_world.browser("owner"), own_world.browser("helper")
    assert helper.post(f"{API}/owner").status_code == 403
    assert own_world.browser("other").post(f"{API}/owner").status_code == 404
    offered = owner.put(f"{API}/people", json={"email": "helper@example.org", "role": "owner"})
    assert offered.status_code == 200
    assert "Take over the study" in helper.get(PAGE).text
    assert helper.post(f"{PAGE}/owner").status_code == 303
    people = helper.get(f"{API}/people").json
    assert people["owner"] == "helper@example.org"
    assert {item["email"]: item["role"] for item in people["items"]} == {
        "owner@example.org": "editor",
        "reader@example.org": "reader",
    }
    assert owner.get(API).json["access"] == "edit"
    assert owner.post(f"{API}/owner").status_code == 403


def test_an_offer_of_an_earlier_owner_ends(own_world):
    owner, helper, other = (own_world.browser(name) for name in ("owner", "helper", "other"))
    for name in ("helper", "other"):
        offered = owner.put(f"{API}/people", json={"email": f"{name}@example.org", "role": "owner"})
        assert offered.status_code == 200
    assert helper.post(f"{API}/owner").status_code == 200
    roles = {item["email"]: item["role"] for item in helper.get(f"{API}/people").json["items"]}
    assert roles["other@example.org"] == roles["owner@example.org"] == "editor"
    assert other.post(f"{API}/owner").status_code == 403
    assert "Take over the study" not in other.get(PAGE).text
    assert helper.patch(API, json={"visibility": "private"}).status_code == 200
    for former in (owner, other):
        assert former.get(f"{API}/files").status_code == 404
        assert former.post(f"{API}/owner").status_code == 404
    assert helper.get(API).json["access"] == "own"


def test_the_command_sets_the_owner(own_world):
    run = own_world.app.test_cli_runner().invoke
    done = run(args=["studies", "owner", HIDDEN, "other@example.org"])
    assert (done.exit_code, done.output) == (0, f"other@example.org owns {HIDDEN}, which is shared\n")
    assert own_world.browser("other").get(API).json["access"] == "own"
    assert own_world.browser("owner").get(API).json["access"] == "edit"
    for arguments, word in (
        (["nothing", "other@example.org"], "There is no study"),
        ([HIDDEN, "nobody@example.org"], "nobody has the address"),
        ([HIDDEN, "viewer@example.org"], "needs the role editor"),
    ):
        refused = run(args=["studies", "owner", *arguments])
        assert refused.exit_code != 0
        assert word in refused.output


def test_a_list_of_models_that_cannot_be_written_is_told(own_world):
    owner = own_world.browser("owner")
    folder = own_world.app.config["SETTINGS"].data_dir / "registry"
    hidden = folder / "hidden.json"
    hidden.unlink()
    hidden.mkdir()
    refused = owner.patch(API, json={"visibility": "public"})
    assert refused.status_code == 503
    assert "Send the same again" in refused.json["detail"]
    hidden.rmdir()
    assert owner.patch(API, json={"visibility": "public"}).status_code == 200
    assert own_world.browser(None).get(f"/api/v1/species?q={WHEATEAR}").json["items"]


def test_a_worker_of_the_previous_release_that_writes_all_species_opens_nothing(own_world):
    folder = own_world.app.config["SETTINGS"].data_dir / "registry"
    with own_world.app.app_context():
        everything = [
            {
                "id": entry.id,
                "slug": entry.slug,
                "scientific_name": entry.scientific_name,
                "vernacular_name": entry.vernacular_name,
                "study": {"slug": entry.study.slug, "title": entry.study.title},
                "model": None,
            }
            for entry in snapshot_file().of_everybody().species
        ]
    (folder / "active.json").write_text(json.dumps(everything))
    listed = own_world.browser(None).get("/api/v1/species").json["items"]
    assert [item["study"]["slug"] for item in listed] == ["open-hills"]


def test_a_lost_file_hides_more_and_never_less(own_world):
    folder = own_world.app.config["SETTINGS"].data_dir / "registry"
    (folder / "hidden.json").unlink()
    (folder / "active.json").touch()
    assert own_world.browser(None).get(f"/api/v1/species?q={WHEATEAR}").json["items"] == []


def test_two_people_of_a_study_may_send_the_same_idempotency_key(world):
    key = {"Idempotency-Key": "one"}
    bodies = {name: {"species": WHEATEAR, "shift": {"temperature": by}} for name, by in (("owner", 1), ("helper", 2))}
    jobs = {}
    for name, body in bodies.items():
        started = world.browser(name).post("/api/v1/maps", json=body, headers=key)
        assert started.status_code == 202, started.json
        jobs[name] = started.json["id"]
    assert jobs["owner"] != jobs["helper"]
    for name, body in bodies.items():
        again = world.browser(name).post("/api/v1/maps", json=body, headers=key)
        assert again.json["id"] == jobs[name]
        assert world.browser(name).post("/api/v1/maps", json={**body, "kind": "change"}, headers=key).status_code == 409
