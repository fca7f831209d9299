"""The layers of a study of own data: API, page and pictures."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from app.catalogue.study_tables import Study
from app.database.db import db
from tests.contract.own_screens.conftest import create_study

FUTURE = "wc2.1_10m_bio_1_MIROC6_ssp585_2081-2100.tif"


@pytest.fixture
def layers(own_client, slug):
    """Return a function that reads the layers; no choice is made at first."""

    def read():
        return own_client.get(f"/api/v1/studies/{slug}/layers").json

    now = read()
    nothing = {"role": None, "kind": None, "unit": None, "factor": None, "offset": None, "name": None, "legend": None}
    choices = [{"file": layer["file"], "band": layer["band"], **nothing} for layer in now["layers"]]
    response = patch(own_client, slug, revision=now["revision"], layers=choices, grid=None)
    assert response.status_code == 200, response.json
    return read


def patch(client, slug, headers=None, **body):
    return client.patch(f"/api/v1/studies/{slug}/layers", json=body, headers=headers)


def by_file(answer):
    return {layer["file"]: (layer, role) for layer, role in zip(answer["layers"], answer["roles"], strict=True)}


def test_the_layers_of_a_study(own_client, slug, layers):
    response = own_client.get(f"/api/v1/studies/{slug}/layers")
    answer = response.json
    assert answer["training"] == ["bio1", "bio12"]
    assert by_file(answer)[FUTURE][1] == "scenario"
    # 400 cells, of which the rain lacks four
    assert answer["cells"] == 396
    assert answer["lost"]["bio12"] == 4
    assert response.headers["ETag"] == f'"{answer["revision"]}"'
    assert answer["choices"] == []


def test_scenarios_name_what_they_lack(own_client, slug, layers):
    (item,) = own_client.get(f"/api/v1/studies/{slug}/scenarios").json["items"]
    assert (item["complete"], item["layers"], item["missing"]) == (False, ["bio1"], ["bio12"])
    changed = patch(own_client, slug, {"If-Match": "*"}, layers=[{"file": "bio12.tif", "role": "static"}])
    assert changed.json["scenarios"][0]["carried"] == ["bio12"]
    assert changed.json["scenarios"][0]["complete"]


def test_a_layer_that_is_not_used_gives_its_cells_back(own_client, slug, layers):
    before = layers()
    response = patch(own_client, slug, revision=before["revision"], layers=[{"file": "bio12.tif", "role": "unused"}])
    assert (response.json["cells"], response.json["training"]) == (400, ["bio1"])
    assert patch(own_client, slug, revision=before["revision"], grid=None).status_code == 409


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"layers": [{"file": "bio9.tif"}]}, "/layers/0"),
        ({"layers": [{"file": "bio1.tif", "band": "2"}]}, "/layers/0"),
        ({"layers": [{"file": "bio1.tif", "role": "king"}]}, "/layers/0/role"),
        ({"layers": [{"file": "../bio1.tif"}]}, "/layers/0/file"),
        ({"grid": ["bio1.tif", "7"]}, "/grid"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_what_is_not_possible_names_the_field_and_changes_nothing(own_client, slug, layers, body, pointer):
    revision = layers()["revision"]
    response = patch(own_client, slug, revision=revision, **body)
    assert response.status_code == 422, response.json
    assert response.json["errors"][0]["pointer"].startswith(pointer), response.json
    assert layers()["revision"] == revision


def test_the_page_has_a_row_for_each_layer(own_client, slug, layers):
    layers()
    text = own_client.get(f"/studies/{slug}/layers").get_data(as_text=True)
    assert "2\nlayers for training, 396 cells in which every one has a value." in text
    for file in ("bio1.tif", "bio12.tif", FUTURE):
        assert file in text
    assert "4 cells are lost by" in text
    assert "MIROC6" in text


def test_the_form(own_client, slug, layers):
    before = layers()
    at = [layer["file"] for layer in before["layers"]].index("bio12.tif")
    fields = {"revision": str(before["revision"]), f"role.{at}": "unused", f"factor.{at}": "", f"unit.{at}": ""}
    headers = {"HX-Request": "true", "HX-Target": "layers-form"}
    wrong = own_client.post(f"/studies/{slug}/layers", data={**fields, f"factor.{at}": "a tenth"}, headers=headers)
    assert wrong.status_code == 422
    assert 'value="a tenth"' in wrong.get_data(as_text=True)
    long = own_client.post(f"/studies/{slug}/layers", data={**fields, f"unit.{at}": "x" * 90})
    assert long.status_code == 422
    assert f'id="unit-{at}-error"' in long.get_data(as_text=True)
    response = own_client.post(f"/studies/{slug}/layers", data=fields, headers=headers)
    assert response.status_code == 200
    assert "1\nlayer for training, 400 cells" in response.get_data(as_text=True)
    stale = own_client.post(f"/studies/{slug}/layers", data=fields)
    assert stale.status_code == 409
    kept = own_client.post(f"/studies/{slug}/layers", data=fields | {f"factor.{at}": "0.1"}).get_data(as_text=True)
    assert 'value="0.1"' not in kept
    assert own_client.post(f"/studies/{slug}/layers", data={"role.0": "unused"}).status_code == 422
    plain = own_client.post(f"/studies/{slug}/layers", data={"revision": str(layers()["revision"])})
    assert plain.status_code == 303


def test_a_picture(own_client, slug, layers):
    response = own_client.get(f"/studies/{slug}/layers/bio1.tif/1.png")
    assert (response.status_code, response.mimetype) == (200, "image/png")
    assert response.get_data()[:8] == b"\x89PNG\r\n\x1a\n"
    for path in ("bio1.tif/9.png", "bio9.tif/1.png", "..%2Fbio1.tif/1.png"):
        assert own_client.get(f"/studies/{slug}/layers/{path}").status_code == 404


def test_a_picture_of_a_study_that_is_not_public_is_kept_by_no_cache(own_app, own_client, slug, layers):
    address = f"/studies/{slug}/layers/bio1.tif/1.png"
    assert "max-age" in own_client.get(address).headers["Cache-Control"]
    # the others use the same study
    for visibility, control in (("private", "no-store"), ("shared", "no-store"), ("public", "max-age")):
        with own_app.app_context():
            db.session.execute(update(Study).where(Study.slug == slug).values(visibility=visibility))
            db.session.commit()
        sent = own_client.get(address)
        assert (sent.status_code, control in sent.headers["Cache-Control"]) == (200, True)


def test_a_study_without_layers_says_what_to_do(own_client):
    empty = create_study(own_client, "Without layers")
    assert "No layers to check" in own_client.get(f"/studies/{empty}/layers").get_data(as_text=True)
    assert own_client.get(f"/api/v1/studies/{empty}/layers").json["layers"] == []
    assert own_client.get("/studies/nothing/layers").status_code == 404


def test_a_crs_that_does_not_exist_is_not_stored(own_client, slug, layers):
    revision = layers()["revision"]
    for changes, pointer in (
        ({"crs": "EPSG:99999999"}, "/layers/0/crs"),
        ({"factor": 0}, "/layers/0/factor"),
        ({"factor": True}, "/layers/0/factor"),
    ):
        response = patch(own_client, slug, revision=revision, layers=[{"file": "bio12.tif", **changes}])
        assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, pointer)
    assert layers()["revision"] == revision
