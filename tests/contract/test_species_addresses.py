"""Addresses of species without their study: led to the species, or to the choices."""

from __future__ import annotations

import pytest

from app.catalogue.snapshot import snapshot_file
from app.catalogue.species import Species
from app.catalogue.study_tables import Study
from app.database.db import db
from tests.contract.accounts.conftest import make_production

HTML = {"Accept": "text/html"}
NAME = "Lacerta schreiberi"


def add_species(app, study, slug, visibility="public", name=NAME):
    with app.app_context():
        row = Study(slug=study, title=study, description={}, visibility=visibility)
        db.session.add(row)
        db.session.flush()
        db.session.add(Species(slug=slug, scientific_name=name, name_key=name, study_id=row.id))
        db.session.commit()
        snapshot_file().write()


@pytest.fixture
def app(tmp_path):
    app = make_production(tmp_path)
    add_species(app, "north", "lacerta-schreiberi-north")
    return app


@pytest.mark.parametrize("slug", ["lacerta-schreiberi", "Lacerta-schreiberi", "LACERTA-SCHREIBERI-NORTH"])
def test_a_name_of_one_study_leads_to_its_species(app, slug):
    response = app.test_client().get(f"/species/{slug}", headers=HTML)
    assert (response.status_code, response.location) == (302, "/species/lacerta-schreiberi-north")
    assert app.test_client().get(response.location, headers=HTML).status_code == 200


def test_a_name_of_several_studies_leads_to_the_choices(app):
    add_species(app, "south", "lacerta-schreiberi-south")
    response = app.test_client().get("/species/lacerta-schreiberi", headers=HTML)
    assert (response.status_code, response.location) == (302, "/species?q=Lacerta+schreiberi")
    page = app.test_client().get(response.location, headers=HTML).text
    assert 'href="/species/lacerta-schreiberi-north"' in page
    assert 'href="/species/lacerta-schreiberi-south"' in page


def test_species_that_somebody_else_reads_are_no_choice(app):
    add_species(app, "secret", "lacerta-schreiberi-secret", "private")
    add_species(app, "hidden", "bubo-bubo-hidden", "private", "Bubo bubo")
    client = app.test_client()
    assert client.get("/species/lacerta-schreiberi", headers=HTML).location == "/species/lacerta-schreiberi-north"
    for slug in ("bubo-bubo", "bubo-bubo-hidden", "bubo-nothing"):
        response = client.get(f"/species/{slug}", headers=HTML)
        assert response.status_code == 404
        assert "bubo" not in response.text.lower().replace(slug, "")


def test_the_api_names_the_slugs(app):
    response = app.test_client().get("/api/v1/species/lacerta-schreiberi")
    assert response.status_code == 404
    assert "have the slugs lacerta-schreiberi-north" in response.json["detail"]


def test_a_species_that_was_deleted_a_moment_ago_leads_nowhere(app):
    with app.app_context():
        db.session.query(Species).delete()
        db.session.commit()
    assert app.test_client().get("/species/lacerta-schreiberi-north", headers=HTML).status_code == 404
