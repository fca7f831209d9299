"""Static files that nginx serves itself, compressed for clients that accept it."""

from __future__ import annotations

import gzip

import pytest

from tests.services.nginx.conftest import ask
from tools import live


def test_static_files_come_packed_beforehand(front: live.Front) -> None:
    for name in ("css/tokens.css", "js/app.js", "vendor/htmx.min.js", "css/icon.svg"):
        content = (live.PROJECT / "app" / "static" / name).read_bytes()
        plain = ask(front.port, f"/static/{name}")
        packed = ask(front.port, f"/static/{name}", headers={"Accept-Encoding": "br, gzip"})
        assert (plain.status, plain.body) == (200, content)
        assert "content-encoding" not in plain.headers
        kept = front.folder / "srv" / "gzip" / "static" / name
        if kept.exists():
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.body == kept.read_bytes()
            assert gzip.decompress(packed.body) == content
            assert packed.headers["etag"] != plain.headers["etag"]
        for answer in (plain, packed):
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["content-type"] == plain.headers["content-type"]
            assert answer.headers["x-content-type-options"] == "nosniff"
    assert (front.folder / "srv" / "gzip" / "static" / "css" / "tokens.css").exists()


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br", "gzip; q=0.0, br"])
def test_who_cannot_unpack_gets_the_file_as_it_is(front: live.Front, accepted: str) -> None:
    answer = ask(front.port, "/static/css/tokens.css", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in answer.headers
    assert answer.body == (live.PROJECT / "app" / "static" / "css" / "tokens.css").read_bytes()


def test_an_address_with_a_version_is_kept_for_good(front: live.Front) -> None:
    page = ask(front.port, "/").body.decode()
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    for encoding in ("identity", "gzip"):
        versioned = ask(front.port, address, headers={"Accept-Encoding": encoding})
        assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = ask(front.port, address.split("?")[0], headers={"Accept-Encoding": encoding})
        assert plain.headers["cache-control"] == "public, max-age=3600"
    again = ask(front.port, address, headers={"If-None-Match": plain.headers["etag"], "Accept-Encoding": "gzip"})
    assert again.status == 304


def test_a_missing_static_file_is_not_kept(front: live.Front) -> None:
    for path in ("/static/none.css?v=1", "/static/../wsgi.py", "/static/", "/static/css/"):
        answer = ask(front.port, path, headers={"Accept-Encoding": "gzip"})
        assert answer.status in (400, 403, 404), path
        assert "immutable" not in answer.headers.get("cache-control", ""), path
