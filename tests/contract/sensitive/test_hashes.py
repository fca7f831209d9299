"""Neither hashes nor sizes of files, nor the answers of other people, tell where records are."""

from __future__ import annotations

from app.catalogue import sensitive
from app.registry import service as registry
from ml.card_preparation import Preparation, UsedFile, UsedLayer
from ml.odmap import build_report
from tests.contract.conftest import WHEATEAR
from tests.contract.owners.conftest import HIDDEN, OPEN
from tests.contract.sensitive.conftest import API, MARKS, NAME
from tests.contract.sensitive.traces import OBSERVED, records_csv

HASH = "c0ffee" * 10 + "c0de"


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
