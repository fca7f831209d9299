"""Stored answers in a person's own data tell no more of where records are than the answers that are shown."""

from __future__ import annotations

import json

import pytest

from app.accounts import keys, users
from app.batch import storage
from app.catalogue.studies import Study
from app.database.db import db
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN
from tests.contract.sensitive.conftest import GRID


def ask(browser, values):
    answer = browser.post("/api/v1/predictions", json={"species": WHEATEAR, "environment": values})
    assert answer.status_code == 200, answer.json
    return answer.json


def stored(browser, answer_id):
    answers = browser.get("/account/data").json["answers"]
    return next(one["answer"] for one in answers if one["id"] == answer_id)


DISTANCES = ("dissimilarity_index", "mess", "most_dissimilar")


@pytest.mark.parametrize(("name", "is_told"), [("owner", True), ("viewer", True), ("reader", False), ("other", False)])
def test_ones_own_data_has_the_novelty_that_is_shown(filled, name, is_told):
    browser = filled.browser(name)
    answer = ask(browser, filled.environment)
    kept = stored(browser, answer["id"])
    assert kept["novelty"] == answer["novelty"]
    assert (kept["novelty"]["dissimilarity_index"] is not None) == (kept["novelty"]["mess"] is not None) == is_told
    assert kept["suitability"] == answer["suitability"]


def test_a_study_that_somebody_may_not_read_any_more_tells_nothing_of_its_records(own_guarded):
    """Whether its species is still sensitive cannot be seen by then."""
    world = own_guarded
    other, owner = world.browser("other"), world.browser("owner")
    mark_id = owner.get(f"/api/v1/studies/{HIDDEN}/sensitive-species").json["items"][0]["id"]
    answers = {name: ask(world.browser(name), world.environment)["id"] for name in ("other", "owner", "viewer")}
    world.share("private")
    for is_marked in (True, False):
        if not is_marked:
            assert owner.delete(f"/api/v1/studies/{HIDDEN}/sensitive-species/{mark_id}").status_code == 200
        assert other.get(f"/api/v1/predictions/{answers['other']}").status_code == 404
        for name, is_told in (("other", False), ("viewer", False), ("owner", True)):
            novelty = stored(world.browser(name), answers[name])["novelty"]
            assert ([novelty[one] for one in DISTANCES] == [None] * 3) == (not is_told), (name, is_marked)
    world.share("public")
    novelty = stored(other, answers["other"])["novelty"]
    assert novelty["dissimilarity_index"] is not None


def test_answers_to_a_table_are_not_downloaded_after_the_mark(own_guarded):
    """A job wrote the distances that its person could see then."""
    world = own_guarded
    owner, address = world.browser("owner"), f"/batch/{world.ids['batch_id']}/answers.csv"
    assert owner.get(address).status_code == 200
    with world.app.app_context():
        study = db.session.scalars(db.select(Study).where(Study.slug == HIDDEN)).one()
        study.owner_id = users.get("admin@example.org").id
        db.session.commit()
    refused = owner.get(address)
    assert refused.status_code == 404
    assert "Answer the table again" in refused.text
    # answers without distances stay
    with world.app.app_context():
        plan = storage.folder_of(world.ids["batch_id"]) / storage.PLAN
        plan.write_text(json.dumps({**json.loads(plan.read_text()), "hides_index": True}))
    assert owner.get(address).status_code == 200


def test_a_key_that_only_predicts_sees_the_grid_of_its_own_study(filled):
    """Whoever has the key has what a stranger has, whatever the key is for, and whoever's it is."""
    values = filled.environment
    table = ",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n"
    where = {"species": WHEATEAR, "environment": values}
    for name in ("owner", "viewer", "admin"):
        # with the scope for reading alone an admin is a viewer
        reading = "admin" if name == "admin" else "read"
        for scopes, is_told in ((("predict",), False), (("predict", reading), True)):
            with filled.app.app_context():
                user = users.get(f"{name}@example.org")
                key = keys.create(user, user.epoch, "a test", scopes, 30)[1]
            client = filled.app.test_client()
            sent = {"headers": {"Sec-Fetch-Site": None, "X-API-Key": key}}

            def post(address, body, client=client, sent=sent):
                answer = client.post(f"/api/v1/{address}", json=body, **sent)
                assert answer.status_code == 200, (address, answer.text)
                return answer.json

            answer = post("predictions", where)
            pair = {"species": WHEATEAR, "environments": [{"environment": values}] * 2}
            batch = post("predictions/batch", {"species": [WHEATEAR], "rows": [values]})
            told = {
                "answer": answer["novelty"]["dissimilarity_index"],
                "conditions": post("comparisons/conditions", pair)["items"][0]["novelty"]["dissimilarity_index"],
                "species": post("comparisons/species", {"study": HIDDEN, "environment": values})["items"][0]["novelty"][
                    "dissimilarity_index"
                ],
                "batch": batch["items"][0]["dissimilarity_index"],
            }
            assert {place: value is not None for place, value in told.items()} == dict.fromkeys(told, is_told), name
            again = client.get(f"/api/v1/predictions/{answer['id']}", **sent).json
            assert again["novelty"] == answer["novelty"]
            grid = client.get(f"/api/v1/species/{WHEATEAR}", **sent).json["places_grid_km"]
            assert grid == (None if is_told else GRID)
            explained = client.get(f"/api/v1/predictions/{answer['id']}/explanation", **sent).json
            assert explained["places_grid_km"] == grid
            form = client.post("/", data={"species": WHEATEAR, **values}, **sent)
            if form.status_code == 200:
                assert ("dissimilarity index 0" in form.text) == is_told, name
            csv = client.post("/batch/answers.csv", data={"species": WHEATEAR, "text": table}, **sent)
            if csv.status_code == 200:
                lines = [one.split(",") for one in csv.text.splitlines()]
                assert (dict(zip(*lines[:2], strict=True))["dissimilarity_index"] != "") == is_told
