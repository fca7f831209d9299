"""Statuses and counts that say that a species was not found."""

from __future__ import annotations

import pandas as pd
import pytest

from ml.records.absence import is_zero, says_absent
from ml.records.cleaning import CleaningRules, clean


@pytest.mark.parametrize(
    "status",
    [
        "http://rs.tdwg.org/dwcdoe/values/absent", "http://rs.gbif.org/vocabulary/gbif/occurrenceStatus/absent/",
        "dwc:absent", "status:false", "absent:2020", "status: absent",
        "ABSENT ", "presumed absent", "Likely absent", "species absent", "Absent from survey",
        "searched, not found", "surveyed but not detected", "no longer present", "no observado", "no detectado",
        "não observado", "nao observado", "nicht vorhanden", "non détecté", "non observée", "assente", "afwezig",
        "keine", "0.0", "0", "F", "N", "A", "FALSE", "Locally extinct", "pseudo-absence",
    ],
)  # fmt: skip
def test_an_absence_is_recognised_in_any_usual_spelling(status):
    assert says_absent(status)


@pytest.mark.parametrize(
    "status",
    [
        "present", "http://rs.gbif.org/vocabulary/gbif/occurrenceStatus/present", "dwc:present", "P", "T", "1", "",
        "not absent", "present, not absent", "non-native", "not native", "not rare", "observed, not collected",
        "doubtful", "common", "10", "NA",
    ],
)  # fmt: skip
def test_other_statuses_are_no_absence(status):
    assert not says_absent(status)


def test_counts_of_zero():
    assert all(map(is_zero, ["0", "00", "0.0", "0,0", "-0", "0 individuals", "0 ind.", "zero", "0%", "0 %", "\uff10"]))
    assert not any(map(is_zero, ["", "1", "0-5", "0.5", "0,5", "0 to 5", "10", "10%", "none", "several", "0x1"]))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("occurrenceStatus", "species absent", "recorded as absent"),
        ("individualCount", "0 individuals", "recorded as absent"),
        ("individualCount", "0-5", None),
        ("organismQuantity", "0%", "recorded as absent"),
        ("coordinateUncertaintyInMeters", "-1", "coordinate uncertainty unreadable"),
        ("coordinateUncertaintyInMeters", "0", None),
        ("decimalLatitude", "<NA>", "no coordinates"),
        ("decimalLatitude", "#N/A", "no coordinates"),
    ],
)
def test_such_records_are_left_out_under_one_reason(column, value, reason):
    record = {"decimalLatitude": "10", "decimalLongitude": "20"} | {column: value}
    assert clean(pd.DataFrame([record]), CleaningRules(max_uncertainty_m=5000))[1] == ({reason: 1} if reason else {})


def test_a_negative_uncertainty_matters_only_where_there_is_a_limit():
    record = {"decimalLatitude": "10", "decimalLongitude": "20", "coordinateUncertaintyInMeters": "-1"}
    assert clean(pd.DataFrame([record]))[1] == {}


@pytest.mark.parametrize("missing", ["", "NA", "null", " None ", "-"])
def test_rights_count_where_the_licence_is_missing(missing):
    record = {"decimalLatitude": "10", "decimalLongitude": "20", "license": missing}
    assert clean(pd.DataFrame([record | {"rights": "CC BY 4.0"}]))[1] == {}
    assert clean(pd.DataFrame([record | {"rights": "all rights reserved"}]))[1] == {"licence not allowed": 1}
