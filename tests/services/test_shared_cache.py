"""nginx with proxy_cache, configured as the how-to says, in front of an application as in production."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import create_app
from app.accounts import users
from app.config.settings import load_settings
from app.web.shared_caches import FRESH_S, STALE_S
from tests.contract.accounts.conftest import PASSWORD
from tests.services.conftest import WHEATEAR, Answer, call
from tests.services.versions import retrained
from tools import live
from tools.live import PROJECT
from tools.live.front import nginx_binary
from tools.live.ports import free_port

EMAIL = "owner@example.org"
API = "/api/v1"


def configuration(folder: Path, port: int, origin: str) -> str:
    """The configuration of the how-to with local addresses."""
    text = (PROJECT / "docs" / "how-to" / "content-delivery.md").read_text()
    (block,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    for old, new in (
        ("/var/cache/nginx", str(folder)),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("http://origin:8501", origin),
    ):
        assert old in block
        block = block.replace(old, new)
    paths = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    return (
        f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n{'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{}}\nhttp {{\naccess_log off;\nclient_body_temp_path {folder}/body;\n{paths}{block}}}\n"
    )


@dataclass
class Cached:
    """A cache with an application behind it."""

    url: str
    site: live.Site
    key: str

    def get(self, path: str, **headers: str) -> Answer:
        return call(f"{self.url}{path}", headers=headers)


@contextlib.contextmanager
def caching(folder: Path, origin: str) -> Iterator[str]:
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(configuration(folder, port, origin))
    command = [nginx_binary(), "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"]
    with live.running(command, folder / "nginx.log", port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def cached(prepared: Path, workroom: Path) -> Iterator[Cached]:
    environ = live.copy_site(prepared, workroom / "shared-cache", ENVIRONMENT="production", TRUSTED_PROXIES="1")
    with create_app(load_settings(environ)).app_context():
        users.create(EMAIL, "editor", PASSWORD)
    made = live.flask(environ, "keys", "create", EMAIL, "--name", "test", "--scope", "read", "--scope", "write")
    key = re.search(r"\beco_\S+", made)
    assert key, made
    with live.serving(environ) as site, caching(Path(environ["DATA_DIR"]) / "nginx", site.url) as url:
        yield Cached(url, site, key[0])


def test_public_reads_are_stored_and_predictions_are_not(cached: Cached) -> None:
    first, second = cached.get(f"{API}/models"), cached.get(f"{API}/models")
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
    assert first.body == second.body
    assert cached.get(f"{API}/models?limit=1").headers["x-cache"] == "MISS"
    for path in ("/", "/species", f"/species/{WHEATEAR}", f"{API}/maps", f"{API}/models/none", "/health/ready"):
        for _ in range(2):
            assert cached.get(path).headers["x-cache"] in ("MISS", "EXPIRED"), path


def test_an_answer_for_one_person_is_given_to_no_other(cached: Cached) -> None:
    slug = "secret-hills"
    mine = {"X-API-Key": cached.key}
    made = call(f"{cached.url}{API}/studies", {"title": "Secret hills", "slug": slug}, headers=mine)
    assert made.status == 201, made.body
    for path in (f"{API}/studies", f"{API}/studies/{slug}"):
        for number in range(3):
            # the owner first, then strangers and people with other credentials, in turns
            own = cached.get(path, **mine)
            assert (own.status, own.headers["x-cache"]) == (200, "BYPASS"), number
            assert slug.encode() in own.body
            for headers in ({}, {"Cookie": "__Host-session=x"}, {"Authorization": "Basic eDp4"}):
                other = cached.get(path, **headers)
                assert b"Secret hills" not in other.body, (path, headers)
    # and what a stranger was given is not given to the owner
    assert slug.encode() in cached.get(f"{API}/studies", **mine).body


def test_an_activation_is_seen_within_the_stated_time(cached: Cached) -> None:
    path = f"{API}/species/{WHEATEAR}"
    before = cached.get(path)
    assert before.headers["x-cache"] == "MISS"
    card = next((cached.site.data_dir / "models").glob(f"*/{WHEATEAR}/*"))
    other = retrained(card)
    live.flask(cached.site.environ, "models", "register", other, "--activate")
    assert call(f"{cached.site.url}{path}").json["model"]["id"] == other.name
    # the lifetime begins with the response that was stored, before the activation
    stated, seen = time.monotonic() + FRESH_S + STALE_S, set()
    while cached.get(path).json["model"]["id"] != other.name:
        seen.add(cached.get(path).headers["x-cache"])
        if time.monotonic() > stated:
            pytest.fail(f"the earlier model is still shown; seen {seen}")
        time.sleep(0.5)
    assert "HIT" in seen
