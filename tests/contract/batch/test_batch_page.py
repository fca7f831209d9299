"""The page of batches, as a browser without JavaScript uses it."""

from __future__ import annotations

import io
import re

from tests.contract.batch.conftest import leftovers, rows_of, table, work
from tests.contract.conftest import WHEATEAR


def form(content: bytes | None = None, name: str = "sites.csv", **fields):
    values = {"species": WHEATEAR, "action": "check", **fields}
    if content is not None:
        values["file"] = (io.BytesIO(content), name)
    return {"data": values, "content_type": "multipart/form-data"}


def value_of(page: str, name: str) -> str:
    match = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert match, name
    return match[1]


def test_without_a_model_the_page_says_so(empty_app):
    page = empty_app.test_client().get("/batch").get_data(as_text=True)
    assert "No model is installed yet" in page and "<form class" not in page


def test_an_empty_form_names_what_is_missing_and_keeps_the_rest(client):
    answer = client.post("/batch", **form(species=""))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'id="batch-species-error"' in page and "choose a species" in page.lower()
    answer = client.post("/batch", **form(threshold="7", text="kept, as typed"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'id="batch-threshold-error"' in page and 'value="7"' in page and "kept, as typed" in page
    answer = client.post("/batch", **form())
    assert answer.status_code == 422 and 'id="batch-file-error"' in answer.get_data(as_text=True)


def test_the_preview_maps_columns_and_names_problems_by_row_and_line(client):
    answer = client.post("/batch", **form(table(12, bad={3: "NA"})))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "sites.csv: 12 rows" in page and "Kept as it is: site." in page
    row = re.search(r"<td>3 \(line&nbsp;4\)</td><td>trees</td><td>(.*?)</td>", page)
    assert row and "is not a number" in row[1]
    assert "Answer 12 rows" in page


def test_a_missing_column_is_shown_and_nothing_can_be_started(client):
    answer = client.post("/batch", **form(b"site,Trees,bare_rock,soil\na,1,2,clay\n"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "temperature is missing" in page and "rename Trees" in page
    assert 'id="batch-answer"' not in page
    # the table that was sent stays in the form
    assert "site,Trees,bare_rock,soil" in page


def test_a_table_is_checked_answered_and_downloaded(client, app):
    content = table(12, bad={3: "NA"})
    page = client.post("/batch", **form(content)).get_data(as_text=True)
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert text and text[1].strip().encode() == content.strip()
    answered = client.post("/batch", **form(text=text[1], action="answer")).get_data(as_text=True)
    assert "Answers to 12 rows" in answered and "1 row has" in answered
    file = client.post("/batch/answers.csv", **form(text=text[1]))
    assert file.headers["Content-Disposition"].startswith("attachment")
    rows = rows_of(file.data)
    assert [row["site"] for row in rows] == [f"s{number}" for number in range(1, 13)]
    assert [bool(row["error"]) for row in rows] == [number == 3 for number in range(1, 13)]
    assert leftovers(app) == []


def test_the_template_can_be_sent_back(client):
    file = client.get("/batch/template.csv", query_string={"species": WHEATEAR})
    (row,) = rows_of(file.data)
    assert set(row) == {"bare_rock", "trees", "temperature", "soil"}
    answer = client.post("/batch", **form(file.data, action="answer"))
    assert answer.status_code == 200 and "Answers to 1 row" in answer.get_data(as_text=True)
    assert client.get("/batch/template.csv?species=nobody").status_code == 422
    assert client.get("/batch/template.csv").status_code == 422


def test_a_large_table_is_kept_on_the_server_and_becomes_one_job(site, web):
    checked = web.post("/batch", **form(table(1200), "Sites 2026.csv")).get_data(as_text=True)
    assert "Sites 2026.csv: more than 1,000 rows" in checked and "Start the job" in checked
    stored = value_of(checked, "stored")
    again = web.post("/batch", **form(stored=stored)).get_data(as_text=True)
    assert value_of(again, "stored") == stored
    first = web.post("/batch", **form(stored=stored, action="answer"))
    assert first.status_code == 303
    # the button was pressed twice
    assert web.post("/batch", **form(stored=stored, action="answer")).location == first.location
    # another request must not change what the job answers
    assert web.post("/batch", **form(stored=stored, species="parus-major")).status_code == 422
    assert work(site) == 0
    job = web.get(f"/api/v1{first.location}").json
    assert job["state"] == "succeeded", job["error"]
    page = web.get(job["result"]).get_data(as_text=True)
    assert "Answers to 1,200 rows" in page and "Sites 2026.csv" in page
    file = web.get(f"{job['result']}/answers.csv")
    assert "Sites 2026-answers.csv" in file.headers["Content-Disposition"]
    assert {row["verdict"] for row in rows_of(file.data)} <= {
        "suitable", "probably_suitable", "probably_unsuitable", "unsuitable", "cannot_say"
    }  # fmt: skip


def test_names_of_files_and_cells_are_text(client):
    content = b"<b>,bare_rock,trees,temperature,soil\n<script>x</script>,1,2,15,clay\n"
    page = client.post("/batch", **form(content, "<img>.csv")).get_data(as_text=True)
    assert "<script>x" not in page and "<b>" not in page and "<img>" not in page


def test_the_page_is_in_the_navigation_between_compare_and_studies(client):
    page = client.get("/batch").get_data(as_text=True)
    names = re.findall(r'<li><a href="[^"]*"[^>]*>(\w+)</a>', page)
    assert names[names.index("Batch") - 1 : names.index("Batch") + 2] == ["Compare", "Batch", "Studies"]
    assert 'href="/batch" aria-current="page"' in page
