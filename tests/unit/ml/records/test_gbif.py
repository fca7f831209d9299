"""Records from GBIF, against a local server that behaves like it."""

import csv
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from ml.__main__ import main
from ml.records.errors import OccurrenceError
from ml.records.gbif import COLUMNS, fetch_download, fetch_species
from ml.records.gbif_http import ATTEMPTS, Client, part_of, retry_after, state_of
from tests.gbif_server import DOI, KEY, archive

PROJECT = Path(__file__).resolve().parents[4]


def rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def offsets(gbif):
    return [int(query["offset"]) for path, query, _ in gbif.requests if path.endswith("/search")]


def test_a_species_page_by_page(gbif, client, waits, tmp_path):
    output, steps = tmp_path / "lacerta.tsv", []
    fetched = fetch_species(client, "Lacerta schreiberi", output, lambda done, total: steps.append((done, total)))
    written = rows(output)
    assert (fetched.n, len(written), list(written[0])) == (650, 650, list(COLUMNS))
    assert [row["gbifID"] for row in written] == [str(number) for number in range(650)]
    assert (written[7]["decimalLatitude"], written[7]["locality"]) == ("40.007", "a place with a tab and two lines")
    assert written[0]["issue"] == "COORDINATE_ROUNDED;CONTINENT_DERIVED_FROM_COORDINATES"
    assert (offsets(gbif), steps) == ([0, 300, 600], [(300, 650), (600, 650), (650, 650)])
    assert all(query["limit"] == "300" and query["taxonKey"] == "5224" for _, query, _ in gbif.requests[1:])
    assert all("EcoPredict" in headers["User-Agent"] for _, _, headers in gbif.requests)
    assert (gbif.most_at_once, waits) == (1, [])
    citation = (tmp_path / "lacerta.tsv.citation.txt").read_text(encoding="utf-8")
    assert "650 records of 3 datasets" in citation
    assert citation.strip().endswith("dataset-0, dataset-1, dataset-2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lacerta.tsv", "lacerta.tsv.citation.txt"]


def test_the_client_waits_as_long_as_the_server_asks_for(gbif, client, waits, tmp_path):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    gbif.mishaps = [
        (429, {"Retry-After": "7"}),
        None,
        (420, {}),
        (503, {"Retry-After": later}),
        (429, {"Retry-After": "999999"}),
        "break",
    ]
    assert fetch_species(client, "Lacerta schreiberi", tmp_path / "a.tsv").n == 650
    assert waits[:2] == [7.0, 1.0]
    assert 80 < waits[2] <= 90
    assert waits[3:] == [600.0, 8.0]
    assert len(rows(tmp_path / "a.tsv")) == 650


def test_a_server_that_never_answers_is_given_up_and_the_pages_are_kept(gbif, client, waits, tmp_path):
    gbif.mishaps = [None, None] + [(503, {})] * ATTEMPTS
    output = tmp_path / "a.tsv"
    with pytest.raises(OccurrenceError, match=r"it answers 503, 8 attempts.*run the command again"):
        fetch_species(client, "Lacerta schreiberi", output)
    assert not output.exists()
    with part_of(output).open("a", encoding="utf-8") as stream:
        stream.write("half a row")
    gbif.requests.clear()
    assert fetch_species(client, "Lacerta schreiberi", output).n == 650
    assert offsets(gbif) == [300, 600]
    assert [row["gbifID"] for row in rows(output)] == [str(number) for number in range(650)]
    assert not part_of(output).exists()
    assert not state_of(output).exists()


def test_a_server_that_is_not_there(waits, tmp_path):
    with pytest.raises(OccurrenceError, match="cannot be reached"):
        fetch_species(Client("http://127.0.0.1:9", waits.append), "Lacerta schreiberi", tmp_path / "a.tsv")
    assert waits == [1.0, 2.0, 4.0]
    with pytest.raises(OccurrenceError, match="must begin with https://"):
        Client("file:///etc/passwd")


def test_an_interrupted_search_for_another_species_begins_again(gbif, client, tmp_path):
    gbif.mishaps = [None, None] + [(503, {})] * ATTEMPTS
    with pytest.raises(OccurrenceError):
        fetch_species(client, "Lacerta schreiberi", tmp_path / "a.tsv")
    gbif.match = {**gbif.match, "usageKey": 99}
    gbif.requests.clear()
    fetch_species(client, "Lacerta agilis", tmp_path / "a.tsv")
    assert offsets(gbif) == [0, 300, 600]


def test_a_killed_process_goes_on_at_its_page(gbif, tmp_path):
    output = tmp_path / "a.tsv"
    command = [sys.executable, "-m", "ml", "gbif", "--species", "Lacerta schreiberi", "--output", str(output)]
    command += ["--server", gbif.address]
    gbif.hold_from = 600
    gbif.hold.clear()
    process = subprocess.Popen(command, cwd=PROJECT)
    try:
        for _ in range(600):
            if 600 in offsets(gbif):
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    gbif.hold.set()
    assert not output.exists()
    gbif.requests.clear()
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert f"650 records written to {output}" in result.stdout
    assert offsets(gbif) == [600]
    assert [row["gbifID"] for row in rows(output)] == [str(number) for number in range(650)]


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({"matchType": "NONE"}, "GBIF does not know the species 'Lacerta x'; check the spelling"),
        (
            {"matchType": "HIGHERRANK", "usageKey": 1, "rank": "GENUS", "scientificName": "Lacerta L."},
            r"only as Lacerta L\. \(genus\)",
        ),
    ],
)
def test_names_that_are_not_a_species(gbif, client, tmp_path, match, message):
    gbif.match = match
    with pytest.raises(OccurrenceError, match=message):
        fetch_species(client, "Lacerta x", tmp_path / "a.tsv")
    assert list(tmp_path.iterdir()) == []


def test_a_synonym_and_a_misspelt_name_are_named(gbif, client, tmp_path):
    gbif.match |= {"acceptedUsageKey": 7, "species": "Lacerta viridis", "matchType": "FUZZY"}
    fetched = fetch_species(client, "Lacerta shreiberi", tmp_path / "a.tsv")
    assert fetched.remark == (
        "GBIF read 'Lacerta shreiberi' as Lacerta schreiberi. Lacerta schreiberi is a synonym of Lacerta viridis."
    )
    assert gbif.requests[1][1]["taxonKey"] == "7"


def test_more_records_than_a_search_returns(gbif, client, tmp_path):
    gbif.n_records = 100_001
    with pytest.raises(OccurrenceError, match=r"100,001 records of .*at most 100,000.*by its key or DOI"):
        fetch_species(client, "Lacerta schreiberi", tmp_path / "a.tsv")
    assert not (tmp_path / "a.tsv").exists()


@pytest.mark.parametrize("key", [KEY, DOI, f"https://doi.org/{DOI}", f" {KEY} "])
def test_a_download_by_key_or_doi(gbif, client, tmp_path, key):
    gbif.content = archive()
    fetched = fetch_download(client, key, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == gbif.content
    assert (fetched.n, fetched.citation) == (
        7,
        f"GBIF.org (2024-01-02) GBIF Occurrence Download https://doi.org/{DOI}",
    )
    assert (tmp_path / "a.zip.citation.txt").read_text(encoding="utf-8").strip() == fetched.citation
    assert len(list(tmp_path.iterdir())) == 2


def test_a_broken_download_goes_on_where_it_stopped(gbif, client, waits, tmp_path):
    gbif.content = archive()
    gbif.mishaps = [None, "break", "break", (503, {"Retry-After": "3"})]
    fetch_download(client, KEY, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == gbif.content
    ranges = [headers.get("Range") for path, _, headers in gbif.requests if path.endswith(".zip")]
    assert ranges[0] is None
    assert len(ranges) == 4
    begins = [int(one.removeprefix("bytes=").removesuffix("-")) for one in ranges[1:]]
    assert 0 < begins[0] < begins[1] == begins[2]
    assert waits[-1] == 3.0


@pytest.mark.parametrize("change", ["etag", "ranges"])
def test_a_file_that_changed_or_a_server_without_ranges_begins_again(gbif, client, tmp_path, change):
    gbif.content = archive()
    gbif.mishaps = [None, "break"] + [(503, {})] * ATTEMPTS
    output = tmp_path / "a.zip"
    with pytest.raises(OccurrenceError, match="cannot be reached"):
        fetch_download(client, KEY, output)
    assert part_of(tmp_path / f".a.zip.{KEY}.draft").stat().st_size > 0
    if change == "etag":
        gbif.etag, gbif.content = '"second"', archive(200_000)
    else:
        gbif.ignores_ranges = True
    fetch_download(client, KEY, output)
    assert output.read_bytes() == gbif.content


@pytest.mark.parametrize(
    ("status", "advice"), [("RUNNING", "try again when GBIF has finished it"), ("KILLED", "make it again")]
)
def test_a_download_that_is_not_finished(gbif, client, tmp_path, status, advice):
    gbif.status = status
    with pytest.raises(OccurrenceError, match=f"is {status.lower()}; {advice}"):
        fetch_download(client, KEY, tmp_path / "a.zip")


def test_bad_keys_and_answers(gbif, client, tmp_path):
    for key in ("../../etc/passwd", "12", "10.15468/../x y", "10.15468/../../species/match"):
        with pytest.raises(OccurrenceError, match="neither the key of a GBIF download"):
            fetch_download(client, key, tmp_path / "a.zip")
    gbif.mishaps = [(404, {})]
    with pytest.raises(OccurrenceError, match=f"GBIF has no download {KEY}; check the key or DOI"):
        fetch_download(client, KEY, tmp_path / "a.zip")
    gbif.content = b"<html>an error page</html>"
    with pytest.raises(OccurrenceError, match="not a zip file"):
        fetch_download(client, KEY, tmp_path / "a.zip")
    gbif.match = [1, 2]
    with pytest.raises(OccurrenceError, match="not a JSON object"):
        fetch_species(client, "Lacerta schreiberi", tmp_path / "a.tsv")
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_the_disk_has_no_room_for(gbif, client, tmp_path, monkeypatch):
    gbif.content = archive()
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OccurrenceError, match="but the disk has 1,000 free"):
        fetch_download(client, KEY, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


@pytest.mark.parametrize(("value", "seconds"), [(None, None), ("", None), ("12", 12.0), ("soon", None)])
def test_retry_after(value, seconds):
    assert retry_after(value) == seconds
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


def test_a_search_reaches_up_to_the_last_record_that_gbif_allows(gbif, client, tmp_path, monkeypatch):
    monkeypatch.setattr("ml.records.gbif.MOST_RECORDS", 650)
    assert fetch_species(client, "Lacerta schreiberi", tmp_path / "a.tsv").n == 650
    assert [query["limit"] for path, query, _ in gbif.requests if path.endswith("/search")] == ["300", "300", "50"]


def test_progress_as_lines_of_json(gbif, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ml.commands.gbif._PAUSE_S", 0.0)
    monkeypatch.setattr("ml.commands.gbif.time.sleep", lambda seconds: None)
    gbif.mishaps = [None, None, (429, {"Retry-After": "7"})]
    options = ["--species", "Lacerta schreiberi", "--output", str(tmp_path), "--server", gbif.address]
    assert main(["gbif", *options, "--progress", "json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert lines == [
        {"progress": 0.4615, "message": "300 of 650 records"},
        {"progress": 0.4615, "message": "Waiting 7 s for GBIF, which is busy or out of reach"},
        {"progress": 0.9231, "message": "600 of 650 records"},
        {"progress": 1.0, "message": "650 of 650 records"},
    ]


def test_the_command(gbif, tmp_path, capsys):
    output = tmp_path / "a.tsv"
    arguments = ["gbif", "--species", "Lacerta schreiberi", "--output", str(output), "--server", gbif.address]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert f"650 records written to {output}" in printed
    assert "Cite: GBIF.org" in printed
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["gbif", "--download", KEY, "--output", str(tmp_path / "no" / "a.zip")]) == 2
    assert "is not a folder" in capsys.readouterr().err
