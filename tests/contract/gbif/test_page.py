"""The form "Fetch records from GBIF" of a study, as a browser without JavaScript uses it."""

from __future__ import annotations

from tests.contract.gbif.conftest import files_of, simple_download, work
from tests.gbif_server import DOI, KEY

PAGE = "/studies/lizards"


def text_of(response):
    return response.get_data(as_text=True)


def test_a_species_from_the_form_to_the_study(site, web, gbif):
    page = text_of(web.get(PAGE))
    assert "<summary>Fetch records from GBIF</summary>" in page
    assert f'action="{PAGE}/gbif"' in page
    response = web.post(f"{PAGE}/gbif", data={"records": " Lacerta schreiberi "})
    assert response.status_code == 303
    address = response.headers["Location"]
    assert "Records from GBIF" in text_of(web.get(address))
    assert f'<a href="{address}">see the job</a>' in text_of(web.get(PAGE))
    # the form that is sent twice leads to the same job
    assert web.post(f"{PAGE}/gbif", data={"records": "Lacerta schreiberi"}).headers["Location"] == address
    refused = web.post(f"{PAGE}/gbif", data={"records": "Lacerta agilis"})
    assert refused.status_code == 409
    assert "is fetching records from GBIF into this study" in text_of(refused)
    assert 'value="Lacerta agilis"' in text_of(refused)
    assert work(site) == 0
    assert f'href="{PAGE}">See the result</a>' in text_of(web.get(address))
    page = text_of(web.get(PAGE))
    assert "GBIF simple download, 650 records" in page
    assert "see the job" not in page


def test_a_download_is_known_by_its_shape(site, web, gbif):
    gbif.content = simple_download()
    assert web.post(f"{PAGE}/gbif", data={"records": f"https://doi.org/{DOI}"}).status_code == 303
    assert work(site) == 0
    assert list(files_of(web)) == [f"{KEY}.zip"]


def test_what_is_neither_comes_back_with_a_message(web):
    for text in ("", "12", "https://example.org/<b>", "x" * 300):
        response = web.post(f"{PAGE}/gbif", data={"records": text})
        page = text_of(response)
        assert response.status_code == 422
        assert "Enter a scientific name, such as Lacerta schreiberi" in page
        assert 'id="gbif-error"' in page
        assert "<title>Error: Lizards" in page
    assert "https://example.org/&lt;b&gt;" in text_of(
        web.post(f"{PAGE}/gbif", data={"records": "https://example.org/<b>"})
    )
    assert web.get("/api/v1/jobs").json["items"] == []


def test_a_fetch_that_failed_leads_back_to_the_study(site, web, gbif):
    gbif.match = {"matchType": "NONE"}
    address = web.post(f"{PAGE}/gbif", data={"records": "Lacerta x"}).headers["Location"]
    assert work(site) == 0
    page = text_of(web.get(address))
    assert "GBIF does not know the species &#39;Lacerta x&#39;; check the spelling." in page
    assert f'href="{PAGE}">study</a>' in page
