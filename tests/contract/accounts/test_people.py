"""Admins list, invite and change people, by page and by API."""

from __future__ import annotations

import html
import re
import threading
import uuid

import pytest

from app.accounts import people, users
from app.accounts.delivery import Messenger, Postbox
from app.accounts.people_schemas import AccountChange
from app.components import components
from app.config.mail_url import parse
from app.errors import Conflict
from tests.contract.accounts.conftest import PASSWORD

ADMIN, EDITOR, VIEWER = "admin@example.org", "editor@example.org", "viewer@example.org"
API = "/api/v1/users"
LINK = re.compile(r"https://localhost(/account/password/[\w-]{43})")
NEW = "umbrella quartz seven lilac"


@pytest.fixture
def admin(browser):
    browser.sign_in(ADMIN)
    return browser


def id_of(app, email):
    with app.app_context():
        return users.get(email).id


def lines(admin, action):
    return admin.get(f"/api/v1/audit?action={action}").json["items"]


def form_of(admin, email, **changes):
    page = admin.get(f"/people?q={email}").text
    shown = re.search(r'name="shown" value="([^"]+)"', page)[1]
    role, plan, state = shown.split()
    given = {
        "shown": shown,
        "role": role,
        "plan": plan,
        **({"disabled": "1"} if state == "disabled" else {}),
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


def test_the_list_has_everybody_by_address_a_page_at_a_time(admin):
    first = admin.get(f"{API}?limit=2").json
    assert [one["email"] for one in first["items"]] == [ADMIN, EDITOR]
    assert first["items"][0]["last_sign_in_at"] is not None
    assert first["items"][1]["last_sign_in_at"] is None
    second = admin.get(f"{API}?limit=2&cursor={first['next']}").json
    assert ([one["email"] for one in second["items"]], second["next"]) == ([VIEWER], None)
    assert [one["email"] for one in admin.get(f"{API}?q=EDIT&role=editor").json["items"]] == [EDITOR]
    for wrong in ("q=%25", "q=_", "role=viewer&q=admin"):
        assert admin.get(f"{API}?{wrong}").json["items"] == []
    for wrong in ("role=root", "cursor=x", "limit=0", "x=1"):
        assert admin.get(f"{API}?{wrong}").status_code == 422
    page = admin.get("/people?limit=2").text
    assert "More people" in page
    assert "password_hash" not in page


def test_an_invitation_by_page_shows_its_link_once_and_works(production, admin):
    data = {"email": "New@example.org", "role": "editor", "plan": "partner"}
    shown = admin.post("/people", data=data)
    (link,) = LINK.findall(shown.text)
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert not LINK.search(admin.get("/people").text)
    guest = production.test_client()
    assert guest.post(link, data={"password": NEW, "again": NEW}).status_code == 303
    assert guest.sign_in("new@example.org", NEW).status_code == 303
    (one,) = admin.get(f"{API}?q=new@").json["items"]
    assert (one["role"], one["plan"], one["has_password"]) == ("editor", "partner", True)
    (line,) = lines(admin, "account.create")
    assert (line["object_email"], line["person"]["email"], line["detail"]) == ("New@example.org", ADMIN, "role editor")


def test_an_invitation_by_mail_is_in_no_answer(production, admin, monkeypatch):
    sent = []
    messenger = components(production).get(Messenger)
    messenger._server = parse("smtp://mail.example.org:25?from=eco@example.org")
    monkeypatch.setattr(Messenger, "send", lambda self, *message: sent.append(message))
    invited = admin.post(API, json={"email": "new@example.org"})
    assert invited.status_code == 201
    assert (invited.json["mailed"], invited.json["link"]) == (True, None)
    assert (invited.json["account"]["role"], invited.json["account"]["has_password"]) == ("viewer", False)
    assert components(production).get(Postbox).wait(30)
    ((address, _, text),) = sent
    assert address == "new@example.org"
    assert len(LINK.findall(text)) == 1


def test_a_new_link_ends_the_earlier_one(production, admin):
    first = admin.post(API, json={"email": "new@example.org"}).json
    again = admin.post(f"/people/{first['account']['id']}/link")
    (link,) = LINK.findall(again.text)
    guest = production.test_client()
    assert guest.get(LINK.search(first["link"])[1]).status_code == 404
    assert guest.get(link).status_code == 200
    assert admin.post(f"{API}/{id_of(production, VIEWER)}/link").status_code == 409
    assert admin.post(f"{API}/{uuid.uuid4()}/link").status_code == 404
    line, *others = sorted(lines(admin, "account.invite-again"), key=lambda one: one["result"])
    assert ([one["result"] for one in others], line["result"]) == (["refused", "refused"], "done")
    assert line["object_email"] == "new@example.org"


def test_another_role_ends_the_link_of_the_role_before(production, admin):
    first = admin.post(API, json={"email": "new@example.org"}).json
    person, link = f"{API}/{first['account']['id']}", LINK.search(first["link"])[1]
    guest = production.test_client()
    assert admin.patch(person, json={"plan": "partner", "role": "viewer"}).status_code == 200
    assert guest.get(link).status_code == 200
    assert admin.patch(person, json={"role": "admin"}).status_code == 200
    assert guest.post(link, data={"password": NEW, "again": NEW}).status_code == 404
    assert guest.sign_in("new@example.org", NEW).status_code != 303
    assert guest.get(LINK.search(admin.post(f"{person}/link").json["link"])[1]).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"email": EDITOR.upper()}, 409),
        ({"email": "nothing"}, 422),
        ({"email": "x@example.org\r\nBcc: y@example.org"}, 422),
        ({"email": "x@example.org", "role": "root"}, 422),
        ({"email": "x@example.org", "plan": "anonymous"}, 422),
        ({"email": "x@example.org", "password": "x"}, 422),
        ({}, 422),
    ],
)
def test_an_invitation_that_is_refused(admin, body, status):
    assert admin.post(API, json=body).status_code == status
    page = admin.post("/people", data={"role": "viewer", "plan": "free", **body})
    if "password" not in body:
        assert page.status_code == status
        assert "-error" in page.text
        assert not LINK.search(page.text)


def test_a_change_by_page_holds_and_is_told(production, admin):
    person = production.test_client()
    person.sign_in(VIEWER)
    data = form_of(admin, VIEWER, role="editor", plan="partner")
    moved = admin.post(f"/people/{id_of(production, VIEWER)}", data=data)
    assert moved.status_code == 303
    told = admin.get(moved.location).text
    assert f'role="status">{VIEWER} has the role editor and the plan partner now.' in told
    assert person.get("/studies/new").status_code == 200
    (line,) = lines(admin, "account.change")
    assert line["detail"] == "role editor, before viewer; plan partner, before free; enabled"


def test_after_a_change_the_list_is_as_it_was_and_the_row_is_marked(production, admin):
    user_id, names = id_of(production, VIEWER), re.compile(r'action="/people/[^"]+" method="post" aria-label="([^"]+)"')
    for address, shown in (("?q=example.org&limit=3", [ADMIN, EDITOR, VIEWER]), ("", [ADMIN, EDITOR, VIEWER])):
        page = admin.get(f"/people{address}").text
        (hidden, *_) = re.findall(r'name="list" value="([^"]*)"', page)
        data = {**form_of(admin, VIEWER, plan="partner" if address else "free"), "list": html.unescape(hidden)}
        moved = admin.post(f"/people/{user_id}", data=data)
        assert moved.location.endswith(f"changed={user_id}#person-{user_id}")
        assert moved.location.startswith("/people?limit=3&q=example.org&" if address else "/people?changed=")
        told = admin.get(moved.location).text
        assert names.findall(told) == shown
        assert f'<tr id="person-{user_id}" class="people-changed" tabindex="-1">' in told
        assert told.count("Saved a moment ago") == 1
    # the filter stays where the change takes the row out of it, and where it is refused
    moved = admin.post(f"/people/{user_id}", data={**form_of(admin, VIEWER, role="editor"), "list": "role=viewer"})
    told = admin.get(moved.location).text
    assert "Nobody is found" in told
    assert f"{VIEWER} has the role editor" in told
    refused = admin.post(f"/people/{user_id}", data={**form_of(admin, VIEWER, role="root"), "list": "role=editor"})
    assert (refused.status_code, names.findall(refused.text)) == (422, [EDITOR, VIEWER])
    for wrong in ("role=root", "limit=x", "&&&", "q=" + "x" * 3000):
        assert admin.post(f"/people/{user_id}", data={**form_of(admin, VIEWER), "list": wrong}).status_code == 303


def test_whoever_is_disabled_is_out_at_once_and_can_come_back(production, admin, make_key, program):
    person, key, user_id = production.test_client(), make_key(), id_of(production, EDITOR)
    person.sign_in(EDITOR)
    for is_disabled, status in ((True, 401), (False, 200)):
        assert admin.patch(f"{API}/{user_id}", json={"disabled": is_disabled}).json["disabled"] is is_disabled
        assert program(key).status_code == status
    assert not person.signed_in()
    assert person.sign_in(EDITOR).status_code == 303


def test_a_form_that_others_have_overtaken_changes_nothing(production, admin):
    data, user_id = form_of(admin, VIEWER, role="editor"), id_of(production, VIEWER)
    admin.patch(f"{API}/{user_id}", json={"plan": "partner"})
    late = admin.post(f"/people/{user_id}", data=data)
    assert late.status_code == 409
    assert "Somebody else has changed viewer@example.org in the meantime" in late.text
    assert admin.get(f"{API}?q=viewer").json["items"][0]["role"] == "viewer"
    for wrong in ({"role": "root"}, {"plan": "anonymous"}, {"role": None}):
        refused = admin.post(f"/people/{user_id}", data=form_of(admin, VIEWER, **wrong))
        assert refused.status_code == (422 if wrong != {"role": None} else 303)
    assert admin.post(f"/people/{uuid.uuid4()}", data=data).status_code == 404


@pytest.mark.parametrize("body", [{"role": "viewer"}, {"disabled": True}])
def test_nobody_demotes_or_disables_themselves(production, admin, body):
    refused = admin.patch(f"{API}/{id_of(production, ADMIN)}", json=body)
    assert (refused.status_code, refused.json["detail"][:13]) == (409, "Another admin")
    assert admin.patch(f"{API}/{id_of(production, ADMIN)}", json={"plan": "partner"}).status_code == 200


def test_of_two_admins_who_demote_each_other_one_stays(production):
    with production.app_context():
        users.create("second@example.org", "admin", PASSWORD)
    together, outcomes = threading.Barrier(2), []

    def demote(by, whom):
        browser = production.test_client()
        browser.sign_in(by)
        together.wait()
        outcomes.append(browser.patch(f"{API}/{id_of(production, whom)}", json={"role": "viewer"}).status_code)

    names = [ADMIN, "second@example.org"]
    threads = [threading.Thread(target=demote, args=pair) for pair in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[0] == 200
    assert sorted(outcomes)[1] in (403, 409)


def test_the_last_admin_stays_one(production):
    with production.app_context():
        user_id = uuid.UUID(users.get(ADMIN).id)
        for wanted in (AccountChange(role="editor"), AccountChange(disabled=True)):
            with pytest.raises(Conflict, match="last admin"):
                people.change(user_id, wanted)
        # the one that is disabled counts for nothing
        other = users.create("second@example.org", "admin", PASSWORD)
        people.change(uuid.UUID(other.id), AccountChange(disabled=True))
        with pytest.raises(Conflict, match="last admin"):
            people.change(user_id, AccountChange(role="editor"))


def test_a_key_of_an_admin_invites_and_changes_no_admin(production, make_key, program):
    key = make_key(ADMIN, ("admin",))
    with production.app_context():
        second = users.create("second@example.org", "admin", PASSWORD).id
    assert program(key, API, "POST", json={"email": "x@example.org"}).status_code == 201
    viewer = f"{API}/{id_of(production, VIEWER)}"
    assert program(key, viewer, "PATCH", json={"role": "editor"}).status_code == 200
    for path, method, body in (
        (API, "POST", {"email": "y@example.org", "role": "admin"}),
        (viewer, "PATCH", {"role": "admin"}),
        (f"{API}/{second}", "PATCH", {"disabled": True}),
        (f"{API}/{second}/link", "POST", None),
    ):
        assert program(key, path, method, json=body).status_code == 403, path
    assert program(make_key(ADMIN, ("write",)), API).status_code == 403
