"""Each route that takes an id or a slug, asked by the owner, by those that the study is shared with, and by others."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OTHERS
from tests.contract.owners.expected_owners import EXPECTED

#: Variables of rules that name nothing of a study.
FREE = {"filename", "column", "row", "token", "z", "x", "y", "band", "file", "name", "key_id", "user_id"}
_QUOTED = re.compile(r"(“|\\u201c)[^”\\]*(”|\\u201d)")
ORDER = ("reader", "helper", "owner", "admin")
# What is sent where an empty body would be refused before anything is looked up.
BODIES = {
    ("PATCH", "/api/v1/studies/<slug:slug>"): {"title": "Other hills"},
    ("PUT", "/api/v1/studies/<slug:slug>/people"): {"email": "somebody@example.org", "role": "reader"},
    ("PUT", "/api/v1/studies/<slug:slug>/sensitive-species"): {"species": "Bubo bubo", "grid_km": 10},
    ("POST", "/api/v1/studies/<slug:slug>/gbif"): {"species": "Lacerta schreiberi"},
    ("PATCH", "/api/v1/studies/<slug:slug>/records"): {"revision": 1},
    ("PATCH", "/api/v1/observations/<uuid:observation_id>"): {"state": "accepted"},
    ("PATCH", "/api/v1/studies/<slug:slug>/layers"): {"revision": 1},
}


def rules(app):
    """Every method and rule that names a study, or something that is derived from one."""
    found = []
    for rule in app.url_map.iter_rules():
        if set(rule.arguments) - FREE:
            found += [(method, rule.rule) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    # what deletes comes last
    return sorted(found, key=lambda row: (row[0] == "DELETE" or "delete" in row[1] or "remove" in row[1], row))


def address_of(rule, ids, *, exists):
    """An address of something of the hidden study, or of something that does not exist and has the same form."""
    free = {"z": "0", "x": "0", "y": "0", "band": "1", "file": "1", "name": "notes.csv"}

    def value(match):
        name = match[2]
        if name in free:
            return free[name]
        if name == "slug":
            found = HIDDEN if rule.startswith(("/studies/", "/api/v1/studies/")) else WHEATEAR
            return found if exists else f"x{found[1:]}"
        return ids[name] if exists else _other(ids[name])

    return re.sub(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>", value, rule)


def _other(name):
    return str(uuid.UUID(int=uuid.UUID(name).int ^ 1)) if len(name) == 36 else f"x{name[1:]}"


def ask(browser, method, rule, ids, *, exists):
    address = address_of(rule, ids, exists=exists)
    body = BODIES.get((method, rule))
    return browser.open(address, method=method, **({"json": body} if body is not None else {}))


def shape(response, address):
    """The response without what a request decides: its address, and its id."""
    text = response.get_data(as_text=True).replace(response.headers["X-Request-ID"], "")
    for part in sorted({address, *re.split("[/.]", address)}, key=len, reverse=True):
        if len(part) > 9:
            text = text.replace(part, "…")
    location = response.headers.get("Location", "")
    headers = {name: response.headers.get(name) for name in ("Content-Type", "Cache-Control", "ETag", "Vary")}
    return response.status_code, _QUOTED.sub("“…”", text), location.partition("?")[0], headers


def table():
    rows = [line.split(" ", 2) for line in EXPECTED.strip().splitlines()]
    return {(method, rule): who for who, method, rule in rows}


def test_every_such_route_has_a_row_and_every_row_a_route(world):
    assert set(rules(world.app)) == set(table())


@pytest.mark.parametrize("name", ["other", "viewer", None])
@pytest.mark.parametrize("visibility", ["shared", "private"])
def test_others_get_what_they_get_for_something_that_does_not_exist(world, name, visibility):
    world.share(visibility)
    wrong = []
    for method, rule in rules(world.app):
        browser = world.browser(name)
        given = [ask(browser, method, rule, world.ids, exists=exists) for exists in (True, False)]
        addresses = [address_of(rule, world.ids, exists=exists) for exists in (True, False)]
        one, two = (shape(*pair) for pair in zip(given, addresses, strict=True))
        if one != two:
            wrong.append((method, rule, *[pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]]))
    world.share("shared")
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("name", ["reader", "helper"])
def test_a_private_study_does_not_exist_for_those_that_it_was_shared_with(world, name):
    world.share("private")
    for method, rule in rules(world.app):
        if table()[method, rule] == "everybody" or method != "GET":
            continue
        response = ask(world.browser(name), method, rule, world.ids, exists=True)
        assert response.status_code in (403, 404), (method, rule, response.status_code)
    world.share("shared")


@pytest.mark.parametrize("name", ORDER)
def test_each_route_answers_those_who_may_use_it(world, name):
    wrong = []
    for method, rule in rules(world.app):
        who = table()[method, rule]
        is_allowed = who == "everybody" or (who in ORDER and ORDER.index(name) >= ORDER.index(who))
        if is_allowed and (method == "DELETE" or rule.endswith("/delete")):
            # tests of their own delete
            continue
        response = ask(world.browser(name), method, rule, world.ids, exists=True)
        if is_allowed:
            lacks = response.status_code == 404 and "There is no" in response.get_data(as_text=True)
            if response.status_code in (401, 403) or lacks or response.status_code >= 500:
                wrong.append((method, rule, who, response.status_code, response.get_data(as_text=True)[-300:]))
        elif response.status_code not in (403, 404):
            wrong.append((method, rule, who, response.status_code))
    assert not wrong, "\n".join(map(str, wrong))


# the second study has no models
@pytest.mark.parametrize(("name", "slug"), [("other", HIDDEN), (None, HIDDEN), (None, OTHERS)])
def test_a_body_or_a_query_tells_no_more_than_an_address(private, name, slug):
    ids, environment = private.ids, private.environment
    slugs, species = (slug, f"x{slug[1:]}"), (WHEATEAR, f"x{WHEATEAR[1:]}")
    models = (ids["model_id"], _other(ids["model_id"]))
    asked = [
        ("POST", "/comparisons/species", [{"study": one, "environment": {}} for one in slugs]),
        ("POST", "/comparisons/conditions", [_sets(one, environment) for one in species]),
        ("POST", "/predictions", [{"species": one, "environment": environment} for one in species]),
        ("GET", "/comparisons/models", [{"first": one} for one in models]),
        ("GET", "/comparisons/models", [{"second": one} for one in models]),
        ("GET", "/maps", [{"species": one} for one in species]),
        ("GET", "/observations", [{"study": one} for one in slugs]),
    ]
    for method, path, pair in asked:
        key = "query_string" if method == "GET" else "json"
        given = [private.browser(name).open(f"/api/v1{path}", method=method, **{key: one}) for one in pair]
        one, two = (shape(response, path) for response in given)
        assert one == two, (method, path)
        assert "Cookie" in one[3]["Vary"], (method, path)


def _sets(species, environment):
    return {"species": species, "environments": [{"environment": environment}]}
