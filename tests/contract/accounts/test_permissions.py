"""Every route × method × role in production: who is answered, who is asked to sign in, who is refused."""

from __future__ import annotations

import re
import uuid

import pytest
from flask import Response

from app import create_app
from app.accounts import keys, tokens, users
from app.accounts.needs import NEEDS
from tests.contract.accounts.conftest import PASSWORD, ROLES, make_production
from tests.contract.accounts.expected_routes import BROWSERS, EXPECTED, OWN_LISTS, PREDICTING, WITHOUT_SCOPE
from tests.contract.conftest import make_settings, upgrade

ENDING = ("/logout", "/account/sessions/end")


def table():
    rows = [line.split(" ", 2) for line in EXPECTED.strip().splitlines()]
    return {(method, rule): who for who, method, rule in rows}


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    return make_production(tmp_path_factory.mktemp("production"))


def routes(app):
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def address_of(rule):
    """An address of a rule that names nothing which exists."""
    values = {"uuid": str(uuid.UUID(int=1)), "int": "1", "path": "nothing.csv"}
    return re.sub(r"<(?:(\w+)(?:\([^)]*\))?:)?\w+>", lambda match: values.get(match[1], "nothing"), rule)


def is_allowed(who, role):
    if who == "everybody":
        return True
    if role is None:
        return False
    return who == "own" or ROLES.index(role) >= ROLES.index(who)


def outcome(response, rule=""):
    if response.status_code in (401, 403):
        return response.status_code
    if response.status_code == 303 and response.location.startswith("/login?next=") and rule != "/login/code":
        return "sign in"
    return "answered"


def expected_outcome(who, role, rule):
    if is_allowed(who, role):
        return "answered"
    if role is not None:
        return 403
    return 401 if rule.startswith("/api/") else "sign in"


def test_every_route_has_a_row_and_every_row_a_route(production):
    assert routes(production) == set(table())


def test_every_endpoint_has_a_need(production):
    assert {rule.endpoint for rule in production.url_map.iter_rules()} == set(NEEDS)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_each_route_answers_whom_it_should(production, role):
    wrong, session = [], None
    # at the end those that end the session
    for (method, rule), who in sorted(table().items(), key=lambda row: (row[0][1] in ENDING, row[0][1])):
        browser = production.test_client()
        if role is not None and (session is None or rule in ENDING):
            assert browser.sign_in(f"{role}@example.org").status_code == 303
            session = browser.cookie()
        elif session is not None:
            browser.set_session(session)
        response = browser.open(address_of(rule), method=method)
        if outcome(response, rule) != expected_outcome(who, role, rule):
            wrong.append((method, rule, who, response.status_code, response.location))
        assert role is not None or "Set-Cookie" not in response.headers, "visitors have no session"
        assert response.status_code < 500 or rule == "/health/ready", (method, rule, response.get_data(as_text=True))
    assert wrong == []


def test_in_development_everybody_may_do_everything_but_see_an_account(tmp_path):
    app = create_app(make_settings(tmp_path, environment="development", allowed_hosts=("localhost",)))
    upgrade(app)
    for (method, rule), who in table().items():
        response = app.test_client().open(address_of(rule), method=method)
        assert outcome(response, rule) == ("sign in" if who == "own" else "answered"), (method, rule)


def test_a_route_without_a_need_is_for_admins(tmp_path):
    settings = make_settings(tmp_path, environment="production", allowed_hosts=("localhost",))
    app = create_app(settings)
    app.add_url_rule("/new", "new", lambda: "done", methods=["GET", "POST"])
    assert outcome(app.test_client().get("/new")) == "sign in"
    assert app.test_client().post("/new", headers={"Accept": "application/json"}).status_code == 401


def test_pictures_of_a_protected_route_are_kept_by_the_browser_only(tmp_path):
    def picture():
        response = Response("picture")
        response.cache_control.public, response.cache_control.max_age = True, 60
        return response

    app = make_production(tmp_path)
    app.add_url_rule("/picture", "picture", picture)
    browser = app.test_client()
    browser.sign_in("admin@example.org")
    sent = browser.get("/picture")
    assert sent.headers["Cache-Control"] == "max-age=60, private"
    assert "Cookie" in sent.vary


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_a_head_request_needs_what_a_get_request_needs(production, method):
    browser = production.test_client()
    assert outcome(browser.open("/studies/new", method=method)) == "sign in"


def test_refusals_have_the_shape_of_other_errors(production):
    anonymous = production.test_client()
    response = anonymous.post("/api/v1/studies", json={"title": "x"})
    assert (response.status_code, response.mimetype) == (401, "application/problem+json")
    assert set(response.json) == {"type", "title", "status", "detail", "instance"}
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in response.vary
    refused = anonymous.get("/api/v1/studies/x/files")
    assert refused.status_code == 401
    assert "an API key in X-API-Key, or a token from /api/v1/auth/token" in refused.json["detail"]
    viewer = production.test_client()
    viewer.sign_in("viewer@example.org")
    response = viewer.post("/api/v1/studies", json={"title": "x"})
    assert (response.status_code, response.mimetype) == (403, "application/problem+json")
    assert response.json["detail"] == "This needs an editor or an admin, and your role is viewer."
    page = viewer.get("/studies/new")
    assert (page.status_code, page.mimetype) == (403, "text/html")
    fragment = anonymous.post("/studies/x/files/inspect", headers={"HX-Request": "true"})
    assert (fragment.status_code, "/login?next=" in fragment.text) == (401, True)


def test_only_strangers_are_told_to_sign_in_for_a_study(tmp_path):
    production = make_production(tmp_path)
    stranger, viewer = production.test_client(), production.test_client()
    viewer.sign_in("viewer@example.org")
    page, told = (" ".join(browser.get("/studies").text.split()) for browser in (stranger, viewer))
    assert 'Studies are created by editors: <a href="/login?next=/studies">sign in</a>.' in page
    assert "by editors, and your role is viewer: ask an admin of this site for another role." in told
    assert "sign in" not in told.lower()


def test_the_account_of_an_admin_leads_to_what_only_admins_see(production):
    admin = production.test_client()
    admin.sign_in("admin@example.org")
    for text in ('<a href="/people">People</a>', '<a href="/plans">Plans</a>', '<a href="/audit">Audit trail</a>'):
        assert text in admin.get("/account").text


def test_a_program_signs_in_as_the_documents_say(production):
    program, origin = production.test_client(), {"Sec-Fetch-Site": None, "Origin": "https://localhost"}
    form = {"email": "editor@example.org", "password": PASSWORD}
    assert program.post("/login", data=form, headers=origin).status_code == 303
    assert program.post("/api/v1/studies", json={"title": "Lizards"}, headers=origin).status_code == 201


def test_an_editor_creates_a_study_and_shows_it_to_viewers(production):
    editor, viewer, anonymous = (production.test_client() for _ in range(3))
    editor.sign_in("editor@example.org")
    viewer.sign_in("viewer@example.org")
    created = editor.post("/api/v1/studies", json={"title": "Lizards"})
    assert created.status_code == 201
    path = f"/studies/{created.json['slug']}"
    assert 'action="/studies/' in editor.get(path).text
    assert "read-only" not in editor.get(path).text
    assert viewer.get(path).status_code == 404
    assert "Lizards" not in viewer.get("/studies").text
    assert editor.patch(f"/api/v1{path}", json={"visibility": "public"}).status_code == 200
    seen = viewer.get(path)
    assert seen.status_code == 200
    assert 'method="post"' not in seen.text
    both = "as editors change it, with an account that has the role editor; yours has not."
    assert both in " ".join(seen.text.split())
    assert "/studies/new" not in viewer.get("/studies").text
    assert anonymous.get(path).location == f"/login?next=%2Fstudies%2F{created.json['slug']}"
    assert "Lizards" in anonymous.get("/studies").text


def test_the_document_says_who_is_refused(production):
    paths = production.test_client().get("/openapi.json").json["paths"]
    assert {"401", "403"} <= set(paths["/api/v1/studies"]["post"]["responses"])
    assert not {"401", "403"} & set(paths["/api/v1/predictions"]["post"]["responses"])


def listed(text):
    return {tuple(line.split(" ", 1)) for line in text.strip().splitlines()}


def scope_needed(method, rule, who):
    """The least scope of a key with which a route answers; "browser" where none is enough."""
    if who == "own" or (method, rule) in listed(BROWSERS):
        return "browser"
    if (method, rule) in listed(PREDICTING):
        return "predict"
    if (method, rule) in listed(OWN_LISTS):
        return "read"
    if who in ("admin", "editor"):
        return {"admin": "admin", "editor": "write"}[who]
    if method not in ("GET", "HEAD") and (method, rule) not in listed(WITHOUT_SCOPE):
        return "write"
    return {"everybody": None, "viewer": "read"}[who]


def test_lists_of_routes_for_keys_name_routes():
    for text in (PREDICTING, BROWSERS, WITHOUT_SCOPE, OWN_LISTS):
        assert listed(text) <= set(table())


KINDS = [(role, kind) for role in ROLES for kind in ("read", "predict", "write", "token")]


# admins alone make keys with the scope admin
@pytest.mark.parametrize(("role", "kind"), [*KINDS, ("admin", "admin")])
def test_each_route_answers_the_keys_it_should(production, role, kind):
    with production.app_context():
        user = users.get(f"{role}@example.org")
        if kind == "token":
            headers = {"Authorization": f"Bearer {tokens.begin(user.id, user.epoch).access}"}
        else:
            headers = {"X-API-Key": keys.create(user, user.epoch, "a test", [kind], 1)[1]}
    within = {"read": {"read"}, "predict": {"predict"}, "write": {"read", "predict", "write"}}
    has = within.get(kind, {"read", "predict", "write", "admin"}) | {None}
    wrong = []
    for (method, rule), who in table().items():
        response = production.test_client().open(address_of(rule), method=method, headers=headers)
        answered = scope_needed(method, rule, who) in has and is_allowed(who, role)
        if outcome(response, rule) != ("answered" if answered else 403):
            wrong.append((method, rule, who, response.status_code))
        assert "Set-Cookie" not in response.headers, rule
    assert wrong == []


def test_in_development_scopes_do_not_matter_but_keys_do(tmp_path):
    app = create_app(make_settings(tmp_path, environment="development", allowed_hosts=("localhost",)))
    upgrade(app)
    with app.app_context():
        user = users.create("one@example.org", "viewer", PASSWORD)
        key = keys.create(user, user.epoch, "a test", ["predict"], 1)[1]
    client = app.test_client()
    assert client.post("/api/v1/studies", json={"title": "x"}, headers={"X-API-Key": key}).status_code == 201
    assert client.post("/api/v1/studies", json={"title": "y"}, headers={"X-API-Key": "x"}).status_code == 401


def test_the_document_has_the_scope_of_each_operation(production):
    document = production.test_client().get("/openapi.json").json
    assert set(document["components"]["securitySchemes"]) == {"key", "token", "session"}
    described = {
        (method.upper(), path): operation["security"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described["POST", "/api/v1/predictions"] == [{}, {"key": ["predict"]}, {"token": []}, {"session": []}]
    assert described["GET", "/api/v1/species"] == [{}, {"key": []}, {"token": []}, {"session": []}]
    assert described["POST", "/api/v1/models/{id}/activate"] == [{"key": ["admin"]}, {"token": []}, {"session": []}]
    assert described["GET", "/api/v1/studies/{slug}/files"][0] == {"key": ["read"]}
    assert described["POST", "/api/v1/auth/token"] == described["GET", "/health/live"] == []
    for (method, rule), who in table().items():
        path = re.sub(r"<(?:[^<>]*:)?(?:[a-z]+_)?([a-z]+)>", r"{\1}", rule)
        if rule.startswith("/api/") and (method, rule) not in listed(WITHOUT_SCOPE):
            scope = scope_needed(method, rule, who)
            assert [way["key"] for way in described[method, path] if "key" in way] == [[scope] if scope else []], rule
            assert ({} in described[method, path]) == (who == "everybody"), rule
