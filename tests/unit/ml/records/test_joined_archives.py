"""Archives of several files: cores in parts, and occurrences joined with their events or taxa."""

from __future__ import annotations

from ml.records.reading import read_records
from tests.unit.ml.records.test_cleaning import TERMS, meta
from tests.unit.ml.records.test_reading import refused, tarred, zipped


def test_several_core_files_in_a_nested_folder_of_a_tar_file(tmp_path):
    locations = "".join(f"<location>./o{i}.txt</location>" for i in range(3))
    description = meta().replace("<location>o.txt</location>", locations)
    files = [(f"./a/b/o{i}.txt", f"id\tlat\tlon\r\nx\t{i}.5\t2\r\n".encode()) for i in range(3)]
    table = read_records(tarred(tmp_path / "r.tgz", ("./a/b/meta.xml", description.encode()), *files))
    assert list(table.text("decimalLatitude")) == ["0.5", "1.5", "2.5"] and table.lines.tolist() == [2, 2, 2]
    assert table.format == "darwin-core-archive"


def event_archive(path, events, occurrences, kind="Event", extra=""):
    text = 'encoding="UTF-8" fieldsTerminatedBy="," fieldsEnclosedBy="" ignoreHeaderLines="1"'

    def fields(header):
        return "".join(f'<field index="{i}" term="{TERMS}{t}"/>' for i, t in enumerate(header.split(",")) if t != "id")

    description = (
        f'<archive xmlns="http://rs.tdwg.org/dwc/text/"><core {text} rowType="{TERMS}{kind}"><files><location>e.txt'
        f'</location></files><id index="0"/>{fields(events.splitlines()[0])}{extra}</core><extension {text} '
        f'rowType="{TERMS}Occurrence"><files><location>o.txt</location></files><coreid index="0"/>'
        f"{fields(occurrences.splitlines()[0])}</extension></archive>"
    )
    return zipped(path, ("meta.xml", description), ("e.txt", events), ("o.txt", occurrences))


EVENTS = "id,decimalLatitude,decimalLongitude,geodeticDatum,eventDate\nE1,1,2,NAD27,2001-01-01\nE2,3,4,ED50,2002\n"


def test_an_occurrence_has_the_place_of_its_event_or_its_own(tmp_path):
    occurrences = (
        "id,scientificName,decimalLatitude,decimalLongitude,eventDate\n"
        "E2,Apus apus,,,\nE1,Apus apus,7,8,2020-05-05T10:00:00Z\nE1,Apus apus,7,,\nE9,Apus apus,,,\n"
    )
    table = read_records(event_archive(tmp_path / "e.zip", EVENTS, occurrences))
    columns = ["decimalLatitude", "decimalLongitude", "geodeticDatum", "eventDate"]
    assert table.frame[columns].astype(str).values.tolist() == [
        ["3", "4", "ED50", "2002"],
        # Its own place is not in the datum of the event.
        ["7", "8", "", "2020-05-05"],
        # Half a place is not completed with half of another.
        ["7", "", "", "2001-01-01"],
        ["", "", "", ""],
    ]
    assert table.format == "event-core-archive" and table.report.unsure == [
        "1 of 4 occurrences belong to no Event of the archive"
    ]


def test_a_taxon_core_gives_its_occurrences_their_names(tmp_path):
    taxa = "id,scientificName\nT1,Apus apus\n"
    path = event_archive(tmp_path / "t.zip", taxa, "id,decimalLatitude,decimalLongitude\nT1,1,2\nT1,3,4\n", "Taxon")
    assert read_records(path).report.species == [("Apus apus", 2)]


def test_two_events_of_one_identifier_are_refused(tmp_path):
    with refused(r"^e\.zip: e\.txt: two rows have the identifier 'E1'"):
        read_records(event_archive(tmp_path / "e.zip", EVENTS.replace("E2", "E1"), "id,scientificName\nE1,A b\n"))


def test_default_values_of_an_archive(tmp_path):
    extra = f'<field term="{TERMS}geodeticDatum" default="WGS84"/><field term="{TERMS}year" default="2001" index="0"/>'
    fields = ("occurrenceID", "decimalLatitude", "decimalLongitude")
    path = zipped(
        tmp_path / "a.zip", ("meta.xml", meta(fields, extra)), ("o.txt", "id\tlat\tlon\n1999\t1\t2\n\t3\t4\n")
    )
    table = read_records(path)
    assert list(table.text("geodeticDatum")) == ["WGS84"] * 2 and list(table.text("year")) == ["1999", "2001"]


def test_the_citation_of_an_archive_is_its_doi(tmp_path):
    files = [("meta.xml", meta()), ("o.txt", "id\tlat\tlon\na\t1\t2\n")]
    doi = ("citations.txt", "GBIF.org (2024) GBIF Occurrence Download https://doi.org/10.15468/dl.srq3b3\n")
    assert read_records(zipped(tmp_path / "a.zip", *files, doi)).report.citation == "https://doi.org/10.15468/dl.srq3b3"
    eml = ("eml.xml", "<eml><additionalMetadata><citation>Kass\n J. 2018</citation></additionalMetadata></eml>")
    assert read_records(zipped(tmp_path / "b.zip", *files, eml)).report.citation == "Kass J. 2018"
