"""What lines of the audit trail say beside the object: whom, what, and what was there before."""

from __future__ import annotations

from app.plans import service as plans
from app.trail.details import without_others
from tests.contract.accounts.conftest import PASSWORD
from tests.contract.audit.conftest import EDITOR, VIEWER

STUDY = "/api/v1/studies/lizards"
LATER = "later@example.org"


def test_a_share_says_whom_the_role_and_whether_places_are_exact(production, editor, lines, id_of):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    editor.put(f"{STUDY}/people", json={"email": VIEWER, "role": "reader"})
    editor.put(f"{STUDY}/people", json={"email": VIEWER, "role": "reader", "exact_places": True})
    editor.post("/studies/lizards/people", data={"email": VIEWER, "role": "editor", "exact_places": "1"})
    people = editor.put(f"{STUDY}/people", json={"email": LATER, "role": "reader"}).json["items"]
    ids = {one["email"]: one["id"] for one in people}
    editor.delete(f"{STUDY}/people/{ids[VIEWER]}")
    whom = f"share {ids[VIEWER]} of account {id_of(VIEWER)}"
    assert [(line.action, line.detail) for line in lines("study.share")] == [
        ("study.share", f"{whom}: role reader; exact places no"),
        ("study.share", f"{whom}: role reader; exact places yes, before no"),
        ("study.share", f"{whom}: role editor, before reader; exact places yes"),
        ("study.share", f"share {ids[LATER]}: role reader; exact places no"),
        ("study.share-no-more", f"{whom}: role editor; exact places yes"),
    ]
    assert {line.object_id for line in lines("study.share")} == {"lizards"}
    assert not [line for line in lines() if "@" in line.detail]
    own = editor.get("/account/data")
    told = [line["detail"] for line in own.json["audit"] if line["action"] == "study.share"]
    assert f"share {ids[VIEWER]}: role reader; exact places no" in told
    assert id_of(VIEWER) not in own.text, "whether an address has an account is not told to the owner"


def test_ids_of_the_accounts_of_others_are_cut():
    own, other = "a" * 36, "b" * 36
    assert without_others(f"scopes read; of account {own}", own) == f"scopes read; of account {own}"
    text = f"owner is account {own}, before account {other}"
    assert without_others(text, own) == f"owner is account {own}, before account of somebody else"


def test_a_study_that_is_taken_over_has_both_owners(production, editor, admin, lines, id_of):
    admin.post("/api/v1/studies", json={"title": "Lizards"})
    admin.put(f"{STUDY}/people", json={"email": EDITOR, "role": "owner"})
    assert editor.post(f"{STUDY}/owner").status_code == 200
    (line,) = lines("study.take-over")
    admin_id = lines("study.create")[0].person_id
    assert line.detail == f"owner is account {id_of(EDITOR)}, before account {admin_id}"


def test_a_plan_has_the_limits_that_change_new_and_old(production, admin, lines):
    form = {"revision": "0", "rate": "20/second", "requests_a_month": "7", "upload_bytes": "", "jobs_at_once": "4"}
    with production.app_context():
        before = plans.find("free")
    assert admin.post("/plans/free", data=form).status_code == 303
    longest = ";".join(["100/second"] * 9)
    assert admin.post("/plans/free", data={**form, "revision": "1", "rate": longest}).status_code == 303
    longer = longest.replace("100", "200")
    assert admin.post("/plans/free", data={**form, "revision": "2", "rate": longer}).status_code == 303
    assert admin.post("/plans/free", data={**form, "revision": "3", "rate": longer}).status_code == 303
    rate = "" if before.rate == "20/second" else f"; rate 20/second, before {before.rate or 'none'}"
    assert [line.detail for line in lines("plan.change")] == [
        f"requests_a_month 7, before 100000; upload_bytes none, before 2147483648{rate}",
        f"rate {longest}, before 20/second",
        f"rate {longer}",
        "all limits as before",
    ]


def test_a_key_has_its_scopes_and_its_life_and_not_itself(production, editor, lines, id_of):
    sent = {"name": "A script", "scopes": ["read", "predict"], "days": "30", "confirm": PASSWORD}
    page = editor.post("/account/keys", data=sent)
    assert page.status_code == 200
    run = production.test_cli_runner().invoke
    made = run(args=["keys", "create", VIEWER, "--name", "x", "--scope", "read", "--days", "1"])
    key = made.output.strip().splitlines()[-1]
    first, second = lines("key.create")
    assert first.detail == f"scopes read, predict; 30 days; of account {id_of(EDITOR)}"
    assert second.detail == f"scopes read; 1 day; of account {id_of(VIEWER)}"
    assert first.object_kind == "key"
    assert not [value for line in lines() for value in vars(line).values() if key in str(value)]


def test_a_title_and_learning_say_what_changed(production, editor, lines):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    editor.patch(STUDY, json={"title": "Small lizards"})
    assert [line.detail for line in lines("study.change")] == ["title"]
    for body in ({"on": True, "number": 30}, {"on": True, "number": 40}, {"on": False}):
        assert editor.put(f"{STUDY}/learning", json=body).status_code == 200
    assert [line.detail for line in lines("learning.change")] == [
        "learning on at 30, before off",
        "learning on at 40, before on at 30",
        "learning off, before on at 40",
    ]
