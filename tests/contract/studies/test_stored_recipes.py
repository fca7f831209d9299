"""Studies whose stored recipe has values that this version refuses."""

from __future__ import annotations

import pytest

from app.database.db import db
from app.studies import own, tables
from app.studies.stored_recipe import read_recipe
from ml.recipes.recipe import Recipe

SLUG = "lizards-of-spain"


def store(app, **changes):
    with app.app_context():
        row = tables.recipe_of(SLUG)
        row.recipe = {**row.recipe, **changes}
        db.session.commit()


def stored(app):
    with app.app_context():
        return tables.recipe_of(SLUG).recipe


@pytest.fixture
def old(own_app, visitor, study):
    visitor.put(f"{study}/files/a.csv", data=b"A")
    store(own_app, rules={"thin_km": 5000, "first_year": 1950}, species=["Lacerta schreiberi"])
    return own_app


def test_the_study_opens_with_its_valid_parts_and_names_the_refused_one(old, visitor, study):
    with old.app_context():
        loaded = own.load(SLUG)
        assert loaded.refused == ["rules.thin_km (5000): must be 1000.0 or less"]
        assert (loaded.recipe.rules.first_year, loaded.recipe.rules.thin_km) == (1950, None)
        assert loaded.recipe.species == ["Lacerta schreiberi"]
    page = visitor.get(f"/studies/{SLUG}").get_data(as_text=True)
    assert "rules.thin_km (5000): must be 1000.0 or less" in page
    assert f'action="/studies/{SLUG}/reset"' in page
    for address in (study, f"{study}/files", "/api/v1/studies"):
        assert visitor.get(address).status_code == 200


def test_an_upload_keeps_what_is_stored(old, visitor, study):
    visitor.put(f"{study}/files/b.csv", data=b"B")
    recipe = stored(old)
    assert recipe["rules"] == {"thin_km": 5000, "first_year": 1950}
    assert [file["name"] for file in recipe["records"]] == ["a.csv", "b.csv"]


def test_the_reset_gives_the_default_and_keeps_the_rest(old, visitor):
    response = visitor.post(f"/studies/{SLUG}/reset")
    assert (response.status_code, response.headers["Location"]) == (303, f"/studies/{SLUG}")
    recipe = stored(old)
    assert (recipe["rules"]["thin_km"], recipe["rules"]["first_year"]) == (None, 1950)
    assert recipe["species"] == ["Lacerta schreiberi"]
    assert "not valid any more" not in visitor.get(f"/studies/{SLUG}").get_data(as_text=True)
    revision = visitor.get(f"/api/v1/studies/{SLUG}/files").json["revision"]
    visitor.post(f"/studies/{SLUG}/reset")
    assert visitor.get(f"/api/v1/studies/{SLUG}/files").json["revision"] == revision


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"unknown": 1}, "unknown (1): is not a known field"),
        ({"layers": [{"file": "a.tif", "nodata": "x"}, {"file": "b.tif"}]}, "layers.0.nodata"),
        ({"layers": [{"band": "1"}, {"file": "b.tif"}]}, "layers.0: a value is needed"),
        ({"rules": {"first_year": 2000, "last_year": 1990}}, "rules: first_year must not be later than last_year"),
        ({"title": "a\nb"}, 'title ("a\\nb")'),
        ({"settings": 5}, "settings (5): must be a JSON object"),
        ({"merge": {"": "Lacerta"}}, "merge"),
        ({"grid": ["../a.tif", "1"]}, "grid"),
    ],
)
def test_the_smallest_part_is_refused(changes, refused):
    recipe, sentences = read_recipe({"title": "Old", "species": ["A b"], **changes}, "Of the study")
    assert sentences[0].startswith(refused)
    assert recipe.species == ["A b"]
    assert [choice.file for choice in recipe.layers][-1:] == (["b.tif"] if "layers" in changes else [])
    assert recipe.title == ("Of the study" if "title" in changes else "Old")


def test_a_recipe_of_refused_values_alone_ends(monkeypatch):
    stored_recipe = {"title": "Old", "layers": [{"file": "", "band": 5}] * 300}
    recipe, sentences = read_recipe(stored_recipe, "Old")
    assert (recipe, sentences[-1]) == (Recipe(title="Old"), "further members")
    assert read_recipe({}, "Old")[0] == Recipe(title="Old")
