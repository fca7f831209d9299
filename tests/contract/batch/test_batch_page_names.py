"""The page of batches keeps names as they are, and its preview and its answers agree about rows that cannot be read."""

from __future__ import annotations

import html
import re

import pytest

from tests.contract.batch.conftest import PREDICTORS, rows_of, table
from tests.contract.batch.test_batch_page import form, value_of
from tests.contract.conftest import WHEATEAR

HEADER = ("site," + ",".join(PREDICTORS) + "\n").encode()
BAD = {
    "too few": b"x,1,2\n",
    "too many": b"x,1,2,3,clay,5,6\n",
    "quotation mark": b'x,"1,2,3,clay\n',
    "bytes": b"K\xf6ln,1,2,3,clay\n",
    "null": b"x\0,1,2,3,clay\n",
}


def notes_of(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r"<td>(\d+ \(line&nbsp;\d+\))</td>", page)]


@pytest.mark.parametrize("kind", BAD)
def test_preview_and_answers_agree_about_a_row_that_cannot_be_read(site, web, kind):
    content = HEADER + b"a,1,2,15,clay\n" + BAD[kind] + b"b,1,2,15,clay\n"
    checked = web.post("/batch", **form(content)).get_data(as_text=True)
    assert "1 row has a value that cannot be used; it gets an error, and the others are answered" in " ".join(
        checked.split()
    )
    assert notes_of(checked) == ["2 (line\xa03)"]
    # bytes that are damaged cannot stand in the form, so that the server has the table
    text = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", checked, re.DOTALL)
    assert text is not None
    sent = {"text": html.unescape(text[1])} if text[1].strip() else {"stored": value_of(checked, "stored")}
    assert ("stored" in sent) == (kind in ("bytes", "null"))
    answered = web.post("/batch", **form(**sent, action="answer")).get_data(as_text=True)
    assert "Answers to 3 rows" in answered and "1 row has an error" in answered
    rows = rows_of(web.post("/batch/answers.csv", **form(**sent)).data)
    assert [bool(row["error"]) for row in rows] == [False, True, False]
    direct = rows_of(web.post("/batch/answers.csv", **form(content)).data)
    assert direct == rows


def test_the_name_of_a_file_stays_while_its_text_is_in_the_form(client):
    page = client.post("/batch", **form(table(3), "dec.csv")).get_data(as_text=True)
    assert "dec.csv: 3 rows" in page
    sent = {"text": table(3).decode(), "name": value_of(page, "name")}
    file = client.post("/batch/answers.csv", data={"species": WHEATEAR, **sent})
    assert file.headers["Content-Disposition"] == "attachment; filename=dec-answers.csv"
    pasted = client.post("/batch/answers.csv", **form(text=table(3).decode()))
    assert 'filename="pasted table-answers.csv"' in pasted.headers["Content-Disposition"]


def test_names_of_files_and_slugs_are_not_capitalised(client):
    page = client.post("/batch", **form(b"bare_rock\n1\n", "ragged.csv")).get_data(as_text=True)
    assert "ragged.csv has no column" in page and "Ragged.csv" not in page
    page = client.post("/batch", **form(table(3), threshold="7")).get_data(as_text=True)
    assert "Must be a number from 0 to 1" in page


def test_species_are_rows_of_the_counts(client):
    form_of_two = form(table(3), action="answer", species=[WHEATEAR, "parus-major"])
    page = client.post("/batch", **form_of_two).get_data(as_text=True)
    heads = re.findall(r"Rows of each species by verdict</caption>\n<thead><tr>(.*?)</tr>", page, re.DOTALL)
    assert re.findall(r">([A-Z][a-z ]+)</th>", heads[0]) == [
        "Species", "Suitable", "Probably suitable", "Probably unsuitable", "Unsuitable", "Cannot say", "Error"
    ]  # fmt: skip
