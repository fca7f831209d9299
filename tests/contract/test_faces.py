"""Every route in each of its faces."""

from __future__ import annotations

import re
import shlex
import uuid

import pytest

from tests.contract.conftest import WHEATEAR

HTMX = {"HX-Request": "true"}
PAGES = [
    "/",
    f"/?species={WHEATEAR}",
    f"/?species={WHEATEAR}&from=1",
    "/species",
    "/species?q=wheat",
    f"/species/{WHEATEAR}",
]


def form_of(environment, **changes):
    values = {f"env.{name}": str(value) for name, value in {**environment, **changes}.items() if value is not ...}
    return {"species": WHEATEAR, **values}


@pytest.mark.parametrize("path", PAGES)
def test_pages(client, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert "HX-Request" in response.vary
    assert response.get_data(as_text=True).lstrip().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (f"/?species={WHEATEAR}", "workspace"),
        ("/species?q=wheat", "species-results"),
        ("/species?q=wheat&pick=1", "species-options"),
    ],
)
def test_fragments(client, path, root):
    response = client.get(path, headers=HTMX)
    text = response.get_data(as_text=True).strip()
    assert response.status_code == 200
    assert "HX-Request" in response.vary
    assert "<html" not in text
    assert re.match(rf'<\w+[^>]*\bid="{root}"', text), text[:200]


@pytest.mark.parametrize("extra", [{"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}])
def test_boosted_and_restored_get_the_page(client, extra):
    response = client.get("/species", headers={**HTMX, **extra})
    assert response.get_data(as_text=True).lstrip().startswith("<!doctype html>")


def test_example_is_not_stored(client, stored):
    before = stored()
    for path in PAGES[:3]:
        client.get(path)
    assert stored() == before


def test_answer_page_and_its_link(client, environment, stored):
    before = stored()
    response = client.post("/", data=form_of(environment))
    assert response.status_code == 200
    text = response.get_data(as_text=True)
    link = re.search(r'href="(/predictions/[0-9a-f-]{36})"', text)
    assert link, "the answer names its permanent link"
    assert stored() == before + 1
    assert client.get(link[1]).status_code == 200
    kept = client.get("/api/v1" + link[1]).json
    assert kept["environment"] == environment


def test_answer_fragment(client, environment):
    response = client.post("/", data=form_of(environment), headers=HTMX)
    text = response.get_data(as_text=True).strip()
    assert response.status_code == 200
    assert 'id="answer"' in text.split(">")[0]
    assert "probability" not in text


def test_decimal_comma_in_the_form(client, environment):
    response = client.post("/", data=form_of(environment, trees="12,5"))
    assert response.status_code == 200
    assert 'value="12,5"' in response.get_data(as_text=True)
    assert client.get("/api/v1/predictions?limit=1").json["items"][0]["environment"]["trees"] == 12.5


def test_form_again_with_messages(client, environment, nothing_happened):
    response = client.post("/", data=form_of(environment, trees="many", bare_rock=""))
    text = response.get_data(as_text=True)
    assert response.status_code == 422
    assert 'value="many"' in text
    assert "Must be a number" in text
    assert "Enter a value" in text
    assert 'aria-invalid="true"' in text
    assert 'role="alert"' in text


def test_form_again_as_fragment(client, environment, nothing_happened):
    response = client.post("/", data=form_of(environment, trees="many"), headers=HTMX)
    assert response.status_code == 422
    assert response.headers["HX-Retarget"] == "#workspace"
    assert response.headers["HX-Reswap"] == "outerHTML"
    assert 'id="workspace"' in response.get_data(as_text=True).strip().split(">")[0]


@pytest.mark.parametrize(
    "name", ["", "nothing-like-it", "x" * 10_000, "<script>alert(1)</script>", "'; DROP TABLE species;--"]
)
def test_form_with_unknown_species(client, environment, name, nothing_happened):
    response = client.post("/", data={**form_of(environment), "species": name})
    text = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "<script>alert" not in text
    assert client.get("/", query_string={"species": name or "zz"}).status_code == 422


def test_permalink_fragment_and_missing(client, ask):
    made = ask().json["id"]
    assert 'id="answer"' in client.get(f"/predictions/{made}", headers=HTMX).get_data(as_text=True)
    for bad in (uuid.uuid4(), "nothing", "%00", "a" * 500):
        page = client.get(f"/predictions/{bad}")
        assert page.status_code == 404
        assert page.mimetype == "text/html"
        assert client.get(f"/api/v1/predictions/{bad}").status_code == 404


def test_outside_the_training_range_is_answered_and_flagged(client, environment, ask):
    answer = ask(temperature=60).json
    assert answer["novelty"]["in_area_of_applicability"] is False
    assert answer["novelty"]["mess"] < 0
    assert answer["novelty"]["most_dissimilar"] == "temperature"
    assert "Cannot say" in client.post("/", data=form_of(environment, temperature=60)).get_data(as_text=True)


def test_curl_is_a_shell_command(client, app, environment, ask):
    from app.predictions import stored as kept
    from app.predictions.addresses import curl

    with app.app_context():
        answer, card = kept.find(ask().json["id"])
    words = shlex.split(curl(answer, card, "http://localhost"))
    assert words[:2] == ["curl", "http://localhost/api/v1/predictions"]
    again = client.post("/api/v1/predictions", data=words[-1], content_type="application/json")
    assert again.status_code == 200
    assert again.json["suitability"] == answer.suitability


def test_no_models_yet(empty_app):
    client = empty_app.test_client()
    response = client.get("/")
    assert response.status_code == 200
    assert "Bring your own records and layers" in response.get_data(as_text=True)
    assert client.get("/species").status_code == 200
    assert client.get("/api/v1/species").json == {"items": [], "next": None}
    assert client.get("/openapi.json").status_code == 200
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json["status"]) == (200, "ready")
    assert ready.json["components"] == {
        "database": "up",
        "replica": "none",
        "cache": "in process",
        "disk": "up",
        "models": 0,
        "broken_models": 0,
        "handover": "direct",
        "waiting": 0,
        "jobs": "up",
    }


@pytest.mark.parametrize("path", ["/api/v1/jobs/1"])
def test_what_is_not_built_is_absent(client, path):
    assert client.get(path).status_code == 404
    assert path not in client.get("/openapi.json").json["paths"]


def test_docs(client):
    page = client.get("/docs")
    assert page.status_code == 200
    assert "'unsafe-inline'" in page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    for name in re.findall(r'(/docs/assets/[^"]+)"', page.get_data(as_text=True)):
        assert client.get(name).status_code == 200
    assert client.get("/docs/assets/index.html").status_code == 404
    assert "'unsafe-inline'" not in client.get("/").headers["Content-Security-Policy"]


def test_terms_on_the_pages_are_in_the_glossary(client):
    from app.web.glossary import GLOSSARY

    assert all(sentence.endswith(".") and len(sentence) > 20 for sentence in GLOSSARY.values())
    assert "maxSSS" in client.get("/").get_data(as_text=True)


def test_the_species_list_shows_what_each_model_is_worth(client, app):
    page = client.get("/species").get_data(as_text=True)
    assert page.count('data-label="AUC"') == len(client.get("/api/v1/species").json["items"]) > 1
    auc = client.get(f"/api/v1/species/{WHEATEAR}").json["model"]["metrics"]["auc_roc"]
    assert f'data-label="AUC"><span>{auc["value"]:.2f} ' in page
