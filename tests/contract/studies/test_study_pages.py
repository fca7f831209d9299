"""The pages of studies, as a browser without JavaScript sees them."""

from __future__ import annotations

import io
import re

import pytest

HTMX = {"HX-Request": "true"}


def text_of(response):
    return response.get_data(as_text=True)


def form(*files, **fields):
    return {**fields, "files": [(io.BytesIO(content), name) for name, content in files]}


def test_without_studies_the_pages_invite(visitor):
    for address in ("/studies", "/"):
        page = text_of(visitor.get(address))
        assert "Bring your own records and layers" in page
        assert 'href="/studies/new"' in page
    assert '<li><a href="/studies">Studies</a></li>' in text_of(visitor.get("/species"))


def test_no_page_assumes_the_demo_studies(visitor):
    for address in ("/", "/studies", "/studies/new", "/species", "/models"):
        page = text_of(visitor.get(address))
        assert "Prodon" not in page
        assert "banana slug" not in page
        assert "names the\nsources and their licences" in page


def test_name_and_files_in_one_form(visitor, own_app):
    response = visitor.post("/studies/new", data=form(("a.csv", b"A"), ("bio1.tif", b"B"), title="My lizards"))
    assert (response.status_code, response.headers["Location"]) == (303, "/studies/my-lizards")
    page = text_of(visitor.get("/studies/my-lizards"))
    assert "Table, 3 records" in page
    assert "1 layer" in page
    assert re.search(r"Files</a>\s*<span[^>]*>2 files", page)
    assert "2 files" in page


def test_a_study_without_files(visitor):
    response = visitor.post("/studies/new", data=form(title="My lizards"))
    assert response.status_code == 303
    assert "No files yet" in text_of(visitor.get("/studies/my-lizards"))
    plain = visitor.post("/studies/new", data={"title": "My snakes"})
    assert plain.headers["Location"] == "/studies/my-snakes"


@pytest.mark.parametrize("title", ["", "x" * 201])
def test_a_name_that_is_refused_comes_back(visitor, title):
    response = visitor.post("/studies/new", data=form(title=title))
    page = text_of(response)
    assert response.status_code == 422
    assert 'id="title-error"' in page
    assert f'value="{title}"' in page


def test_files_are_not_lost_for_a_missing_name(visitor):
    response = visitor.post("/studies/new", data=form(("a.csv", b"A"), title=""))
    page = text_of(response)
    assert response.status_code == 422
    assert "Table, 3 records" in page
    assert "The files are stored" in page
    assert visitor.get("/api/v1/studies/untitled-study/files").json["items"][0]["name"] == "a.csv"


def test_refused_files_of_a_form_are_named(visitor, study):
    response = visitor.post("/studies/lizards-of-spain/files", data=form(("a.csv", b"A"), ("con.csv", b"B")))
    page = text_of(response)
    assert response.status_code == 422
    assert "<strong>con.csv</strong>: The name of the file must not be the name of a device" in page
    assert "Table, 3 records" in page
    nothing = visitor.post("/studies/lizards-of-spain/files", data=form(("", b"")))
    assert (nothing.status_code, "Choose a file first." in text_of(nothing)) == (422, True)


def test_a_script_gets_the_line_of_its_file(visitor, study):
    response = visitor.put("/studies/lizards-of-spain/files/a.csv", data=b"A", headers=HTMX)
    line = text_of(response).strip()
    assert response.status_code == 201
    assert line.startswith('<li class="file-line"')
    assert "Table, 3 records" in line
    part = {"Content-Range": "bytes 0-0/9", **HTMX}
    unfinished = visitor.put("/studies/lizards-of-spain/files/b.csv", data=b"A", headers=part)
    assert (unfinished.status_code, unfinished.headers["Range"], text_of(unfinished).strip()) == (202, "bytes=0-0", "")
    wrong = visitor.put("/studies/lizards-of-spain/files/b.csv", data=b"A", headers={"Content-Range": "bytes 5-5/9"})
    assert (wrong.status_code, wrong.headers["Range"]) == (416, "bytes=0-0")


def test_names_and_sentences_are_escaped(visitor, study, reader):
    reader("<b>.csv", 'Column "<script>" is unknown.')
    visitor.put(f"{study}/files/%3Cb%3E.csv", data=b"A")
    page = text_of(visitor.get("/studies/lizards-of-spain"))
    assert "<script>&" not in page
    assert "&lt;script&gt;" in page
    assert "<b>.csv" not in page


def test_deletion_by_form(visitor, study):
    file = visitor.put(f"{study}/files/notes.txt", data=b"A").json["file"]
    page = text_of(visitor.get("/studies/lizards-of-spain"))
    assert "Files that the study does not use" in page
    fields = {"name": "notes.txt", "sha256": file["sha256"]}
    visitor.put(f"{study}/files/notes.txt", data=b"B")
    stale = visitor.post("/studies/lizards-of-spain/files/delete", data=fields)
    assert (stale.status_code, "was replaced in the meantime" in text_of(stale)) == (409, True)
    assert '<a href="/studies/lizards-of-spain">Reload the page</a>' in text_of(stale)
    fields["sha256"] = visitor.get(f"{study}/files").json["items"][0]["sha256"]
    fragment = visitor.post("/studies/lizards-of-spain/files/delete", data=fields, headers=HTMX)
    assert text_of(fragment).strip().startswith('<section class="study-files" id="study-files"')
    assert 'id="study-steps"' in text_of(fragment)
    assert "notes.txt was deleted." in text_of(fragment)
    again = visitor.post("/studies/lizards-of-spain/files/delete", data=fields)
    assert again.status_code == 303
    assert visitor.post("/studies/none/files/delete", data=fields).status_code == 404


def test_a_deletion_is_asked_for_first(visitor, study):
    visitor.put(f"{study}/files/notes.txt", data=b"A")
    page = text_of(visitor.get("/studies/lizards-of-spain"))
    assert 'hx-confirm="Delete notes.txt? The study does not use it."' in page
    fields = {"name": "notes.txt"}
    asked = visitor.post("/studies/lizards-of-spain/files/delete", data=fields)
    assert (asked.status_code, "Delete notes.txt?" in text_of(asked)) == (200, True)
    assert len(visitor.get(f"{study}/files").json["items"]) == 1
    done = visitor.post("/studies/lizards-of-spain/files/delete", data={**fields, "confirmed": "yes"})
    assert done.status_code == 303
    assert visitor.get(f"{study}/files").json["items"] == []
    assert "notes.txt was deleted." in text_of(visitor.get(done.headers["Location"]))


def test_two_people_rename_a_study(visitor, study):
    address = "/studies/lizards-of-spain/title"
    assert visitor.post(address, data={"title": "Lizards", "revision": "1"}).status_code == 303
    stale = visitor.post(address, data={"title": "Snakes", "revision": "1"})
    page = text_of(stale)
    assert stale.status_code == 409
    assert 'value="Snakes"' in page
    assert "Someone else changed this study" in page
    assert "Reload the page" in page
    assert visitor.post(address, data={"title": "", "revision": "2"}).status_code == 422


def test_deletion_of_a_study(visitor, study):
    assert "Delete Lizards of Spain?" in text_of(visitor.post("/studies/lizards-of-spain/delete"))
    assert visitor.get("/studies/lizards-of-spain").status_code == 200
    response = visitor.post("/studies/lizards-of-spain/delete", data={"confirmed": "yes"})
    assert (response.status_code, response.headers["Location"]) == (303, "/studies")
    assert visitor.get("/studies/lizards-of-spain").status_code == 404
    assert visitor.post("/studies/lizards-of-spain/delete").status_code == 404


def test_the_list_tells_own_and_other_studies_apart(client):
    page = text_of(client.get("/studies"))
    assert "Installed by the operator" in page
    slug = client.get("/api/v1/studies").json["items"][0]["slug"]
    other = text_of(client.get(f"/studies/{slug}"))
    assert "Models in use" in other
    leads = ("/observations/places", "/rollout")
    for lead in (*(f"/studies/{slug}{lead}" for lead in leads), f"/map?study={slug}", f"/accuracy#study-{slug}"):
        assert f'href="{lead}"' in other
        assert client.get(lead.partition("#")[0]).status_code == 200
    assert "Upload" not in other
    assert client.get("/studies/none").status_code == 404
    fragment = text_of(client.get("/studies", headers=HTMX)).strip()
    assert fragment.startswith('<section class="results" id="studies-results"')


def test_steps_say_what_is_done(visitor, study, reader):
    def states():
        page = text_of(visitor.get("/studies/lizards-of-spain"))
        return re.findall(r'study-step study-step-(\w+)"', page)

    assert states() == ["next", "later", "later", "later", "later"]
    places = "/studies/lizards-of-spain/records/places"
    assert places not in text_of(visitor.get("/studies/lizards-of-spain"))
    visitor.put(f"{study}/files/a.csv", data=b"A")
    page = text_of(visitor.get("/studies/lizards-of-spain"))
    # there are records to list, and no model whose answers could be confirmed
    assert (places in page, "Live accuracy" in page) == (True, False)
    visitor.put(f"{study}/files/bio1.tif", data=b"A")
    # no column of the table names the species
    assert states()[:2] + states()[3:] == ["done", "attention", "next", "later"]
    reader("b.csv", "Not readable.")
    visitor.put(f"{study}/files/b.csv", data=b"A")
    # the study does without a file that it cannot use
    assert states()[0] == "done"
