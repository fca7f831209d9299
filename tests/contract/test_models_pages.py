"""The registry's pages: the list of models, one model with its ODMAP report, and the report as a file and as JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from markdown_it import MarkdownIt

from app.catalogue import species
from app.catalogue import versions as registry_tables
from app.catalogue.versions import ModelVersion
from app.database.db import db
from app.registry import changes, history
from app.registry import service as registry
from app.web.paging import write_cursor
from ml.card import Metric
from ml.card_preparation import Preparation, UsedFile, UsedLayer
from ml.odmap import OdmapReport
from tests.contract.conftest import WHEATEAR, LintingClient

HTMX = {"HX-Request": "true"}
FIRST, SECOND = f"{WHEATEAR}-aaaaaaaaaaaa", f"{WHEATEAR}-bbbbbbbbbbbb"


@pytest.fixture
def model(client):
    return client.get(f"/api/v1/models?species={WHEATEAR}").json["items"][0]


def _card(app):
    with app.app_context():
        return registry.card_of(registry_tables.active_for(species.find(WHEATEAR).id))


@pytest.fixture
def shelf(empty_app, app):
    """Two versions of the wheatear's model, the second with other settings, data and score."""
    card = _card(app)
    better = card.model_copy(
        update={
            "metrics": {**card.metrics, "auc_roc": Metric(value=0.99, low=0.98, high=1.0)},
            "n_presences": card.n_presences + 3,
            "training": card.training.model_copy(
                update={"seed": 7, "data_fingerprint": "0" * 64, "parameters": {"n_estimators": 999}}
            ),
        }
    )
    worse = card.model_copy(update={"metrics": {**card.metrics, "auc_roc": Metric(value=0.9, low=0.85, high=0.97)}})
    with empty_app.app_context():
        row = changes._save_species(card, changes._save_study(card))
        for version, (name, one) in enumerate({FIRST: worse, SECOND: better}.items(), 1):
            db.session.add(
                ModelVersion(
                    id=name,
                    species_id=row.id,
                    version=version,
                    path="nowhere",
                    card=one.model_dump(mode="json"),
                    active=version == 2,
                    registered_at=datetime(2026, 3, version, tzinfo=UTC),
                )
            )
        db.session.commit()
    empty_app.test_client_class = LintingClient
    return empty_app.test_client()


def test_the_list_shows_every_model_with_its_score_and_day(client, model):
    response = client.get("/models")
    text = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "HX-Request" in response.vary
    assert text.lstrip().startswith("<!doctype html>")
    assert text.count('scope="row"') == len(client.get("/api/v1/models").json["items"]) == 4
    assert f'href="/models/{model["id"]}"' in text
    assert f"{model['metrics']['auc_roc']['value']:.2f}" in text
    assert f'datetime="{model["registered_at"][:10]}' in text
    assert "In use." in text and model["study"]["title"] in text
    assert '<a href="/models" aria-current="page">Models</a>' in text


def test_the_list_as_a_fragment(client):
    text = client.get("/models", headers=HTMX).get_data(as_text=True).strip()
    assert re.match(r'<section[^>]*\bid="models-results"', text)
    assert "<html" not in text
    assert 'data-status="4 models"' in text


@pytest.mark.parametrize("extra", [{"HX-Boosted": "true"}, {"HX-History-Restore-Request": "true"}])
def test_a_restored_list_is_the_whole_page(client, extra):
    assert "<!doctype html>" in client.get("/models", headers={**HTMX, **extra}).get_data(as_text=True)


def test_the_list_can_be_narrowed_to_a_species(client, model):
    text = client.get(f"/models?species={WHEATEAR}").get_data(as_text=True)
    assert text.count('scope="row"') == 1
    assert f'<option value="{WHEATEAR}" selected>' in text
    assert client.get("/models?species=").get_data(as_text=True).count('scope="row"') == 4
    nobody = client.get("/models?species=%3Cb%3Enobody")
    assert nobody.status_code == 422
    assert "“&lt;b&gt;nobody”" in nobody.get_data(as_text=True)


def test_the_list_continues_where_it_ended(client):
    seen, address = [], "/models?limit=3"
    while address:
        text = client.get(address).get_data(as_text=True)
        seen += re.findall(r'<th scope="row"><a href="/models/([^"]+)"', text)
        more = re.search(r'<a href="([^"]+)">More models</a>', text)
        address = more[1].replace("&amp;", "&") if more else None
    assert seen == [item["id"] for item in client.get("/api/v1/models").json["items"]]
    cursor = write_cursor("Zz", "Zz", "zz", -1)
    last = client.get(f"/models?species={WHEATEAR}&cursor={cursor}").get_data(as_text=True)
    assert "There are no more models." in last


@pytest.mark.parametrize("path", ["/models?limit=0", "/models?cursor=nonsense", "/models?species=a&species=b"])
def test_a_wrong_question_is_named(client, path):
    assert client.get(path).status_code == 422
    assert client.get("/api/v1" + path).json["errors"]


def test_without_models_the_list_says_how_to_get_one(empty_app):
    empty_app.test_client_class = LintingClient
    client = empty_app.test_client()
    text = client.get("/models").get_data(as_text=True)
    assert "No model has been registered yet." in text
    assert "<form" not in text
    assert client.get("/api/v1/models").json == {"items": [], "next": None}


def test_the_page_of_a_model_says_first_how_good_it_is_and_last_what_is_missing(client, model):
    response = client.get(f"/models/{model['id']}")
    text = response.get_data(as_text=True)
    assert response.status_code == 200
    assert "HX-Request" in response.vary
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", text)
    assert titles == [
        "How good it is", "Known limits", "What it is for", "What it must not be used for", "How right it was",
        "Other versions", "The report", "What a human must still write", "Source",
    ]  # fmt: skip
    folds = re.findall(r'<details class="fold odmap-fold" id="odmap-(\w+)"><summary><h3>', text)
    assert folds == ["overview", "data", "model", "assessment", "prediction"]
    assert "This is the only version" in text


def test_the_page_holds_the_whole_report(client, model):
    report = client.get(f"/api/v1/models/{model['id']}/odmap").json
    text = client.get(f"/models/{model['id']}").get_data(as_text=True)
    assert text.count('class="odmap-element"') == len(report["elements"]) == 84
    # the table of scores has a caption, too
    assert text.count("<caption") == sum(len(one["tables"]) for one in report["elements"]) + 1
    assert text.count('class="to-write"') == len(report["human_must_write"])
    assert report["data_fingerprint"] in text
    wanted = set(re.findall(r'href="#([^"]+)"', text)) - {"main", "limits-title"}
    assert wanted <= set(re.findall(r'id="([^"]+)"', text))
    assert len(wanted) == len(report["human_must_write"])


def test_the_page_of_a_model_as_a_fragment(client, model):
    text = client.get(f"/models/{model['id']}", headers=HTMX).get_data(as_text=True).strip()
    assert re.match(r'<article[^>]*\bid="model"', text)
    assert "<html" not in text


def test_the_json_of_a_model_keeps_its_shape(client, model):
    detail = client.get(f"/api/v1/models/{model['id']}").json
    names = {"id", "version", "species", "study", "active", "registered_at", "metrics"}
    assert set(detail) == {*names, "card", "places_grid_km"}
    assert set(model) == names


def test_the_report_as_json_is_the_report(client, model):
    response = client.get(f"/api/v1/models/{model['id']}/odmap")
    report = OdmapReport.model_validate(response.json)
    assert report.model_id == model["id"]
    assert report.version == model["version"]
    assert {one.source for one in report.elements} == {"run", "human", "both"}
    paths = client.get("/openapi.json").json["paths"]
    assert paths["/api/v1/models/{id}/odmap"]["get"]["operationId"] == "getReport"


def test_the_report_as_markdown_is_a_file(client, model):
    response = client.get(f"/models/{model['id']}/odmap.md")
    assert response.status_code == 200
    assert response.content_type == "text/markdown; charset=utf-8"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{model["id"]}-odmap.md"'
    text = response.get_data(as_text=True)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert [token.tag for token in tokens if token.type == "heading_open"].count("h1") == 1
    assert model["id"] in text
    assert client.get(f"/models/{model['id']}/odmap.md").get_data() == response.get_data()


@pytest.mark.parametrize("bad", ["nothing", "a" * 200, "%00", "..%2f..%2fetc", "%3Cscript%3E"])
def test_unknown_models_return_404(client, bad):
    for path in (f"/models/{bad}", f"/models/{bad}/odmap.md"):
        page = client.get(path)
        assert page.status_code == 404
        assert page.mimetype == "text/html"
        assert client.get(path, headers=HTMX).status_code == 404
    for path in (f"/api/v1/models/{bad}", f"/api/v1/models/{bad}/odmap"):
        problem = client.get(path)
        assert problem.status_code == 404
        assert problem.content_type == "application/problem+json"


def test_other_versions_say_what_changed_and_by_how_much(shelf):
    text = shelf.get(f"/models/{SECOND}").get_data(as_text=True)
    assert f'<a href="/models/{FIRST}">Version 1</a>' in text
    assert "The AUC here is 0.09 higher; the records differ, so the two scores are not directly comparable." in text
    for change in ("Other training data.", "Seed: 7 instead of 0.", "Trees of the forest: 999 instead of 30."):
        assert f"<li>{change}</li>" in text
    assert f'href="/compare/models?first={FIRST}&amp;second={SECOND}"' in text
    assert "What changed since" in text and "This version is in use." in text


def test_an_earlier_version_says_what_its_successor_changed(shelf):
    text = shelf.get(f"/models/{FIRST}").get_data(as_text=True)
    assert "The AUC here is 0.09 lower" in text
    assert "What changed there" in text and "This version is not in use." in text
    assert f'href="/compare/models?first={FIRST}&amp;second={SECOND}"' in text
    assert "<li>Seed: 7 instead of 0.</li>" in text
    assert 'datetime="2026-03-02' in text


def test_changes_between_cards_are_described_in_sentences(app):
    card = _card(app)
    assert history.changes(card, card) == ["The two model cards show no difference."]
    assert history.verdict(card, card) == (0, "The AUC is the same to two decimals.")
    without = card.model_copy(update={"metrics": {}, "predictors": card.predictors[1:]})
    assert history.verdict(card, without)[0] is None
    other_folds = card.model_copy(update={"validation": card.validation.model_copy(update={"folds": 99})})
    assert history.verdict(card, other_folds)[1].endswith(
        "the folds differ, so the two scores are not directly comparable."
    )
    assert history.changes(without, card) == [f"New predictors: {card.predictors[0].label}."]
    assert history.changes(card, without) == [f"Predictors left out: {card.predictors[0].label}."]


def test_overlapping_intervals_are_not_called_a_difference(app):
    card = _card(app)
    one, two = (
        card.model_copy(update={"metrics": {"auc_roc": Metric(value=value, low=value - 0.1, high=value + 0.05)}})
        for value in (0.8, 0.75)
    )
    assert history.verdict(one, two)[1] == "The AUC here is 0.05 higher; the intervals overlap, so that may be chance."


def test_the_species_page_leads_to_its_model(client, model):
    assert f'href="/models/{model["id"]}"' in client.get(f"/species/{WHEATEAR}").get_data(as_text=True)


def test_the_page_of_an_own_model_shows_hashes_short_and_one_row_a_file(shelf, app):
    names = [*(f"bio{number}" for number in range(1, 20)), "elevation"]
    preparation = Preparation(
        files=[
            UsedFile(name="records.csv", sha256="ab" * 32, size=1_234, content="Table of 60 records of 1 species."),
            UsedFile(name="stack.tif", sha256="cd" * 32, size=9_876_543, content="GeoTIFF of 20 layers: bio1, bio2 …"),
        ],
        layers=[
            UsedLayer(predictor=name, file="stack.tif", band=str(band), sha256="ef" * 32, treatment="as in the file")
            for band, name in enumerate(names, 1)
        ],
        grid="87 × 49 cells of 0.1667 × 0.1667 in EPSG:4326; 2,435 cells have a value in every layer.",
        rules=["Duplicate: 3 records left out."],
        recipe="{}",
        command="python -m ml train --recipe recipe.json --files .",
    )
    card = _card(app).model_copy(update={"preparation": preparation})
    with shelf.application.app_context():
        db.session.get_one(ModelVersion, SECOND).card = card.model_dump(mode="json")
        db.session.commit()
    text = shelf.get(f"/models/{SECOND}").get_data(as_text=True)
    assert f'<summary title="{"ab" * 32}"><code>abababababab…</code></summary><code>{"ab" * 32}</code>' in text
    assert text.count("ef" * 32) == 0 and text.count('<th scope="row">stack.tif</th>') == 2
    assert "<span>1–20</span>" in text and f"<span>{', '.join(names)}</span>" in text
    # Each link of the section leads to an element of the report.
    made = text[text.index('id="made-title"') : text.index('id="report-title"')]
    anchors = re.findall(r'href="#([^"]+)"', made)
    assert len(anchors) == 3 and all(f'id="{anchor}"' in text for anchor in anchors)
