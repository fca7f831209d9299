"""What a reader of files says about a table that it cannot read repeats its cells: those on a grid are not told."""

from __future__ import annotations

import pytest

from tests.contract.sensitive.conftest import API, COARSE, PAGE

# read as a header, the first row of a table without one is its columns
TABLES = {
    "headless.csv": b"Oenanthe hispanica,41.47654,2.31234\nOenanthe hispanica,41.53824,2.38344\n",
    "named.csv": b"species,41.47654,2.31234\nOenanthe hispanica,41.53824,2.38344\n",
    "nothing.csv": b"41.47654 2.31234",
}
CELLS = ("41.47654", "2.31234", "41.53824", "2.38344")
LISTS = ("records", "records.csv", "records/places", "files", "layers", "preflight")
PAGES = ("", "/records", "/layers", "/start")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_cannot_be_read_is_not_repeated(own_guarded, name):
    owner = own_guarded.browser("owner")
    assert owner.put(f"{API}/files/{name}", data=TABLES[name]).status_code == 201
    told = [owner.get(f"{API}/{each}").text for each in LISTS] + [owner.get(f"{PAGE}{each}").text for each in PAGES]
    assert any(cell in text for text in told for cell in CELLS), "nothing repeats the file, so this test checks nothing"
    for person in COARSE:
        browser = own_guarded.browser(person)
        for address in [f"{API}/{each}" for each in LISTS] + [f"{PAGE}{each}" for each in PAGES]:
            seen = browser.get(address)
            assert seen.status_code < 500
            found = [cell for cell in CELLS if cell in seen.text]
            assert not found, (person, address, found, seen.text[:2000])
