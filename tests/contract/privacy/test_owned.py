"""Studies and answers of a person, in the file of the data and after the deletion of the account."""

from __future__ import annotations

import pytest

from app.catalogue import snapshot
from app.jobs import service as jobs
from app.jobs.steps import Step, register_kind
from app.registry import changes
from app.registry import service as registry
from tests.contract.accounts.conftest import PASSWORD, make_production
from tests.contract.conftest import WHEATEAR
from tests.contract.privacy.conftest import ADMIN, EDITOR, FORM, audit, exists, signed_in


def test_a_choice_is_needed(production, editor):
    refused = editor.post("/account/delete", data={"password": PASSWORD, "studies": "burn", "answers": "leave"})
    assert (refused.status_code, "Choose one of the two." in refused.text) == (422, True)
    assert exists(production, EDITOR)


@pytest.mark.parametrize("fate", ["leave", "delete"])
def test_studies_stay_or_go_as_the_person_chooses(production, editor, fate):
    for title in ("Lizards", "Birds"):
        assert editor.post("/api/v1/studies", json={"title": title}).status_code == 201
    assert "You own 2 studies: Birds, Lizards" in " ".join(editor.get("/account/delete").text.split())
    assert editor.post("/account/delete", data={**FORM, "studies": fate}).status_code == 303
    admin = signed_in(production, ADMIN)
    status = 404 if fate == "delete" else 200
    assert [admin.get(f"/api/v1/studies/{slug}").status_code for slug in ("lizards", "birds")] == [status, status]
    assert [line.object_id for line in audit(production, "study.delete")] == (["birds", "lizards"] * (fate == "delete"))
    (line,) = audit(production, "account.delete")
    assert line.detail == f"studies: {fate}; answers: leave"
    if fate == "leave":
        assert admin.delete("/api/v1/studies/birds").status_code == 200


def test_a_study_with_an_unfinished_job_keeps_the_account(production, editor):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    with production.app_context():
        register_kind("test-waiting", "Test", [Step("one", "First", print)], lambda job: None)
        jobs.enqueue("test-waiting", "lizards", {})
    refused = editor.post("/account/delete", data={**FORM, "studies": "delete"})
    assert (refused.status_code, "The account was not deleted" in refused.text) == (409, True)
    assert exists(production, EDITOR)
    assert [line.result for line in audit(production, "account.delete")] == ["refused"]


def test_the_last_admin_loses_no_study(production):
    admin = signed_in(production, ADMIN)
    admin.post("/api/v1/studies", json={"title": "Lizards"})
    assert admin.post("/account/delete", data={**FORM, "studies": "delete"}).status_code == 409
    assert admin.get("/api/v1/studies/lizards").status_code == 200


def test_an_address_that_studies_are_shared_with_goes_too(production, editor):
    admin = signed_in(production, ADMIN)
    admin.post("/api/v1/studies", json={"title": "Lizards"})
    shared = admin.put("/api/v1/studies/lizards/people", json={"email": EDITOR, "role": "reader"})
    assert shared.status_code == 200, shared.json
    assert editor.post("/account/delete", data=FORM).status_code == 303
    assert EDITOR not in admin.get("/api/v1/studies/lizards/people").text


@pytest.fixture
def with_model(tmp_path, artifacts):
    app = make_production(tmp_path)
    with app.app_context():
        changes.activate(changes.register(artifacts[WHEATEAR])[0].id)
        example = registry.card_of(snapshot.current().best().model).starting_points[0].environment
    return app, {"species": WHEATEAR, "environment": dict(example)}


@pytest.mark.parametrize("fate", ["leave", "delete"])
def test_answers_are_in_the_data_and_stay_or_go(with_model, fate):
    app, query = with_model
    editor, nobody = signed_in(app, EDITOR), app.test_client()
    own = [editor.post("/api/v1/predictions", json=query).json["id"] for _ in range(3)]
    other = nobody.post("/api/v1/predictions", json=query).json["id"]
    assert [answer["id"] for answer in editor.get("/account/data").json["answers"]] == own[::-1]
    for answer in (own[0], other):
        new = {"prediction": answer, "outcome": "present", "date": "2026-05-31"}
        assert editor.post("/api/v1/observations", json=new).status_code == 201
    admin = signed_in(app, ADMIN)
    assert {one["prediction"] for one in admin.get("/api/v1/observations").json["items"]} == {own[0], other}
    assert editor.post("/account/delete", data={**FORM, "answers": fate}).status_code == 303
    status = 404 if fate == "delete" else 200
    assert [nobody.get(f"/api/v1/predictions/{one}").status_code for one in own] == [status] * 3
    assert nobody.get(f"/api/v1/predictions/{other}").status_code == 200
    # reports stay, with links to the answers that do
    linked = [None if fate == "delete" else own[0], other]
    listed = admin.get("/api/v1/observations").json["items"]
    assert [one["prediction"] for one in reversed(listed)] == linked
    page = admin.get("/observations").text
    assert page.count("the answer</a>") == len([one for one in linked if one])
    assert (f'href="/predictions/{own[0]}"' in page) is (fate == "leave")
    if fate == "delete":
        # the link says what may have happened, in the words for an id that never was
        pages = [nobody.get(f"/predictions/{one}") for one in (own[0], "0190a0c0-0000-7000-8000-000000000000")]
        assert [page.status_code for page in pages] == [404, 404]
        assert all("with the account that asked for them" in " ".join(page.text.split()) for page in pages)
        by_api = nobody.get(f"/api/v1/predictions/{own[0]}/explanation").json["detail"]
        assert by_api == nobody.get("/api/v1/predictions/none/explanation").json["detail"]


def test_the_command_deletes_along_what_it_is_told(with_model):
    app, query = with_model
    editor = signed_in(app, EDITOR)
    own = editor.post("/api/v1/predictions", json=query).json["id"]
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    run = app.test_cli_runner().invoke
    done = run(args=["users", "delete", EDITOR, "--studies", "delete", "--answers", "delete"])
    assert (done.exit_code, "stays" in done.output) == (0, False)
    assert app.test_client().get(f"/api/v1/predictions/{own}").status_code == 404
    assert [line.object_id for line in audit(app, "study.delete")] == ["lizards"]


def test_studies_that_stay_are_named_by_the_command(production, editor):
    editor.post("/api/v1/studies", json={"title": "Lizards"})
    done = production.test_cli_runner().invoke(args=["users", "delete", EDITOR])
    assert "the study lizards stays" in done.output
    given = production.test_cli_runner().invoke(args=["studies", "owner", "lizards", ADMIN])
    assert given.exit_code == 0, given.output
