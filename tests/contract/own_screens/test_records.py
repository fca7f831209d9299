"""The records of a study of own data: API and page."""

from __future__ import annotations

import csv
import io

import pytest

from app import create_app
from tests.contract.conftest import make_settings, upgrade
from tests.contract.own_screens.conftest import create_study

HTMX = {"HX-Request": "true", "HX-Target": "records-form"}


@pytest.fixture
def records(own_client, slug):
    """Return a function that reads the records; the rules are the default ones at first."""

    def read():
        return own_client.get(f"/api/v1/studies/{slug}/records").json

    rules = {"off": [], "drop": [], "licences": None, "first_year": None, "last_year": None, "thin_km": None}
    body = {
        "rules": rules,
        "species": None,
        "revision": read()["revision"],
        "files": [{"name": "records.csv", "columns": {}}],
    }
    response = own_client.patch(f"/api/v1/studies/{slug}/records", json=body)
    assert response.status_code == 200, response.json
    return read


def patch(client, slug, headers=None, **body):
    return client.patch(f"/api/v1/studies/{slug}/records", json=body, headers=headers)


def counts(answer):
    return {reason["code"]: reason["n"] for reason in answer["reasons"] if reason["n"] and reason["drops"]}


def form_of(answer, **changes):
    """Return the fields that a browser sends for the page."""
    fields = {
        "revision": str(answer["revision"]),
        "shown": [reason["code"] for reason in answer["reasons"] if reason["switchable"]],
        "drop": [
            r["code"] for r in answer["reasons"] if r["switchable"] and r["drops"] and (r["on"] or r["kind"] == "flag")
        ],
        "licence-shown": [item["licence"] for item in answer["licences"]],
        "licence": [item["licence"] for item in answer["licences"] if item["kept"]],
        "first_year": "",
        "last_year": "",
        "max_uncertainty_m": "",
        "thin_km": "",
    }
    return {**fields, **changes}


def test_the_records_of_a_study_by_reason(own_client, slug, records):
    response = own_client.get(f"/api/v1/studies/{slug}/records")
    answer = response.json
    # 42 rows: 2 without coordinates, 1 fossil, 10 of CC BY-NC; the others are in 29 cells of their own
    assert (answer["n"], answer["kept"], answer["cells"]) == (42, 29, 29)
    assert counts(answer) == {"coordinates_missing": 2, "fossil": 1, "licence": 10}
    assert sum(counts(answer).values()) + answer["kept"] == answer["n"]
    assert response.headers["ETag"] == f'"{answer["revision"]}"'
    assert response.headers["Cache-Control"] == "private, no-store"
    (file,) = answer["files"]
    assert file["recognised"]["mapping"]["decimalLatitude"] == "decimalLatitude"


def test_a_rule_is_switched_and_switched_back(own_client, slug, records):
    before = records()
    response = patch(own_client, slug, {"If-Match": f'"{before["revision"]}"'}, rules={"off": ["fossil"]})
    assert (response.status_code, response.json["kept"]) == (200, 30)
    assert response.json["revision"] == before["revision"] + 1
    response = patch(own_client, slug, revision=response.json["revision"], rules={"licences": ["CC BY", "CC BY-NC"]})
    assert response.json["kept"] == 40
    assert response.json["rules"]["off"] == ["fossil"]
    # without layers that change, the audit is not made again
    assert records()["kept"] == 40


def test_a_change_of_an_old_revision_is_refused_and_loses_nothing(own_client, slug, records):
    revision = records()["revision"]
    assert patch(own_client, slug, revision=revision, rules={"off": ["fossil"]}).status_code == 200
    refused = patch(own_client, slug, revision=revision, rules={"off": []})
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    assert records()["rules"]["off"] == ["fossil"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"rules": {"off": ["nonsense"]}}, "/rules/off/0"),
        ({"rules": {"off": ["coordinates_missing"]}}, "/rules/off/0"),
        ({"rules": {"first_year": 2000, "last_year": 1990}}, "/rules"),
        ({"rules": {"thin_km": -1}}, "/rules/thin_km"),
        ({"files": [{"name": "other.csv"}]}, "/files/0/name"),
        ({"files": [{"name": "records.csv", "columns": {"year": "no such column"}}]}, "/files/0"),
        ({"files": [{"name": "records.csv", "encoding": "no-such-encoding"}]}, "/files/0/encoding"),
        ({"files": [{"name": "records.csv", "datum": "WSG84"}]}, "/files/0/datum"),
        ({"files": [{"name": "records.csv", "datum": "\x00"}]}, "/files/0/datum"),
        ({"rules": {"thin_km": True}}, "/rules/thin_km"),
        ({"species": ["Vipera berus"]}, "/species/0"),
        ({"species": []}, "/species"),
        ({"merge": {"a": "a"}}, "/merge/a"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_what_is_not_possible_names_the_field_and_changes_nothing(own_client, slug, records, body, pointer):
    revision = records()["revision"]
    response = patch(own_client, slug, revision=revision, **body)
    assert response.status_code == 422, response.json
    assert response.json["errors"][0]["pointer"].startswith(pointer), response.json
    assert records()["revision"] == revision


def test_a_change_states_its_revision(own_client, slug, records):
    assert patch(own_client, slug, rules={}).json["errors"][0]["pointer"] == "/revision"
    assert patch(own_client, slug, {"If-Match": "soon"}, rules={}).json["errors"][0]["pointer"] == "/If-Match"
    assert patch(own_client, slug, {"If-Match": "*"}, rules={}).status_code == 200


def test_another_column_is_read_and_the_records_are_audited_again(own_client, slug, records):
    columns = {"scientificName": "note"}
    response = patch(
        own_client, slug, revision=records()["revision"], files=[{"name": "records.csv", "columns": columns}]
    )
    assert response.status_code == 200, response.json
    assert response.json["files"][0]["recognised"]["mapping"]["scientificName"] == "note"
    assert len(response.json["species"]) > 10
    assert records()["revision"] == response.json["revision"]


def test_every_row_is_downloaded_with_its_reason(own_client, slug, records):
    def rows(query):
        response = own_client.get(f"/api/v1/studies/{slug}/records.csv{query}")
        assert response.status_code == 200, response.json
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in response.headers["Content-Disposition"]
        return list(csv.reader(io.StringIO(response.get_data(as_text=True))))

    everything, kept, dropped = rows(""), rows("?status=kept"), rows("?status=dropped")
    assert [len(everything), len(kept), len(dropped)] == [43, 30, 14]
    assert any("fossil" in row for row in dropped)
    assert own_client.get(f"/api/v1/studies/{slug}/records.csv?status=x").status_code == 422


def test_the_page_has_map_decision_and_switches(own_client, slug, records):
    records()
    text = own_client.get(f"/studies/{slug}/records").get_data(as_text=True)
    assert "29 of 42 records kept in\n29 cells." in text
    assert 'id="licence-2"' in text
    assert 'class="map-kept"' in text
    assert 'value="fossil" checked' in text


def test_the_form_without_javascript_redirects(own_client, slug, records):
    before = records()
    fields = form_of(before, licence=["CC BY", "CC BY-NC"])
    response = own_client.post(f"/studies/{slug}/records", data=fields)
    assert (response.status_code, response.location) == (303, f"/studies/{slug}/records")
    assert records()["kept"] == 39
    # the same form again: somebody else's change, so the boxes come back as the study is now; the old ones with the
    # present revision would undo that change with the next click
    response = own_client.post(f"/studies/{slug}/records", data=fields | {"drop": []})
    assert response.status_code == 409
    text = response.get_data(as_text=True)
    assert "Someone else changed this study" in text
    assert f'name="revision" value="{records()["revision"]}"' in text
    assert 'value="fossil" checked' in text


def test_the_form_with_htmx_answers_with_the_counts(own_client, slug, records):
    before = records()
    fields = form_of(before)
    fields["drop"] = [code for code in fields["drop"] if code != "fossil"]
    response = own_client.post(f"/studies/{slug}/records", data=fields, headers=HTMX)
    assert response.status_code == 200
    text = response.get_data(as_text=True)
    assert "<h1>" not in text
    assert 'data-status="30 of 42 records kept' in text
    assert response.headers["ETag"] == f'"{before["revision"] + 1}"'


def test_a_value_that_is_no_number_stands_beside_its_field(own_client, slug, records):
    before = records()
    for headers in ({}, HTMX):
        fields = form_of(before, thin_km="ten", first_year="1990", drop=[])
        response = own_client.post(f"/studies/{slug}/records", data=fields, headers=headers)
        assert response.status_code == 422
        text = response.get_data(as_text=True)
        assert 'value="ten"' in text
        assert 'id="thin-error"' in text
        assert 'value="1990"' in text
        assert 'value="fossil" checked' not in text
    assert records()["revision"] == before["revision"]


def test_columns_of_a_file_by_the_form(own_client, slug, records):
    before = records()
    columns = before["files"][0]["recognised"]["columns"]
    mapping = {column: term for term, column in before["files"][0]["recognised"]["mapping"].items()}
    fields = {f"column.{number}": mapping.get(column, "") for number, column in enumerate(columns)}
    fields |= {"revision": str(before["revision"]), "file": "records.csv"}
    repeated = own_client.post(f"/studies/{slug}/records", data={**fields, "column.5": "decimalLatitude"})
    assert repeated.status_code == 422
    assert "another column is the latitude already" in repeated.get_data(as_text=True)
    response = own_client.post(f"/studies/{slug}/records", data={**fields, "column.5": "occurrenceID"})
    assert response.status_code == 303
    assert records()["files"][0]["recognised"]["mapping"]["occurrenceID"] == "note"


@pytest.mark.parametrize("change", ['{"revision": 1, "merge": 3}', "{", '{"unknown": true}'])
def test_a_button_with_a_change_that_is_not_valid(own_client, slug, records, change):
    before = records()
    fields = form_of(before, change=change)
    assert own_client.post(f"/studies/{slug}/records", data=fields).status_code == 422
    assert records()["revision"] == before["revision"]


def test_a_study_without_files_says_what_to_do(own_client):
    empty = create_study(own_client, "Empty")
    page = own_client.get(f"/studies/{empty}/records").get_data(as_text=True)
    assert "No records to check" in page
    answer = own_client.get(f"/api/v1/studies/{empty}/records").json
    assert [problem["code"] for problem in answer["problems"]] == ["no_records_file"]
    assert own_client.get(f"/api/v1/studies/{empty}/records.csv").status_code == 422


@pytest.mark.parametrize(
    "path", ["/studies/nothing/records", "/api/v1/studies/nothing/records", "/api/v1/studies/nothing/records.csv"]
)
def test_a_study_that_does_not_exist(own_client, path):
    assert own_client.get(path).status_code == 404


def test_a_damaged_audit_is_made_again(own_app, own_client, slug, records):
    from app.records import audits

    expected = records()["kept"]
    cache = own_app.config["SETTINGS"].data_dir / "studies" / slug / "cache"
    for path in cache.glob("audit-*.npz"):
        path.write_bytes(b"damaged")
    audits.open_audit.cache_clear()
    assert records()["kept"] == expected


def test_in_production_records_and_layers_need_an_account(tmp_path):
    app = create_app(make_settings(tmp_path, environment="production", allowed_hosts=("localhost",)))
    upgrade(app)
    client = app.test_client()
    for path in ("records", "layers", "scenarios"):
        assert client.get(f"/api/v1/studies/any/{path}").status_code == 401
    assert client.get("/studies/any/records").location == "/login?next=%2Fstudies%2Fany%2Frecords"


def test_files_that_repeat_each_other_are_named(own_client):
    slug = create_study(own_client, "Repeated files")
    header = b"scientificName,decimalLongitude,decimalLatitude\n"
    rows = [b"Lacerta agilis,%.2f,42.25\n" % (-7.25 + place) for place in range(8)]
    for name, first, last in (("a.csv", 0, 6), ("b.csv", 3, 8)):
        content = header + b"".join(rows[first:last])
        url = f"/api/v1/studies/{slug}/files/{name}"
        assert own_client.put(url, data=content, content_type="application/octet-stream").status_code == 201
    problems = own_client.get(f"/api/v1/studies/{slug}/records").json["problems"]
    (note,) = [problem for problem in problems if problem["code"] == "files_repeat"]
    assert note["text"].startswith("a.csv and b.csv have 3 records in common")
    assert not note["blocking"]
    page = own_client.get(f"/studies/{slug}/records").get_data(as_text=True)
    # the name of a file keeps its letters
    assert "a.csv and b.csv have 3 records in common" in page
