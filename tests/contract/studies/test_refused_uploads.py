"""Names, sizes, space and forms that are refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from app import create_app
from app.studies import changes, room, storage
from tests.contract.conftest import make_settings, upgrade


@pytest.mark.parametrize(
    "name",
    [
        "..%2fevil.csv", "..%2f..%2fetc%2fpasswd", "%2e%2e%2fx.csv", "a%5cb.csv", ".hidden", "-rf", "con.csv", "NUL",
        "lpt1.tif", "a%00b.csv", "%20a.csv", "a.", "%ff.csv", "x" * 151, "%e2%80%ae.csv", "dir/x.csv",
    ],
)  # fmt: skip
def test_names_that_are_no_plain_file_names(visitor, study, folder, name):
    response = visitor.put(f"{study}/files/{name}", data=b"x")
    assert response.status_code == 422, name
    assert response.json["errors"][0]["pointer"] == "/name"
    assert list((folder / "files").iterdir()) == list((folder / "parts").iterdir()) == []


def test_an_address_with_dots_leaves_the_files(visitor, study):
    assert visitor.put(f"{study}/files/../../evil.csv", data=b"x").status_code in (404, 405, 422)


def test_names_with_accents_are_composed(visitor, study):
    decomposed = "Espan%CC%83a.csv"
    assert visitor.put(f"{study}/files/{decomposed}", data=b"x").json["file"]["name"] == "España.csv"
    assert visitor.put(f"{study}/files/Espa%C3%B1a.csv", data=b"y").status_code == 200


def test_names_that_differ_in_capitals(visitor, study):
    visitor.put(f"{study}/files/bio1.tif", data=b"x")
    response = visitor.put(f"{study}/files/BIO1.tif", data=b"x")
    assert response.status_code == 422
    assert "bio1.tif" in response.json["detail"]


def test_a_link_in_the_folder_is_not_followed(visitor, study, folder, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (folder / "files" / "a.csv").symlink_to(secret)
    assert visitor.put(f"{study}/files/a.csv", data=b"mine").status_code == 201
    assert secret.read_text() == "secret"
    assert not (folder / "files" / "a.csv").is_symlink()
    for path in (folder / "parts", folder / "files"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
        path.symlink_to(tmp_path)
        response = visitor.put(f"{study}/files/b.csv", data=b"x")
        assert response.status_code == 409, response.json
        path.unlink()
    assert not (tmp_path / "b.csv").exists()


def test_a_link_in_place_of_a_part(visitor, study, folder, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    visitor.put(f"{study}/files/a.csv", data=b"abc", headers={"Content-Range": "bytes 0-2/9"})
    (part,) = (folder / "parts").iterdir()
    part.unlink()
    part.symlink_to(secret)
    response = visitor.put(f"{study}/files/a.csv", data=b"abcdefghi")
    assert response.status_code == 507
    assert secret.read_text() == "secret"


def test_too_large(tmp_path):
    app = create_app(make_settings(tmp_path, max_upload=2000, upload_quota=3000))
    upgrade(app)
    visitor = app.test_client()
    study = visitor.post("/api/v1/studies", json={"title": "Small"}).headers["Location"]
    large = visitor.put(f"{study}/files/a.csv", data=b"x" * 2001)
    assert large.status_code == 413
    assert "2.0 kB" in large.json["detail"]
    assert visitor.put(f"{study}/files/a.csv", headers={"Content-Range": "bytes */2001"}).status_code == 413
    assert visitor.put(f"{study}/files/a.csv", data=b"x" * 2000).status_code in (200, 201)
    full = visitor.put(f"{study}/files/b.csv", data=b"y" * 1001)
    assert full.status_code == 507
    assert "UPLOAD_QUOTA" in full.json["detail"]
    assert "2.0 kB are used" in full.json["detail"]
    # parts count as well
    assert visitor.put(f"{study}/files/b.csv", data=b"y" * 900, headers={"Content-Range": "bytes 0-899/1000"})
    assert visitor.put(f"{study}/files/c.csv", data=b"z" * 101).status_code == 507


def test_the_limits_hold_for_each_file_of_a_form(tmp_path):
    app = create_app(make_settings(tmp_path, max_upload=2000, upload_quota=3000))
    upgrade(app)
    visitor = app.test_client()
    study = visitor.post("/api/v1/studies", json={"title": "Small"}).headers["Location"]
    large = visitor.post(f"{study}/files", data=form(("a.csv", b"x" * 2001), ("b.csv", b"y" * 2000)))
    assert (large.status_code, large.json["errors"][0]["pointer"]) == (413, "/files/a.csv")
    assert "2,000 bytes" in large.json["errors"][0]["detail"]
    full = visitor.post(f"{study}/files", data=form(("c.csv", b"z" * 1001)))
    assert full.status_code == 507
    assert "may take 3.0 kB (UPLOAD_QUOTA); 2.0 kB are used" in full.json["errors"][0]["detail"]
    assert visitor.post(f"{study}/files", data=form(("c.csv", b"z" * 1000))).status_code == 200
    assert [file["size"] for file in visitor.get(f"{study}/files").json["items"]] == [2000, 1000]
    assert list(tmp_path.glob("studies/*/parts/*")) == []


def test_a_disk_without_space(visitor, study, monkeypatch):
    monkeypatch.setattr(storage, "RESERVE", 1 << 62)
    response = visitor.put(f"{study}/files/a.csv", data=b"x")
    assert response.status_code == 507
    assert "disk" in response.json["detail"]


def test_too_many_files_and_studies(visitor, study, monkeypatch):
    monkeypatch.setattr(changes, "MOST_FILES", 2)
    for name in ("a.csv", "b.csv"):
        assert visitor.put(f"{study}/files/{name}", data=b"x").status_code == 201
    refused = visitor.put(f"{study}/files/c.csv", data=b"x")
    assert (refused.status_code, "at most 2 files" in refused.json["detail"]) == (409, True)
    assert visitor.put(f"{study}/files/a.csv", data=b"y").status_code == 200
    monkeypatch.setattr(room, "MOST_STUDIES", 1)
    assert visitor.post("/api/v1/studies", json={"title": "One more"}).status_code == 409


def test_archives_stay_closed(visitor, study, folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.csv", "x")
        archive.writestr("/etc/evil.csv", "x")
        archive.writestr("zeros", b"\0" * 10_000_000)
    assert visitor.put(f"{study}/files/tricks.zip", data=content.getvalue()).status_code == 201
    everything = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    assert everything == [folder / "files" / "tricks.zip"]
    assert everything[0].read_bytes() == content.getvalue()


def form(*files):
    return {"files": [(io.BytesIO(content), name) for name, content in files]}


def test_a_form_with_several_files(visitor, study, folder):
    response = visitor.post(f"{study}/files", data=form(("a.csv", b"A" * 300_000), ("b.tif", b"B")))
    assert (response.status_code, response.json["stored"]) == (200, ["a.csv", "b.tif"])
    assert (folder / "files" / "a.csv").read_bytes() == b"A" * 300_000
    assert (folder / "files" / "b.tif").read_bytes() == b"B"


def test_a_refused_file_of_a_form_does_not_keep_the_others_out(visitor, study, folder):
    response = visitor.post(f"{study}/files", data=form(("a.csv", b"A"), ("../x.csv", b"B"), ("c.csv", b"C")))
    assert response.status_code == 422
    assert response.json["detail"] == "1 file was refused, and 2 stored."
    assert response.json["errors"][0]["pointer"] == "/files/..~1x.csv"
    assert {path.name for path in (folder / "files").iterdir()} == {"a.csv", "c.csv"}


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", b"x", 400),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nx",
            400,
        ),
        ("multipart/form-data; boundary=b", b"no form", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 422),
        ("application/x-www-form-urlencoded", b"a=b", 415),
        ("application/json", b"{}", 415),
    ],
)
def test_bodies_that_are_no_form_with_files(visitor, study, folder, kind, body, status):
    response = visitor.post(f"{study}/files", data=body, content_type=kind)
    assert response.status_code == status, response.json
    assert list((folder / "files").iterdir()) == list((folder / "parts").iterdir()) == []


def test_a_form_from_another_site(visitor, study):
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for address in (f"{study}/files", study.removeprefix("/api/v1") + "/files"):
        assert visitor.post(address, data=form(("a.csv", b"A")), headers=headers).status_code == 403
    assert visitor.get(f"{study}/files").json["items"] == []


def test_a_page_of_an_allowed_origin(tmp_path):
    app = create_app(make_settings(tmp_path, cors_origins=("https://friend.example",)))
    upgrade(app)
    visitor = app.test_client()
    study = visitor.post("/api/v1/studies", json={"title": "Shared"}).headers["Location"]
    headers = {"Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"}
    assert visitor.post(f"{study}/files", data=form(("a.csv", b"A")), headers=headers).status_code == 200
    headers["Origin"] = "https://other.example"
    assert visitor.post(f"{study}/files", data=form(("a.csv", b"A")), headers=headers).status_code == 403


def test_other_bodies_keep_their_limit(visitor, study):
    assert visitor.post("/api/v1/studies", data=b"x" * 2_000_000, content_type="application/json").status_code == 413
