"""Studies of own data: created, listed, renamed, deleted."""

from __future__ import annotations

import hashlib

import pytest

from app import create_app
from app.database.db import db
from app.errors import Conflict
from app.jobs.service import folder_of
from app.jobs.tables import Job
from app.studies import changes, own
from app.studies.schemas import NewStudy
from ml.card import StudyDescription
from ml.recipes.recipe import LayerChoice, Recipe
from tests.contract.conftest import make_settings, upgrade


def test_a_study_is_listed_and_described(visitor, study):
    assert study == "/api/v1/studies/lizards-of-spain"
    response = visitor.get(study)
    assert response.headers["ETag"] == '"1"'
    assert response.json == {
        "slug": "lizards-of-spain",
        "title": "Lizards of Spain",
        "description": "A study of own data that has no models yet.",
        "records": "presence-background",
        "n_species": 0,
        "n_models": 0,
        "own": {"revision": 1, "files": 0, "bytes": 0},
        # nobody owns anything outside production
        "visibility": "public",
        "access": "own",
        # no species is sensitive
        "places_grid_km": None,
        "predictors": [],
        "sources": [],
        "limits": [],
    }
    assert [item["slug"] for item in visitor.get("/api/v1/studies").json["items"]] == ["lizards-of-spain"]


def test_the_row_is_a_valid_description(own_app, study):
    from app.catalogue import studies

    with own_app.app_context():
        StudyDescription.model_validate(studies.find("lizards-of-spain").description)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Lizards of Spain", "lizards-of-spain-2"),
        ("Especies de España", "especies-de-espana"),
        # 8 digits of the SHA-256 of the title
        ("蜥蜴", "study-" + hashlib.sha256("蜥蜴".encode()).hexdigest()[:8]),
        ("New", "study-new"),
        ("x" * 100, "x" * 60),
        ("  A  b ", "a-b"),
    ],
)
def test_slugs_are_made_of_titles(visitor, study, title, slug):
    response = visitor.post("/api/v1/studies", json={"title": title})
    assert (response.status_code, response.json["slug"]) == (201, slug)


@pytest.mark.parametrize(
    "slug", ["lizards-of-spain", "LIZARDS-of-spain", "new", "a/b", "..", "", "x" * 61, "-a", "a b"]
)
def test_slugs_that_are_taken_or_malformed(visitor, study, slug):
    response = visitor.post("/api/v1/studies", json={"title": "Another", "slug": slug})
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/slug"]


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "a\nb"}, {"title": "x" * 201}, {"title": 5}])
def test_titles_that_are_refused(visitor, body):
    response = visitor.post("/api/v1/studies", json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json["errors"]] == ["/title"]


def test_a_folder_of_a_deleted_study_is_not_taken_over(visitor, study, folder):
    (folder.parent / "old" / "files").mkdir(parents=True)
    assert visitor.post("/api/v1/studies", json={"title": "Old"}).json["slug"] == "old-2"
    assert visitor.post("/api/v1/studies", json={"title": "Old", "slug": "old"}).status_code == 422


def test_the_title_is_changed_on_a_revision(own_app, visitor, study):
    changed = visitor.patch(study, json={"title": "Lizards"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json["title"], changed.headers["ETag"]) == (200, "Lizards", '"2"')
    with own_app.app_context():
        assert own.load("lizards-of-spain").recipe.title == "Lizards"
    stale = visitor.patch(study, json={"title": "Snakes"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 409
    assert visitor.get(study).json["title"] == "Lizards"
    assert visitor.patch(study, json={"title": "Snakes"}).status_code == 200


def test_of_two_changes_of_a_recipe_on_one_revision_one_is_refused(own_app, study):
    with own_app.app_context():
        first = own.load("lizards-of-spain")
        recipe = first.recipe.model_copy(update={"species": ["Lacerta schreiberi"]})
        assert own.save_recipe(first.slug, recipe, first.revision) == 2
        with pytest.raises(Conflict, match="Someone else changed this study"):
            own.save_recipe(first.slug, Recipe(title="Other"), first.revision)
        assert own.load(first.slug).recipe == recipe


def test_the_recipe_follows_the_files(own_app, visitor, study):
    for name in ("b.csv", "a.csv", "bio1.tif"):
        visitor.put(f"{study}/files/{name}", data=name.encode())
    with own_app.app_context():
        loaded = own.load("lizards-of-spain")
        assert [file.name for file in loaded.recipe.records] == ["a.csv", "b.csv"]
        assert loaded.recipe.layers == []
        choice = LayerChoice(file="bio1.tif", unit="K")
        recipe = loaded.recipe.model_copy(update={"layers": [choice], "grid": ("bio1.tif", "1")})
        own.save_recipe(loaded.slug, recipe, loaded.revision)
    visitor.delete(f"{study}/files/a.csv")
    with own_app.app_context():
        loaded = own.load("lizards-of-spain")
        assert [file.name for file in loaded.recipe.records] == ["b.csv"]
        assert loaded.recipe.layers == [choice]
        assert loaded.recipe.grid == ("bio1.tif", "1")
    visitor.delete(f"{study}/files/bio1.tif")
    with own_app.app_context():
        loaded = own.load("lizards-of-spain")
        assert (loaded.recipe.layers, loaded.recipe.grid) == ([], None)


def test_files_that_the_study_does_not_use(own_app, visitor, study):
    for name in ("a.csv", "bio1.tif", "bio1.tif.aux.xml", "bio2.tif", "notes.txt", "alone.prj"):
        visitor.put(f"{study}/files/{name}", data=name.encode())
    with own_app.app_context():
        loaded = own.load("lizards-of-spain")
        choices = [LayerChoice(file="bio2.tif", role="unused")]
        own.save_recipe(loaded.slug, loaded.recipe.model_copy(update={"layers": choices}), loaded.revision)
    items = visitor.get(f"{study}/files").json["items"]
    assert {item["name"] for item in items if item["used"]} == {"a.csv", "bio1.tif", "bio1.tif.aux.xml"}


def test_deletion_removes_everything(own_app, visitor, study, folder):
    visitor.put(f"{study}/files/a.csv", data=b"x")
    (folder / "cache" / "audit.npz").write_bytes(b"x")
    with own_app.app_context():
        db.session.add(Job(id="j1", kind="test", study="lizards-of-spain", parameters={}, state="succeeded", steps=[]))
        db.session.commit()
        log = folder_of("j1")
        log.mkdir(parents=True)
        (log / "log.txt").write_text("x")
    assert visitor.delete(study).json == {"slug": "lizards-of-spain", "deleted": True}
    assert list(folder.parent.iterdir()) == []
    assert not log.exists()
    with own_app.app_context():
        assert db.session.get(Job, "j1") is None
    assert visitor.get(study).status_code == 404
    assert visitor.delete(study).status_code == 404
    assert visitor.put(f"{study}/files/a.csv", data=b"x").status_code == 404
    assert visitor.post("/api/v1/studies", json={"title": "Lizards of Spain"}).json["slug"] == "lizards-of-spain"


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_study_with_a_job_is_not_deleted(own_app, visitor, study, folder, state):
    with own_app.app_context():
        db.session.add(Job(id="j1", kind="test", study="lizards-of-spain", parameters={}, state=state, steps=[]))
        db.session.commit()
    response = visitor.delete(study)
    assert response.status_code == 409
    assert "job" in response.json["detail"]
    assert visitor.get(study).status_code == 200


def test_other_studies_are_not_own(client, app):
    with app.app_context():
        assert changes.n_models(1) == 4
    slug = client.get("/api/v1/studies").json["items"][0]["slug"]
    detail = client.get(f"/api/v1/studies/{slug}")
    assert detail.json["own"] is None
    assert detail.json["n_models"] == 4
    assert "ETag" not in detail.headers
    refused = client.delete(f"/api/v1/studies/{slug}")
    assert (refused.status_code, refused.json["detail"]) == (409, "Only studies of own data can be deleted here.")
    for response in (
        client.patch(f"/api/v1/studies/{slug}", json={"title": "x"}),
        client.get(f"/api/v1/studies/{slug}/files"),
        client.put(f"/api/v1/studies/{slug}/files/a.csv", data=b"x"),
    ):
        assert response.status_code == 404


def test_a_study_with_models_keeps_its_title_and_its_files(artifacts, tmp_path):
    from app.registry import changes as registry_changes

    app = create_app(make_settings(tmp_path))
    upgrade(app)
    visitor = app.test_client()
    with app.app_context():
        changes.create(NewStudy(title="Test hills", slug="test-hills"))
        registry_changes.register(artifacts["parus-major"])
    for response in (
        visitor.patch("/api/v1/studies/test-hills", json={"title": "x"}),
        visitor.delete("/api/v1/studies/test-hills"),
    ):
        assert response.status_code == 409
        assert "model" in response.json["detail"]


def test_in_production_nothing_is_changed_without_signing_in(tmp_path):
    app = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",)))
    upgrade(app)
    visitor = app.test_client()
    for method, address in (
        ("POST", "/api/v1/studies"),
        ("PATCH", "/api/v1/studies/a"),
        ("DELETE", "/api/v1/studies/a"),
        ("POST", "/api/v1/studies/a/files"),
        ("PUT", "/api/v1/studies/a/files/a.csv"),
        ("GET", "/studies/new"),
        ("POST", "/studies/new"),
        ("GET", "/studies/a"),
    ):
        expected = 401 if address.startswith("/api/") else 303
        assert visitor.open(address, method=method, json={}).status_code == expected, address
    assert "/studies/new" not in visitor.get("/studies").get_data(as_text=True)
    page = visitor.get("/").get_data(as_text=True)
    assert 'href="/studies/new' not in page
    assert "models register" in page


def test_the_command_lists_and_prunes(own_app, visitor, study, folder):
    visitor.put(f"{study}/files/a.csv", data=b"x" * 1500)
    runner = own_app.test_cli_runner()
    assert runner.invoke(args=["studies", "list"]).output == "lizards-of-spain  1 file  1.5 kB  Lizards of Spain\n"
    (folder / "files" / "stray.tif").write_bytes(b"y" * 10)
    (folder.parent / "gone" / "files").mkdir(parents=True)
    (folder.parent / "gone" / "files" / "b.csv").write_bytes(b"z" * 10)
    outside = folder.parent.parent / "outside"
    outside.mkdir()
    (folder.parent / "link").symlink_to(outside)
    listed = runner.invoke(args=["studies", "prune"]).output
    assert "gone  10 bytes\n" in listed
    assert "lizards-of-spain/files/stray.tif  10 bytes\n" in listed
    assert "3 paths" in listed
    assert (folder / "files" / "stray.tif").exists()
    assert "3 paths" in runner.invoke(args=["studies", "prune", "--delete"]).output
    assert [path.name for path in folder.parent.iterdir()] == ["lizards-of-spain"]
    assert [path.name for path in (folder / "files").iterdir()] == ["a.csv"]
    assert outside.is_dir()
    assert runner.invoke(args=["studies", "prune"]).output.startswith("0 paths")


def test_the_command_without_tables(tmp_path):
    app = create_app(make_settings(tmp_path))
    result = app.test_cli_runner().invoke(args=["studies", "list"])
    assert result.exit_code == 2
    assert "db upgrade" in result.output
