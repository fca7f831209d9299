"""Requests at the same time, a database that is down, files that are damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import delete, select

from app import create_app
from app.catalogue.studies import Study
from app.catalogue.study_tables import StudyPerson
from app.database.db import db
from app.studies.sharing import MOST_PEOPLE
from tests.contract.accounts.conftest import Browser
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OPEN_SPECIES, World

API, PAGE = f"/api/v1/studies/{HIDDEN}", f"/studies/{HIDDEN}"


def at_once(*calls):
    """The results of calls that begin at the same time."""
    barrier = Barrier(len(calls))

    def run(call):
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_an_address_is_named_once_however_many_name_it_at_once(world):
    browsers = [world.browser("owner") for _ in range(6)]
    body = {"email": "twice@example.org", "role": "reader"}
    given = at_once(*[lambda browser=browser: browser.put(f"{API}/people", json=body) for browser in browsers])
    assert {answer.status_code for answer in given} <= {200, 409}
    assert 200 in {answer.status_code for answer in given}
    named = [
        item for item in world.browser("owner").get(f"{API}/people").json["items"] if item["email"] == body["email"]
    ]
    assert len(named) == 1
    assert world.browser("owner").delete(f"{API}/people/{named[0]['id']}").status_code == 200
    assert world.browser("owner").delete(f"{API}/people/{named[0]['id']}").status_code == 404


def test_two_people_who_take_over_at_once_leave_one_owner(own_world):
    owner = own_world.browser("owner")
    for name in ("helper", "reader"):
        owner.put(f"{API}/people", json={"email": f"{name}@example.org", "role": "owner"})
    browsers = [own_world.browser(name) for name in ("helper", "reader")]
    given = at_once(*[lambda browser=browser: browser.post(f"{API}/owner") for browser in browsers])
    # the later one meets the other's change of the row, or asks after it, when the offer has ended
    codes = sorted(answer.status_code for answer in given)
    assert codes in ([200, 403], [200, 409])
    people = own_world.browser("admin").get(f"{API}/people").json
    assert people["owner"] in ("helper@example.org", "reader@example.org")
    assert people["owner"] not in [item["email"] for item in people["items"]]
    assert "owner@example.org" in [item["email"] for item in people["items"]]


def test_a_study_is_shared_with_so_many_people_at_most(world):
    owner = world.browser("owner")
    with world.app.app_context():
        study = db.session.scalars(select(Study).where(Study.slug == HIDDEN)).one()
        before = set(db.session.scalars(select(StudyPerson.id).where(StudyPerson.study_id == study.id)))
        for number in range(MOST_PEOPLE - len(before)):
            email = f"guest{number}@example.net"
            db.session.add(StudyPerson(study_id=study.id, email=email, email_key=email, role="reader"))
        db.session.commit()
        study_id = study.id
    refused = owner.put(f"{API}/people", json={"email": "more@example.org", "role": "reader"})
    assert (refused.status_code, "100 people at most" in refused.json["detail"]) == (409, True)
    page = owner.post(f"{PAGE}/people", data={"email": "more@example.org", "role": "reader"})
    assert (page.status_code, "100 people at most" in page.text) == (409, True)
    changed = owner.put(f"{API}/people", json={"email": "guest1@example.net", "role": "editor"})
    assert changed.status_code == 200
    with world.app.app_context():
        others = delete(StudyPerson).where(StudyPerson.study_id == study_id, StudyPerson.id.not_in(before))
        db.session.execute(others.execution_options(synchronize_session=False))
        db.session.commit()


@pytest.fixture
def without_database(world: World, tmp_path):
    """The application of the world, whose database cannot be opened."""
    settings = world.app.config["SETTINGS"].model_copy(update={"database_url": f"sqlite:///{tmp_path}/no/such.db"})
    app = create_app(settings)
    app.test_client_class = Browser
    return app


def test_without_the_database_nothing_private_is_shown(world, without_database):
    browser = without_database.test_client()
    browser.set_session(world.browser("owner").cookie())
    listed = browser.get("/api/v1/species")
    assert [item["slug"] for item in listed.json["items"]] == [OPEN_SPECIES]
    tile = f"/api/v1/maps/{world.ids['map_id']}/tiles/0/0/0.png?quantity=suitability"
    for client in (browser, without_database.test_client()):
        refused = client.get(tile)
        assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")
    answers = browser.get("/api/v1/predictions")
    assert answers.status_code == 503
    assert "Accounts cannot be checked" in answers.json["detail"]


@pytest.mark.parametrize("content", [b"", b"[1]", b'[{"slug": "x"}]', b"\xff"])
def test_a_damaged_file_is_written_again(world, content):
    folder = world.app.config["SETTINGS"].data_dir / "registry"
    before = (folder / "hidden.json").read_bytes()
    (folder / "hidden.json").write_bytes(content)
    (folder / "active.json").touch()
    address = f"/api/v1/species?q={WHEATEAR}"
    assert world.browser(None).get(address).json["items"] == []
    assert [item["slug"] for item in world.browser("owner").get(address).json["items"]][:1] == [WHEATEAR]
    assert (folder / "hidden.json").read_bytes() == before
