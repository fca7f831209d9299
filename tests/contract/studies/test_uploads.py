"""Files of a study by PUT: complete, in parts, refused."""

from __future__ import annotations

import base64
import hashlib
import os
import time

import pytest

CONTENT = b"species,longitude,latitude\nLacerta schreiberi,-8.1,42.3\n"


def digest(content):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def names(response):
    return [item["name"] for item in response.json["items"]]


def test_a_file_is_stored_recognised_and_listed(visitor, study, folder):
    response = visitor.put(f"{study}/files/records.csv", data=CONTENT)
    assert response.status_code == 201
    file = response.json["file"]
    assert (file["name"], file["size"], file["role"]) == ("records.csv", len(CONTENT), "records")
    assert file["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert file["used"]
    assert not file["shared"]
    assert (folder / "files" / "records.csv").read_bytes() == CONTENT
    listed = visitor.get(f"{study}/files")
    assert listed.json["items"] == [file]
    assert listed.headers["ETag"] == f'"{listed.json["revision"]}"'
    detail = visitor.get(study)
    assert detail.json["own"] == {"revision": listed.json["revision"], "files": 1, "bytes": len(CONTENT)}
    assert detail.headers["ETag"] == listed.headers["ETag"]


def test_parts_are_joined_and_a_part_is_no_file(visitor, study, folder):
    address, total = f"{study}/files/records.csv", len(CONTENT)
    first = visitor.put(address, data=CONTENT[:20], headers={"Content-Range": f"bytes 0-19/{total}"})
    assert (first.status_code, first.headers["Range"]) == (202, "bytes=0-19")
    assert first.json["upload"] == {"name": "records.csv", "received": 20, "total": total, "complete": False}
    assert names(visitor.get(f"{study}/files")) == []
    assert list((folder / "files").iterdir()) == []
    question = visitor.put(address, headers={"Content-Range": f"bytes */{total}"})
    assert (question.status_code, question.headers["Range"]) == (202, "bytes=0-19")
    last = visitor.put(address, data=CONTENT[20:], headers={"Content-Range": f"bytes 20-{total - 1}/{total}"})
    assert last.status_code == 201
    assert last.json["file"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert list((folder / "parts").iterdir()) == []


def test_a_part_at_the_wrong_place_is_refused_with_what_is_there(visitor, study):
    address = f"{study}/files/records.csv"
    visitor.put(address, data=CONTENT[:20], headers={"Content-Range": "bytes 0-19/50"})
    for start in (10, 21):
        response = visitor.put(address, data=b"x", headers={"Content-Range": f"bytes {start}-{start}/50"})
        assert (response.status_code, response.headers["Range"]) == (416, "bytes=0-19")
        assert response.content_type == "application/problem+json"
        assert "begin at byte 20" in response.json["detail"]


def test_a_question_changes_nothing(visitor, study, folder):
    address = f"{study}/files/records.csv"
    visitor.put(address, data=CONTENT[:20], headers={"Content-Range": "bytes 0-19/50"})
    question = visitor.put(address, headers={"Content-Range": "bytes */51"})
    assert question.status_code == 202
    assert "Range" not in question.headers
    assert visitor.put(address, headers={"Content-Range": "bytes */50"}).headers["Range"] == "bytes=0-19"
    (part,) = (folder / "parts").iterdir()
    assert part.read_bytes() == CONTENT[:20]


def test_a_later_part_of_another_total_is_refused_and_one_at_0_starts_again(visitor, study, folder):
    address = f"{study}/files/records.csv"
    visitor.put(address, data=CONTENT[:20], headers={"Content-Range": "bytes 0-19/50"})
    refused = visitor.put(address, data=b"x", headers={"Content-Range": "bytes 20-20/51"})
    assert (refused.status_code, refused.headers["Range"]) == (416, "bytes=0-19")
    assert "file of 50 bytes" in refused.json["detail"]
    (part,) = (folder / "parts").iterdir()
    assert part.read_bytes() == CONTENT[:20]
    assert visitor.put(address, data=b"y", headers={"Content-Range": "bytes 0-0/51"}).headers["Range"] == "bytes=0-0"
    (part,) = (folder / "parts").iterdir()
    assert part.read_bytes() == b"y"


def test_a_question_for_a_complete_file(visitor, study):
    address, total = f"{study}/files/records.csv", len(CONTENT)
    visitor.put(address, data=CONTENT)
    question = {"Content-Range": f"bytes */{total}"}
    complete = visitor.put(address, headers=question)
    assert (complete.status_code, complete.json["file"]["size"]) == (200, total)
    assert visitor.put(address, headers={**question, "Repr-Digest": digest(CONTENT)}).status_code == 200
    # another content of the same size
    assert visitor.put(address, headers={**question, "Repr-Digest": digest(b"x")}).status_code == 202
    # a browser does not know the hash, so the page does not take the stored file for the chosen one
    page = visitor.put(address.removeprefix("/api/v1"), headers={**question, "HX-Request": "true"})
    assert (page.status_code, "Range" in page.headers) == (202, False)
    visitor.put(address, data=b"x" * 5, headers={"Content-Range": f"bytes 0-4/{total}"})
    assert visitor.put(address, headers=question).headers["Range"] == "bytes=0-4"


def test_an_old_revision_is_refused(visitor, study, folder):
    address = f"{study}/files/records.csv"
    old = {"If-Match": visitor.get(study).headers["ETag"]}
    assert visitor.put(address, data=CONTENT, headers=old).status_code == 201
    for response in (visitor.put(address, data=b"new", headers=old), visitor.delete(study, headers=old)):
        assert response.status_code == 409
        assert "Someone else changed this study" in response.json["detail"]
    assert (folder / "files" / "records.csv").read_bytes() == CONTENT
    current = {"If-Match": visitor.get(study).headers["ETag"]}
    assert visitor.delete(study, headers=current).status_code == 200


def test_two_people_do_not_mix_their_parts(visitor, study):
    address, total = f"{study}/files/records.csv", len(CONTENT)
    other = bytes(reversed(CONTENT))
    mine, theirs = {"Upload-Id": "mine"}, {"Upload-Id": "theirs"}
    visitor.put(address, data=CONTENT[:20], headers={"Content-Range": f"bytes 0-19/{total}", **mine})
    visitor.put(address, data=other[:30], headers={"Content-Range": f"bytes 0-29/{total}", **theirs})
    rest = {"Content-Range": f"bytes 20-{total - 1}/{total}", **mine}
    done = visitor.put(address, data=CONTENT[20:], headers=rest)
    assert done.json["file"]["sha256"] == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    "text", ["bytes 5-4/9", "bytes 0-9/9", "bytes 0-9/*", "0-9/10", "bytes=0-9/10", "bytes 0-9999999999999999999/1", ""]
)
def test_a_malformed_range(visitor, study, text):
    response = visitor.put(f"{study}/files/a.csv", data=b"x", headers={"Content-Range": text})
    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "/Content-Range"


def test_a_body_that_is_not_as_long_as_its_range(visitor, study):
    response = visitor.put(f"{study}/files/a.csv", data=b"abc", headers={"Content-Range": "bytes 0-9/10"})
    assert response.status_code == 422
    assert response.json["errors"][0]["detail"] == "names 10 bytes and the body has 3"


@pytest.mark.parametrize("header", ["Repr-Digest", "Content-Digest"])
def test_a_digest_is_compared(visitor, study, folder, header):
    wrong = visitor.put(f"{study}/files/a.csv", data=CONTENT, headers={header: digest(b"other")})
    assert wrong.status_code == 422
    assert "sha-256" in wrong.json["detail"]
    assert list((folder / "files").iterdir()) == list((folder / "parts").iterdir()) == []
    right = visitor.put(f"{study}/files/a.csv", data=CONTENT, headers={header: digest(CONTENT)})
    assert right.status_code == 201


def test_the_older_digest_header(visitor, study):
    value = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    put = visitor.put
    assert put(f"{study}/files/a.csv", data=CONTENT, headers={"Digest": f"SHA-256={value}"}).status_code == 201
    assert put(f"{study}/files/a.csv", data=b"x", headers={"Digest": f"md5=abc,sha-256={value}"}).status_code == 422
    assert put(f"{study}/files/a.csv", data=b"x", headers={"Repr-Digest": "sha-256=:!:"}).status_code == 422


def test_a_digest_of_all_is_compared_after_parts(visitor, study, folder):
    address, total = f"{study}/files/a.csv", len(CONTENT)
    visitor.put(address, data=CONTENT[:20], headers={"Content-Range": f"bytes 0-19/{total}"})
    rest = {"Content-Range": f"bytes 20-{total - 1}/{total}"}
    assert visitor.put(address, data=CONTENT[20:], headers={**rest, "Repr-Digest": digest(b"x")}).status_code == 422
    assert list((folder / "files").iterdir()) == list((folder / "parts").iterdir()) == []


def test_a_file_is_replaced_and_equal_files_are_stored_once(visitor, study, folder):
    first = visitor.put(f"{study}/files/a.csv", data=b"old").json
    replaced = visitor.put(f"{study}/files/a.csv", data=CONTENT)
    assert replaced.status_code == 200
    assert replaced.json["revision"] > first["revision"]
    other = visitor.post("/api/v1/studies", json={"title": "Another"}).headers["Location"]
    twin = visitor.put(f"{other}/files/b.csv", data=CONTENT)
    assert twin.json["file"]["shared"]
    copy = folder.parent / "another" / "files" / "b.csv"
    assert copy.samefile(folder / "files" / "a.csv")
    # the same content again under its own name
    assert visitor.put(f"{other}/files/b.csv", data=CONTENT).status_code == 200
    assert copy.read_bytes() == CONTENT
    assert visitor.put(f"{other}/files/b.csv", data=b"new").status_code == 200
    assert (folder / "files" / "a.csv").read_bytes() == CONTENT
    assert not visitor.get(f"{study}/files").json["items"][0]["shared"]


def test_an_empty_file_is_refused(visitor, study, folder):
    response = visitor.put(f"{study}/files/a.csv", data=b"")
    assert response.status_code == 422
    assert "empty" in response.json["detail"]
    assert list((folder / "parts").iterdir()) == []


def test_a_compressed_body_is_refused(visitor, study):
    response = visitor.put(f"{study}/files/a.csv", data=b"x", headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415


def test_a_part_that_nobody_continues_is_removed(visitor, study, folder):
    visitor.put(f"{study}/files/a.csv", data=b"abc", headers={"Content-Range": "bytes 0-2/9"})
    (part,) = (folder / "parts").iterdir()
    week_ago = time.time() - 8 * 24 * 3600
    os.utime(part, (week_ago, week_ago))
    visitor.put(f"{study}/files/b.csv", data=b"x")
    assert not part.exists()


def test_a_file_that_cannot_be_read_is_kept_with_the_reason(visitor, study, reader):
    reader("a.csv", "Line 7 has 3 cells and the header 4.")
    file = visitor.put(f"{study}/files/a.csv", data=b"x").json["file"]
    assert (file["role"], file["sentence"]) == ("unknown", "Line 7 has 3 cells and the header 4.")
    assert not file["used"]
    reader("a.csv", None)
    again = visitor.post(f"{study.removeprefix('/api/v1')}/files/inspect", data={"name": "a.csv"})
    assert again.status_code == 303
    assert visitor.get(f"{study}/files").json["items"][0]["role"] == "records"


def test_an_invalid_report_is_no_report(visitor, study, reader):
    reader("a.csv", {"role": "treasure"})
    file = visitor.put(f"{study}/files/a.csv", data=b"x").json["file"]
    assert file["role"] == "unknown"
    assert "something else than a report" in file["sentence"]


def test_a_file_that_belongs_to_another_has_that_one_looked_at_again(visitor, study, reader):
    visitor.put(f"{study}/files/biome.tif", data=b"x")
    layer = {"file": "biome.tif", "band": "1", "name": "biome", "levels": {"1": "forest"}}
    report = {"name": "biome.tif", "size": 1, "sha256": "", "role": "layers", "sentence": "With a legend"}
    reader("biome.tif", {**report, "layers": [layer]})
    visitor.put(f"{study}/files/biome.tif.aux.xml", data=b"<x/>")
    files = {item["name"]: item for item in visitor.get(f"{study}/files").json["items"]}
    assert files["biome.tif"]["sentence"] == "With a legend"
    assert files["biome.tif.aux.xml"]["used"]
    reader("biome.tif", None)
    visitor.delete(f"{study}/files/biome.tif.aux.xml")
    assert visitor.get(f"{study}/files").json["items"][0]["sentence"] == "1 layer"


def test_deletion(visitor, study, folder):
    visitor.put(f"{study}/files/a.csv", data=b"x")
    revision = visitor.get(study).headers["ETag"]
    visitor.put(f"{study}/files/b.csv", data=b"x")
    stale = visitor.delete(f"{study}/files/a.csv", headers={"If-Match": revision})
    assert stale.status_code == 409
    assert "Look at the study as it is now" in stale.json["detail"]
    current = visitor.get(study).headers["ETag"]
    deleted = visitor.delete(f"{study}/files/a.csv", headers={"If-Match": current})
    assert (deleted.status_code, names(deleted)) == (200, ["b.csv"])
    assert not (folder / "files" / "a.csv").exists()
    assert visitor.delete(f"{study}/files/a.csv").status_code == 404
    assert visitor.delete(f"{study}/files/b.csv", headers={"If-Match": "five"}).status_code == 422


def test_a_file_changed_on_the_disk_is_not_shown_as_what_it_was(visitor, study, folder):
    visitor.put(f"{study}/files/a.csv", data=b"x")
    (folder / "files" / "a.csv").write_bytes(b"longer")
    file = visitor.get(f"{study}/files").json["items"][0]
    assert (file["role"], file["used"]) == ("unknown", False)
    assert "changed on the disk" in file["sentence"]
    (folder / "files" / "a.csv").unlink()
    assert "missing" in visitor.get(f"{study}/files").json["items"][0]["sentence"]
