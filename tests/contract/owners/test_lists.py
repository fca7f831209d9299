"""What is listed, found, answered and cached: never a study that is private to somebody else."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import event, update

from app import create_app
from app.accounts import keys, users
from app.catalogue.study_tables import Study
from app.database.db import db
from tests.contract.accounts.conftest import Browser
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OPEN, OPEN_SPECIES

LISTS = [
    "/",
    "/species",
    "/species.csv",
    "/species?q=oenanthe",
    "/api/v1/species",
    "/api/v1/species?q=oenanthe",
    "/models",
    "/models.csv",
    "/api/v1/models",
    "/compare",
    "/compare/species",
    "/compare/conditions",
    "/compare/models",
    "/batch",
    "/map",
    "/api/v1/maps",
    "/api/v1/stac",
    "/openapi.json",
    "/analytics",
    "/analytics.csv",
    "/api/v1/analytics",
    "/studies",
    "/api/v1/studies",
    "/api/v1/predictions",
    "/metrics",
    "/health/ready",
]
HIDDEN_WORDS = re.compile(r"oenanthe.hispanica|hidden.hills|test-hills", re.IGNORECASE)


@pytest.mark.parametrize("name", [None, "viewer", "other"])
@pytest.mark.parametrize("address", LISTS)
def test_a_list_of_others_has_nothing_of_a_private_study(private, name, address):
    response = private.browser(name).get(address)
    assert response.status_code == 200
    text = response.get_data(as_text=True).replace("q=oenanthe", "")
    assert HIDDEN_WORDS.search(text) is None, HIDDEN_WORDS.findall(text)


@pytest.mark.parametrize("name", ["owner", "admin"])
@pytest.mark.parametrize(
    "address",
    ["/api/v1/species", "/models.csv", "/api/v1/maps", "/api/v1/studies", "/compare/models", "/batch", "/map"],
)
def test_a_list_of_the_owner_and_of_admins_has_it(private, name, address):
    response = private.browser(name).get(address)
    assert HIDDEN_WORDS.search(response.get_data(as_text=True))
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in response.vary


def test_lists_are_filtered_before_they_are_cut(private):
    browser = private.browser(None)
    first = browser.get("/api/v1/species?limit=1").json
    assert [item["slug"] for item in first["items"]] == [OPEN_SPECIES]
    assert first["next"] is None
    assert browser.get("/api/v1/studies?limit=1").json["items"][0]["slug"] == OPEN
    assert browser.get("/api/v1/studies?limit=1").json["next"] is None


BODIES = {
    "/api/v1/predictions": {"species": "NAME", "environment": {}},
    "/api/v1/predictions/batch": {"species": ["NAME"], "rows": [{}]},
    "/api/v1/comparisons/conditions": {"species": "NAME", "conditions": []},
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("spelling", [WHEATEAR, "Oenanthe hispanica"])
@pytest.mark.parametrize("name", [None, "other"])
def test_a_private_species_is_unknown(private, path, spelling, name):
    def ask(species):
        body = json.loads(json.dumps(BODIES[path]).replace("NAME", species))
        response = private.browser(name).post(path, json=body)
        text = response.get_data(as_text=True).replace(response.headers["X-Request-ID"], "")
        return response.status_code, text.replace(species, "")

    assert ask(spelling) == ask("x" + spelling[1:])
    assert ask(spelling)[0] == 422


def test_a_map_and_a_comparison_of_a_private_model_are_refused_like_unknown_ones(private):
    model = private.ids["model_id"]
    for path, bodies in (
        ("/api/v1/maps", [{"model": model}, {"model": "x" + model[1:]}]),
        ("/api/v1/maps", [{"species": WHEATEAR}, {"species": "x" + WHEATEAR[1:]}]),
        (
            "/api/v1/comparisons/species",
            [{"study": HIDDEN, "environment": {}}, {"study": "xest-hills", "environment": {}}],
        ),
    ):
        one, two = (private.browser("other").post(path, json=body) for body in bodies)
        assert (one.status_code, two.status_code) == (422, 422), (one.json, two.json)
        assert HIDDEN_WORDS.sub("", one.json["errors"][0]["detail"]) == re.sub(
            "x(enanthe-hispanica|est-hills)", "", two.json["errors"][0]["detail"]
        )
    one, two = (
        private.browser("other").get(f"/api/v1/comparisons/models?first={name}") for name in (model, "x" + model[1:])
    )
    assert (one.status_code, two.status_code) == (404, 404)


def test_a_cached_answer_is_not_served_to_others(private):
    body = {"species": WHEATEAR, "environment": private.environment}
    owner = private.browser("owner")
    assert owner.post("/api/v1/predictions", json=body).status_code == 200
    assert owner.post("/api/v1/predictions", json=body).json["cached"] is True
    for name in ("other", "reader", None):
        assert private.browser(name).post("/api/v1/predictions", json=body).status_code == 422


def test_each_person_lists_the_own_answers(world):
    environment = world.environment
    asked = {}
    for name in ("owner", "reader", "other"):
        species = OPEN_SPECIES if name == "other" else WHEATEAR
        answer = world.browser(name).post("/api/v1/predictions", json={"species": species, "environment": environment})
        asked[name] = answer.json["id"]
    for name, own in asked.items():
        listed = [item["id"] for item in world.browser(name).get("/api/v1/predictions").json["items"]]
        assert own in listed
        assert not set(listed) & (set(asked.values()) - {own})
    # an answer is for whoever holds its id, except that of a private study
    assert world.browser(None).get(f"/api/v1/predictions/{asked['other']}").status_code == 200
    assert world.browser("reader").get(f"/api/v1/predictions/{asked['owner']}").status_code == 200
    assert world.browser(None).get(f"/api/v1/predictions/{asked['owner']}").status_code == 404
    everybody = [item["id"] for item in world.browser(None).get("/api/v1/predictions").json["items"]]
    assert asked["other"] in everybody
    assert asked["owner"] not in everybody
    page = world.browser("other").get("/predictions")
    assert page.status_code == 200
    assert asked["other"] in page.text
    first = next(iter(environment.values()))
    assert "Place or conditions" in page.text
    assert str(first) in page.text
    assert asked["owner"] not in page.text
    world.share("private")
    assert asked["reader"] not in [
        item["id"] for item in world.browser("reader").get("/api/v1/predictions").json["items"]
    ]
    world.share("shared")


def test_an_admin_lists_the_own_answers_too(world):
    admin = world.browser("admin")
    body = {"species": WHEATEAR, "environment": world.environment}
    own = admin.post("/api/v1/predictions", json=body).json["id"]
    assert [item["id"] for item in admin.get("/api/v1/predictions").json["items"]] == [own]
    assert world.ids["prediction_id"] not in admin.get("/predictions").text


def test_a_key_that_may_only_predict_reads_nothing_private(world):
    world.share("private")
    with world.app.app_context():
        user = users.get("owner@example.org")
        key = keys.create(user, user.epoch, "a test", ["predict"], 1)[1]
        reading = keys.create(user, user.epoch, "another", ["read", "predict"], 1)[1]

    def status(path, key=key):
        return world.app.test_client().get(path, headers={"X-API-Key": key}).status_code

    body = {"species": WHEATEAR, "environment": world.environment}
    asked = world.app.test_client().post("/api/v1/predictions", json=body, headers={"X-API-Key": key})
    assert asked.status_code == 200, asked.json
    assert status(f"/api/v1/species/{WHEATEAR}") == 200
    private = [
        f"/api/v1/models/{world.ids['model_id']}",
        f"/models/{world.ids['model_id']}/recipe.json",
        f"/api/v1/maps/{world.ids['map_id']}",
        f"/api/v1/maps/{world.ids['map_id']}.tif",
        f"/api/v1/jobs/{world.ids['job_id']}/log",
        f"/api/v1/studies/{HIDDEN}",
        f"/api/v1/predictions/{world.ids['prediction_id']}",
    ]
    assert {path: status(path) for path in private} == dict.fromkeys(private, 404)
    assert {path: status(path, reading) for path in private if "recipe" not in path} == {
        path: 200 for path in private if "recipe" not in path
    }
    assert (status("/api/v1/predictions"), status("/api/v1/jobs")) == (403, 403)
    world.share("shared")


def test_observations_of_a_private_study_without_an_owner_are_for_admins(own_world):
    with own_world.app.app_context():
        db.session.execute(update(Study).where(Study.slug == HIDDEN).values(owner_id=None, visibility="private"))
        db.session.commit()
    address = f"/api/v1/observations/{own_world.ids['observation_id']}"
    other, admin = own_world.browser("other"), own_world.browser("admin")
    assert other.get("/api/v1/observations").json["items"] == []
    assert other.patch(address, json={"state": "accepted"}).status_code == 404
    assert [one["id"] for one in admin.get("/api/v1/observations").json["items"]] == [own_world.ids["observation_id"]]
    assert admin.patch(address, json={"state": "accepted"}).status_code == 200


def test_without_public_predictions_the_list_needs_an_account(world):
    settings = world.app.config["SETTINGS"].model_copy(update={"public_predictions": False})
    app = create_app(settings)
    app.test_client_class = Browser
    refused = app.test_client().get("/api/v1/predictions")
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    browser = app.test_client()
    browser.sign_in("owner@example.org")
    assert world.ids["prediction_id"] in [item["id"] for item in browser.get("/api/v1/predictions").json["items"]]


def test_jobs_belong_to_who_started_them(world):
    batch = world.ids["batch_job"]
    assert [item["id"] for item in world.browser("owner").get("/api/v1/jobs").json["items"]] == [batch]
    for name in ("other", "helper", "reader", "viewer"):
        browser = world.browser(name)
        assert browser.get("/api/v1/jobs").json["items"] == []
        assert browser.get("/api/v1/jobs?study=").json["items"] == []
        assert browser.get(f"/api/v1/jobs/{batch}").status_code == 404
        assert browser.get(f"/api/v1/jobs/{batch}/log").status_code == 404
        assert browser.get(f"/jobs/{batch}").status_code == 404
    listed = world.browser("reader").get(f"/api/v1/jobs?study={HIDDEN}").json["items"]
    assert [item["id"] for item in listed] == [world.ids["job_id"]]
    assert world.browser("other").get(f"/api/v1/jobs?study={HIDDEN}").json["items"] == []
    assert {batch, world.ids["job_id"]} <= {
        item["id"] for item in world.browser("admin").get("/api/v1/jobs").json["items"]
    }
    cancelled = [world.browser(name).post(f"/api/v1/jobs/{batch}/cancel").status_code for name in ("other", "helper")]
    assert cancelled == [404, 404]


def test_the_same_idempotency_key_of_two_people_is_not_the_same(world):
    header = {"Idempotency-Key": "one"}
    made = [
        world.browser(name).post("/api/v1/studies", json={"title": "Same"}, headers=header)
        for name in ("owner", "other")
    ]
    assert [answer.status_code for answer in made] == [201, 201]
    slugs = [answer.json["slug"] for answer in made]
    assert len(set(slugs)) == 2
    again = world.browser("owner").post("/api/v1/studies", json={"title": "Same"}, headers=header)
    assert again.json["slug"] == slugs[0]
    for name, slug in zip(("owner", "other"), slugs, strict=True):
        assert world.browser(name).delete(f"/api/v1/studies/{slug}").status_code == 200


def test_files_of_a_map_that_is_not_public_are_kept_by_no_cache(world):
    tile = f"/api/v1/maps/{world.ids['map_id']}/tiles/0/0/0.png?quantity=suitability"
    for name in ("owner", "reader"):
        sent = world.browser(name).get(tile)
        assert sent.status_code == 200
        assert sent.headers["Cache-Control"] == "private, no-store"
    assert world.browser(None).get(tile).status_code == 404
    world.share("public")
    sent = world.browser(None).get(tile)
    assert sent.status_code == 200
    assert "max-age" in sent.headers["Cache-Control"]
    world.share("private")
    # the caches of the process know the map by now
    assert world.browser("reader").get(tile).status_code == 404
    assert world.browser(None).get(tile, headers={"If-None-Match": sent.headers["ETag"]}).status_code == 404
    world.share("shared")


def test_the_same_content_in_a_study_of_somebody_else_is_not_told(world):
    content = b"x,y\n7,8\n"
    assert world.browser("owner").put(f"/api/v1/studies/{HIDDEN}/files/secret.csv", data=content).status_code == 201
    stored = world.browser("other").put("/api/v1/studies/others-study/files/mine.csv", data=content)
    assert stored.json["file"]["shared"] is False
    files = world.browser("other").get("/api/v1/studies/others-study/files").json["items"]
    assert [item["shared"] for item in files] == [False]


def test_an_answer_to_a_visitor_needs_no_query_more(private):
    statements = []
    with private.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    body = {"species": OPEN_SPECIES, "environment": private.environment}
    assert private.browser(None).post("/api/v1/predictions", json=body).status_code == 200
    assert [statement.split("(")[0].strip() for statement in statements] == ["INSERT INTO predictions"]
