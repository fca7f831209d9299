"""Counts after switching: they add up, they do not depend on the order of rows, a saved audit gives the same."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.recipes.recipe import LICENCES, Recipe
from ml.records.audit import audit
from ml.records.errors import OccurrenceError
from ml.records.reasons import CHECKS
from ml.records.recount import Audit, decide, recount
from tests.unit.ml.records.own_records import SmallGrid, counts, table

RECIPE = Recipe(title="T")
CODES = [check.code for check in CHECKS]


def many(n=120, seed=3):
    """Return records with everything wrong that a record can have, some of them twice."""
    pick = random.Random(seed)
    rows = []
    for _ in range(n):
        rows.append(
            {
                "scientificName": pick.choice(["Aus bus", "Aus bus L.", "Aus bas", "Cus dus", "", "Eus fus"]),
                "decimalLatitude": pick.choice(["78.25", "78.2512", "78.3", "0", "", "x", "99.5", "52.5", "79.1"]),
                "decimalLongitude": pick.choice(["15.5", "15.5123", "16", "0", "78.25", "200", "5.25"]),
                "license": pick.choice(["CC0", "CC BY", "CC BY-NC", "mine", ""]),
                "basisOfRecord": pick.choice(["FOSSIL_SPECIMEN", "LIVING_SPECIMEN", "", "", "", ""]),
                "coordinateUncertaintyInMeters": pick.choice(["", "5", "50000", "-1"]),
                "year": pick.choice(["", "1900", "2000"]),
            }
        )
    return rows


class Grid(SmallGrid):
    """The same with all of the north."""

    def cell_of(self, longitude, latitude):
        cell = np.floor(longitude * 4).astype(np.int64) + 1000 * np.floor(latitude * 4).astype(np.int64)
        return np.where(latitude > 0, cell, -1)

    def has_values(self, cell):
        return cell < 316_000


ROWS = many()


@pytest.fixture(scope="module")
def mixed():
    return audit([table(ROWS[:70], "a.csv"), table(ROWS[70:], "b.csv")], RECIPE, Grid())


RULES = st.fixed_dictionaries(
    {
        "off": st.lists(st.sampled_from(CODES), unique=True),
        "drop": st.lists(st.sampled_from([check.code for check in CHECKS if check.kind == "flag"]), unique=True),
        "licences": st.none() | st.lists(st.sampled_from(LICENCES), unique=True),
        "max_uncertainty_m": st.none() | st.sampled_from([1.0, 5.0, 1e6]),
        "first_year": st.none() | st.sampled_from([1850, 1950]),
        "thin_km": st.none() | st.sampled_from([0.1, 5.0, 900.0]),
    }
)
MERGES = st.sampled_from([{}, {"Aus bas": "Aus bus"}, {"Aus bas": "Cus dus", "Cus dus": "Gus hus"}])
CHOSEN = st.none() | st.lists(st.sampled_from(["Aus bus", "Cus dus", "Nobody knows"]), unique=True)


@settings(deadline=None)
@given(rules=RULES, merge=MERGES, species=CHOSEN)
def test_kept_and_reasons_add_up(mixed, rules, merge, species):
    recipe = Recipe(title="T", rules=rules, merge=merge, species=species)
    report, decision = recount(mixed, recipe), decide(mixed, recipe)
    assert report.kept + sum(counts(report).values()) == report.n == len(ROWS)
    assert report.kept == int(decision.kept.sum()) == sum(one.kept for one in report.species)
    assert sum(one.n for one in report.species) + sum(1 for row in ROWS if not row["scientificName"]) == len(ROWS)
    for check, count in zip(CHECKS, report.reasons, strict=True):
        assert count.n <= count.n_concerned
        if check.switchable and check.code in rules["off"]:
            assert not count.drops
            assert count.n == 0 or check.kind == "drop"


@settings(deadline=None, max_examples=30)
@given(rules=RULES, merge=MERGES)
def test_a_saved_audit_gives_the_same_counts(mixed, tmp_path_factory, rules, merge):
    path = tmp_path_factory.mktemp("audit") / "audit.npz"
    mixed.save(path)
    recipe = Recipe(title="T", rules=rules, merge=merge)
    assert recount(Audit.load(path), recipe) == recount(mixed, recipe)
    assert [one.name for one in path.parent.iterdir()] == ["audit.npz"]


@pytest.mark.thorough
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 2**32), rules=RULES, merge=MERGES)
def test_the_order_of_rows_does_not_change_counts(mixed, seed, rules, merge):
    order = random.Random(seed).sample(range(len(ROWS)), len(ROWS))
    recipe = Recipe(title="T", rules=rules, merge=merge)
    one_file = audit([table(ROWS)], recipe, Grid())
    shuffled = audit([table([ROWS[i] for i in order])], recipe, Grid())
    assert recount(one_file, recipe) == recount(shuffled, recipe)


@settings(deadline=None)
@given(rules=RULES)
def test_switching_off_and_on_again_gives_the_first_result(mixed, rules):
    before = recount(mixed, RECIPE)
    recount(mixed, Recipe(title="T", rules=rules))
    assert recount(mixed, RECIPE) == before


def test_places_are_at_most_2000_and_tell_kept_ones(mixed):
    report = recount(mixed, RECIPE)
    assert 0 < len(report.places) <= 2_000
    rows = [
        {"scientificName": "Aus bus", "decimalLatitude": f"80.{i:04}1", "decimalLongitude": "15.51"}
        for i in range(2500)
    ]
    large = recount(audit([table([*rows, {**rows[0], "scientificName": ""}])], RECIPE, None), RECIPE)
    assert len(large.places) == 2_000
    assert all(kept for _, _, kept in large.places)


@pytest.mark.parametrize("damage", ["cut", "not a zip", "version", "missing", "length"])
def test_a_damaged_audit_is_refused(mixed, tmp_path, damage):
    path = tmp_path / "audit.npz"
    mixed.save(path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-2000])
    elif damage == "not a zip":
        path.write_bytes(b"PK\x03\x04 and nothing else")
    elif damage == "missing":
        path.unlink()
    else:
        with np.load(path) as content:
            arrays = dict(content)
        if damage == "version":
            texts = json.loads(arrays["texts"].tobytes()) | {"version": 99}
            arrays["texts"] = np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)
        else:
            arrays["row_year"] = arrays["row_year"][:-1]
        np.savez(path, **arrays)
    with pytest.raises(
        OccurrenceError, match=r"audit\.npz: the audit of the records cannot be read .*audit them again"
    ):
        Audit.load(path)


def test_an_audit_with_python_objects_is_refused(mixed, tmp_path):
    path = tmp_path / "audit.npz"
    mixed.save(path)
    with np.load(path) as content:
        arrays = dict(content)
    arrays["row_year"] = np.array([print] * mixed.n, dtype=object)
    np.savez(path, **arrays)
    with pytest.raises(OccurrenceError, match=r"cannot be read .*allow_pickle"):
        Audit.load(path)
