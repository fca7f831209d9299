"""Neither hashes nor sizes of files, nor the answers of other people, tell where records are."""

from __future__ import annotations

import hashlib
import re

import pytest

from app.catalogue import sensitive
from app.registry import service as registry
from app.studies.shown_files import hidden_facts
from app.web.sizes import size_text
from ml.card_preparation import Preparation, UsedFile, UsedLayer
from ml.odmap import build_report
from ml.recipes.reports import FileReport
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OPEN
from tests.contract.sensitive.conftest import API, MARKS, NAME, PAGE
from tests.contract.sensitive.traces import OBSERVED, records_csv

HASH = "c0ffee" * 10 + "c0de"


@pytest.mark.parametrize(("name", "is_told"), [("owner", True), ("viewer", True), ("reader", False), ("other", False)])
def test_files_of_records_have_neither_hash_nor_size(filled, name, is_told):
    content = records_csv()
    traces = (hashlib.sha256(content).hexdigest(), hashlib.sha256(content).hexdigest()[:12], str(len(content)))
    browser = filled.browser(name)
    listed = browser.get(f"{API}/files")
    item = next(one for one in listed.json["items"] if one["name"] == "finds.csv")
    assert (item["sha256"], item["size"]) == ((traces[0], len(content)) if is_told else (None, None))
    detail = browser.get(API)
    items = browser.get("/api/v1/studies").json["items"]
    for own in (detail.json["own"], next(one for one in items if one["slug"] == HIDDEN)["own"]):
        assert (own["bytes"] is not None) == is_told
        assert own["files"] >= 1
    # tags of entities are numbers of revisions
    assert listed.headers["ETag"] == detail.headers["ETag"] == f'"{listed.json["revision"]}"'
    for answer in (listed, detail, browser.get(PAGE), browser.get(f"{API}/records"), browser.get(f"{API}/preflight")):
        found = [one for one in traces if re.search(rf"(?<![0-9a-z]){one}(?![0-9a-z])", answer.text)]
        assert is_told or not found, (answer.request.path, found)
    page, table = (" ".join(browser.get(address).text.split()) for address in (PAGE, "/studies"))
    size = size_text(len(content))
    assert (size in page) == is_told
    assert (re.search(r"<span>\d+ \(", table) is not None) == is_told or name == "other"


def test_layers_keep_their_hash_on_a_grid(filled):
    """They are no records, and a card names them so that a model can be made again."""
    report = FileReport(name="bio1.tif", size=3, sha256=HASH, role="layers", sentence="")
    with filled.app.test_request_context("/"):
        assert hidden_facts(report, HIDDEN) == {}
        for role in ("records", "companion", "unknown"):
            hidden = hidden_facts(report.model_copy(update={"role": role}), HIDDEN)
            assert hidden == {"sha256": None, "size": None}


def test_whoever_uploads_a_guess_does_not_learn_that_it_is_right(filled):
    for name, is_told in (("owner", True), ("reader", False)):
        browser = filled.browser(name)
        slug = browser.post("/api/v1/studies", json={"title": f"A guess of {name}"}).json["slug"]
        assert browser.put(f"/api/v1/studies/{slug}/files/guess.csv", data=records_csv()).status_code == 201
        item = browser.get(f"/api/v1/studies/{slug}/files").json["items"][0]
        assert (item["shared"], item["sha256"] is None) == (is_told, False)


def test_cards_and_reports_have_no_hashes_of_records(filled):
    files = [UsedFile(name=one, sha256=HASH, size=4711, content="a file") for one in ("finds.csv", "bio1.tif")]
    layers = [UsedLayer(predictor="temperature", file="bio1.tif", band="1", sha256=HASH, treatment="none")]
    with filled.app.app_context():
        card = registry.card_of(registry.find(filled.ids["model_id"]))
    about = Preparation(files=files, layers=layers, grid="A grid.", rules=[], recipe="{}", command="train")
    made = card.model_copy(update={"preparation": about})
    with filled.app.test_request_context("/"):
        shown = sensitive.shown_card(made, HIDDEN)
    assert [(one.sha256, one.size) for one in shown.preparation.files] == [(None, None), (HASH, 4711)]
    sources = [table for element in build_report(shown, "a").elements for table in element.tables]
    assert ["finds.csv", "a file", "not shown", "not shown"] in [row for table in sources for row in table.rows]
    # the predictors of samples that bring their conditions are columns of the table of records
    column = UsedLayer(predictor="temperature", file="finds.csv", band="temperature", sha256="", treatment="none")
    of_samples = made.model_copy(update={"preparation": about.model_copy(update={"layers": [column]})})
    with filled.app.test_request_context("/"):
        shown = sensitive.shown_card(of_samples, HIDDEN)
    assert [(one.sha256, one.size) for one in shown.preparation.files] == [(None, None)] * 2
    assert HASH not in shown.model_dump_json()
    sources = [table for element in build_report(shown, "a").elements for table in element.tables]
    assert ["finds.csv", "a file", "not shown", "not shown"] in [row for table in sources for row in table.rows]
    fingerprint = card.training.data_fingerprint
    pair = f"first={filled.ids['model_id']}&second={filled.ids['model_id']}"
    for name, is_told in (("owner", True), ("reader", False), (None, False)):
        for address in (
            f"/api/v1/models/{filled.ids['model_id']}",
            f"/models/{filled.ids['model_id']}",
            f"/models/{filled.ids['model_id']}/odmap.md",
            f"/species/{WHEATEAR}",
            f"/api/v1/comparisons/models?{pair}",
        ):
            found = fingerprint[:16] in filled.browser(name).get(address).text
            assert found == is_told or (is_told and "comparisons" in address), (name, address)


def test_the_list_of_everybody_has_no_answers_for_sensitive_species(filled):
    body = {"species": WHEATEAR, "environment": filled.environment}
    kept = filled.browser("owner").post("/api/v1/predictions", json=body).json["id"]
    listed = filled.browser(None).get("/api/v1/predictions?limit=100")
    assert listed.status_code == 200
    assert {one["study"] for one in listed.json["items"]}.isdisjoint({HIDDEN, OPEN})
    assert kept not in filled.browser(None).get("/predictions").text
    assert filled.browser(None).get(f"/api/v1/predictions?species={WHEATEAR}").json["items"] == []
    assert kept in [one["id"] for one in filled.browser("owner").get("/api/v1/predictions").json["items"]]
    located = {"species": WHEATEAR, "location": {"longitude": OBSERVED[0], "latitude": OBSERVED[1]}}
    own = filled.browser("reader").post("/api/v1/predictions", json=located).json
    shown = filled.browser("reader").get("/api/v1/predictions").json["items"][0]
    assert (shown["id"], shown["location"]) == (own["id"], own["location"])


def test_a_bool_is_no_grid_and_a_number_is_no_bool(filled):
    owner = filled.browser("owner")
    before = owner.get(MARKS).json["items"]
    for grid in (True, False, "10", 10.5, None):
        refused = owner.put(MARKS, json={"species": NAME, "grid_km": grid})
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/grid_km"), grid
    assert owner.get(MARKS).json["items"] == before
    for value in (1, 0, "true", "yes", None):
        named = {"email": "new@example.org", "role": "reader", "exact_places": value}
        refused = owner.put(f"{API}/people", json=named)
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/exact_places"), value
