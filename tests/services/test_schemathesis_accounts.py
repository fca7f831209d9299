"""Schemathesis with credentials: what a person is answered in production keeps to the OpenAPI document too."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app import create_app
from app.accounts import keys, users
from app.config.settings import load_settings
from tests.contract.accounts.conftest import PASSWORD
from tests.services.conftest import call
from tests.services.examining import examine
from tests.variants import thorough
from tools import live
from tools.live import Site

CONFIG = Path(__file__).with_name("schemathesis-accounts.toml")
CONFIG_OF_EDITOR = Path(__file__).with_name("schemathesis-editor.toml")
#: Requests that a limit may answer, of 100. More would mean that limits were examined, and not the views.
MOST_THROTTLED = 2
STUDY = "test-hills"
STUDIES = "^/api/v1/studies"
EDITOR, ADMIN = "editor@example.org", "admin@example.org"
#: Of a browser, whose session counts only on requests of the site's own pages.
SAME_SITE = "Sec-Fetch-Site: same-origin"


@dataclass(frozen=True)
class Served:
    """A site in production, and the keys of an editor and an admin."""

    site: Site
    keys: dict[str, str]

    def headers(self, credential: str) -> list[str]:
        """Return the headers by which a person is known."""
        if credential == "token":
            given = call(f"{self.site.url}/api/v1/auth/token", {"email": EDITOR, "password": PASSWORD})
            assert given.status == 200, given.json
            return [f"Authorization: Bearer {given.json['access_token']}"]
        if credential == "session":
            return [f"Cookie: {_session_of(self.site)}", SAME_SITE]
        return [f"X-API-Key: {self.keys[credential]}"]


@pytest.fixture(scope="module")
def served(prepared: Path, workroom: Path) -> Iterator[Served]:
    environ = live.copy_site(
        prepared,
        workroom / "schemathesis-accounts",
        ENVIRONMENT="production",
        ALLOWED_HOSTS="127.0.0.1",
        TRUSTED_PROXIES="1",
    )
    app = create_app(load_settings(environ))
    made = {}
    with app.app_context():
        for name, email, role, scope in (("key", EDITOR, "editor", "write"), ("admin", ADMIN, "admin", "admin")):
            user = users.create(email, role, PASSWORD)
            made[name] = keys.create(user, user.epoch, "a test", ["read", "predict", scope], 1)[1]
    # as an admin does for people who ask much
    live.flask(environ, "plans", "set", "free", "--rate", "100000/second", "--requests-a-month", "none")
    # without gunicorn's own limit on addresses, which answers 414 in HTML before the application is asked
    with live.serving(environ, GUNICORN_CMD_ARGS="--limit-request-line=0") as site:
        # otherwise the editor would be refused everywhere in the study that the examples of the document name
        path, as_admin = f"{site.url}/api/v1/studies/{STUDY}/people", {"X-API-Key": made["admin"]}
        shared = call(path, {"email": EDITOR, "role": "editor"}, as_admin, method="PUT")
        assert shared.status in (200, 201), shared.json
        yield Served(site, made)


def _session_of(site: Site) -> str:
    """Return the cookie of a person who has signed in as with a browser."""
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=20)
    form = urlencode({"email": EDITOR, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    connection.request("POST", "/login", form, headers)
    answer = connection.getresponse()
    connection.close()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert (answer.status, cookie.partition("=")[0]) == (303, "__Host-session")
    return cookie


# The views are the same for every credential, so one of them goes through the many cases of the phase "coverage".
@pytest.mark.parametrize(
    ("credential", "phases", "examples"),
    [
        ("key", "examples,fuzzing", 3),
        thorough("token", "examples,fuzzing", 1),
        thorough("session", "examples,fuzzing", 1),
        thorough("admin", "examples,coverage,fuzzing,stateful", 1),
    ],
)
def test_the_api_keeps_to_its_document_for_people(
    credential: str,
    phases: str,
    examples: int,
    served: Served,
    workroom: Path,
    record_summary: Callable[[str, str], None],
) -> None:
    headers = served.headers(credential)
    own = call(
        f"{served.site.url}/api/v1/studies", {"title": f"Of a {credential}"}, dict(h.split(": ", 1) for h in headers)
    )
    assert own.status == 201, own.json
    # Credentials that are wrong on purpose are examined below. The endpoints of tokens take none.
    options = ["--checks", "all", "--exclude-checks", "ignored_auth", "--exclude-path-regex", "^/api/v1/auth/"]
    options += ["--phases", phases]
    config = CONFIG if credential == "admin" else CONFIG_OF_EDITOR
    done = examine(served.site, workroom, config, examples, headers, options)
    record_summary(f"schemathesis with credentials: {credential}", done.summary)
    done.assert_keeps(70)
    assert done.throttled <= MOST_THROTTLED / 100, done.summary
    assert not done.statuses[401], done.summary
    log = served.site.program.output()
    assert "Traceback" not in log
    assert headers[0].partition(": ")[2] not in log


@pytest.mark.parametrize(
    ("client", "operations"),
    [
        ("192.0.2.1", ["--include-path-regex", STUDIES, "--exclude-method-regex", "POST|PUT|PATCH|DELETE"]),
        ("192.0.2.2", ["--include-path-regex", STUDIES, "--exclude-method", "GET"]),
        ("192.0.2.3", ["--include-path-regex", "^/api/v1/(?!studies|auth/)"]),
    ],
    ids=["reading studies", "changing studies", "others"],
)
def test_wrong_credentials_are_refused(
    client: str,
    operations: list[str],
    served: Served,
    workroom: Path,
    record_summary: Callable[[str, str], None],
    request: pytest.FixtureRequest,
) -> None:
    # Wrong credentials of an address are throttled on purpose: few examples, in runs from addresses of their own.
    headers = [*served.headers("key"), f"X-Forwarded-For: {client}"]
    options = ["--checks", "ignored_auth,not_a_server_error", "--phases", "fuzzing", *operations]
    done = examine(served.site, workroom, CONFIG, 1, headers, options)
    record_summary(f"schemathesis with wrong credentials: {request.node.callspec.id}", done.summary)
    done.assert_keeps(15)
    assert done.statuses[401] >= 5
    assert done.throttled <= MOST_THROTTLED / 100, done.summary
