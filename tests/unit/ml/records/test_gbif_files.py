"""Files with records from GBIF: names, citations, keys."""

import zipfile

import pytest

from ml.own_data.files import inspect_file
from ml.records.errors import OccurrenceError
from ml.records.gbif import fetch_download, fetch_species
from ml.records.gbif_http import Client
from ml.records.gbif_keys import download_id, is_like_download
from ml.records.reading import inspect_records, read_records
from tests.gbif_server import DOI, KEY, archive, simple_download


def test_a_species_in_a_folder_is_a_zip_file_with_its_citation(gbif, client, tmp_path):
    gbif.match |= {"scientificName": "Lacerta schreiberi Bedriaga, 1878"}
    fetched = fetch_species(client, "Lacerta schreiberi", tmp_path)
    assert fetched.path == tmp_path / "Lacerta schreiberi GBIF.zip"
    with zipfile.ZipFile(fetched.path) as source:
        assert source.namelist() == ["Lacerta schreiberi GBIF.csv", "citations.txt"]
        stated = source.read("citations.txt").decode().splitlines()
    assert stated[0] == fetched.citation.partition(" Datasets:")[0]
    assert stated[1] == "Datasets: dataset-0, dataset-1, dataset-2"
    table = read_records(fetched.path)
    assert (table.report.format, table.report.n, table.report.citation) == ("gbif-simple-csv", 650, stated[0])
    assert table.frame["decimalLatitude"].astype(str)[7] == "40.007"
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(OccurrenceError, match="exists already"):
        fetch_species(client, "Lacerta schreiberi", tmp_path)


def test_a_name_with_signs_of_paths_gives_a_plain_file(gbif, client, tmp_path):
    gbif.match |= {"canonicalName": "../Lacerta\t× x/y"}
    assert fetch_species(client, "Lacerta", tmp_path).path == tmp_path / "Lacerta × x y GBIF.zip"


def test_a_simple_download_gets_its_citation(gbif, client, tmp_path):
    gbif.content = simple_download()
    fetched = fetch_download(client, KEY, tmp_path)
    assert fetched.path == tmp_path / f"{KEY}.zip"
    with zipfile.ZipFile(fetched.path) as source:
        assert source.namelist() == [f"{KEY}.csv", "citations.txt"]
    assert inspect_records(fetched.path).citation == f"https://doi.org/{DOI}"
    again = fetch_download(client, DOI, tmp_path / "again.zip")
    assert again.path.read_bytes() == fetched.path.read_bytes()


def test_a_process_that_was_killed_while_it_added_the_citation_fetches_again(gbif, client, tmp_path):
    gbif.content = simple_download()
    draft = tmp_path / f".{KEY}.zip.{KEY}.draft"
    draft.write_bytes(gbif.content[:-30])
    fetched = fetch_download(client, KEY, tmp_path)
    assert inspect_records(fetched.path).citation == f"https://doi.org/{DOI}"
    assert len(list(tmp_path.iterdir())) == 2
    # a complete draft is not fetched twice
    fetched.path.rename(tmp_path / f".{KEY}.zip.{KEY}.draft")
    gbif.requests.clear()
    fetch_download(client, KEY, tmp_path)
    assert [path.rpartition("/")[2] for path, _, _ in gbif.requests] == [KEY]


def test_a_download_larger_than_the_limit(gbif, waits, tmp_path):
    gbif.content = archive()
    client = Client(gbif.address, waits.append, largest=1000)
    with pytest.raises(OccurrenceError, match="bytes; at most 1,000 are fetched"):
        fetch_download(client, KEY, tmp_path)


def test_a_citation_beside_a_table_is_a_companion(tmp_path):
    (tmp_path / "a.tsv.citation.txt").write_text("GBIF.org (2026) GBIF occurrence search\n", encoding="utf-8")
    report = inspect_file(tmp_path, "a.tsv.citation.txt")
    assert (report.role, report.sentence) == ("companion", "Belongs to a file of records, and states its citation.")


def test_keys_dois_and_addresses():
    for text in (KEY, f" {KEY}\n", f"https://www.gbif.org/occurrence/download/{KEY}"):
        assert download_id(text) == KEY
    for text in (DOI, f"https://doi.org/{DOI}", f"doi:{DOI}", f"doi: {DOI}", f"http://dx.doi.org/{DOI}"):
        assert download_id(text) == DOI
    for text in ("12", "Lacerta schreiberi", "10.15468/../x", "https://example.org/1", ""):
        assert download_id(text) is None
    assert is_like_download("12345")
    assert is_like_download("https://example.org")
    assert not is_like_download("Lacerta schreiberi")
