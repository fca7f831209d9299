"""Arrays from outside that are no model are refused before compiled code sees them."""

import numpy as np
import pytest

from ml.kernels.terms import CATEGORY, FALLING, LINEAR, RISING
from ml.serving.arrays import InvalidArraysError, unpack
from tests.unit.ml.serving.packed import arrays_of, stored


def _forge(arrays, name, index, value):
    """Change entries of one array; a field of a structured one is named after a dot."""
    name, _, field = name.partition(".")
    arrays[name] = arrays[name].copy()
    (arrays[name][field] if field else arrays[name])[index] = value
    return arrays


def _split(arrays):
    """Index of the first node that splits."""
    return int(np.flatnonzero(arrays["nodes"]["feature"] >= 0)[0])


ENTRIES = [
    ("maxent_terms.kind", 0, -1),
    ("maxent_terms.kind", 0, CATEGORY + 1),
    ("maxent_terms.kind", 0, 2**31 - 1),
    ("maxent_terms.first", 0, -1),
    ("maxent_terms.first", 0, 4),
    ("maxent_terms.second", 0, -1),
    ("maxent_terms.second", 0, 4),
    ("maxent_terms.knot", 0, np.nan),
    ("maxent_terms.knot", 0, np.inf),
    ("maxent_coefficients", 0, np.nan),
    ("maxent_centres", -1, np.inf),
    ("maxent_low", 0, np.nan),
    ("maxent_span", 0, 0.0),
    ("maxent_span", 0, -1.0),
    ("maxent_span", 3, np.nan),
    ("maxent_offset", (), np.nan),
    ("network_quantiles", (0, 5), 1e9),
    ("network_quantiles", (0, 5), np.nan),
    ("network_positions", (0, 5), np.inf),
    ("network_mean", 0, np.nan),
    ("network_scale", 0, 0.0),
    ("network_scale", 0, -1.0),
    ("network_n_levels", 2, -1),
    ("network_n_levels", 2, 5),
    ("network_n_levels", 2, 0),
    ("network_n_levels", 0, 2**31 - 1),
    ("network_hidden_1", (0, 0, 0), np.nan),
    ("network_hidden_2", (1, 3, 3), np.inf),
    ("network_output", (0, 0), np.nan),
    ("network_reference", 1, np.nan),
    ("calibration", 1, 0.0),
    ("calibration", 1, -1.0),
    ("calibration", 0, np.nan),
    ("calibration", 1, np.inf),
    ("weights", 0, -0.1),
    ("weights", 1, np.nan),
    ("reference_0", 1, 1e9),
    ("reference_0", -1, np.nan),
    ("roots", 0, 1),
    ("roots", -1, 10**6),
    ("roots", 1, 0),
    ("group", 0, -1),
    ("group", 0, 20),
    ("nodes.feature", _split, 4),
    ("nodes.feature", _split, -2),
    ("nodes.right", _split, 0),
    ("nodes.right", _split, 10**6),
    ("nodes.threshold", _split, np.nan),
    ("nodes.value", 0, 1.5),
    ("nodes.value", 0, np.nan),
    ("area_points", (0, 0), np.nan),
    ("area_points", (3, 5), np.inf),
    ("area_scale", 0, -0.1),
    ("area_scale", 3, np.nan),
    ("area_centre", 1, np.inf),
    ("area_penalty", 2, -0.1),
    ("area_penalty", 0, np.nan),
    ("area_threshold", (), -0.1),
    ("area_threshold", (), np.nan),
    ("held_out_present", 0, 0.7),
    ("held_out_present", -1, np.nan),
    ("held_out_other", 0, 0.2),
    ("held_out_other", 0, -np.inf),
    ("records_places", (0, 0), np.nan),
    ("records_places", (2, 1), 0.0),
    ("records_places", (0, 0), 180.1),
    ("records_places", (0, 0), -np.inf),
    ("records_places", (3, 1), -90.1),
]


_WHAT = (
    r"^(an invalid (forest|MaxEnt-type model|network|calibration|reference|area of applicability)|"
    r"invalid (held-out )?records)$"
)


@pytest.mark.parametrize(("name", "index", "value"), ENTRIES)
def test_a_forged_entry_is_refused(name, index, value):
    arrays = arrays_of()
    unpack(arrays, 4, 4)
    _forge(arrays, name, index(arrays) if callable(index) else index, value)
    with pytest.raises(InvalidArraysError, match=_WHAT):
        unpack(arrays, 4, 4)


@pytest.mark.parametrize(("kind", "knot"), [(RISING, 1.0), (RISING, -0.1), (FALLING, 0.0), (FALLING, 1.1)])
def test_a_hinge_that_divides_by_nothing_is_refused(kind, knot):
    arrays = _forge(_forge(arrays_of(), "maxent_terms.kind", 0, kind), "maxent_terms.knot", 0, knot)
    with pytest.raises(InvalidArraysError, match="MaxEnt"):
        unpack(arrays, 4, 4)
    # a knot that no hinge uses is not looked at
    unpack(_forge(arrays, "maxent_terms.kind", 0, LINEAR), 4, 4)


@pytest.mark.parametrize(
    "name",
    sorted(
        set(arrays_of())
        - {"calibration", "maxent_terms", "network_output", "area_points", "held_out_present", "records_present"}
    ),
)
def test_an_array_that_is_missing_or_of_another_shape_is_refused(name):
    arrays = arrays_of()
    del arrays[name]
    with pytest.raises(KeyError, match=name):
        unpack(arrays, 4, 4)
    right = arrays_of()[name]
    # a reference and held-out records may have any length
    longer = [] if name.startswith(("reference", "held_out")) else [np.concatenate([np.atleast_1d(right)] * 2)]
    for other in (*longer, right[None], np.zeros((0, 7, 0))):
        with pytest.raises((InvalidArraysError, ValueError)):
            unpack(arrays | {name: other}, 4, 4)


@pytest.mark.parametrize(
    "name",
    [
        "nodes",
        "roots",
        "group",
        "maxent_terms",
        "maxent_low",
        "network_hidden_1",
        "area_points",
        "held_out_other",
        "records_places",
    ],
)
@pytest.mark.parametrize("kind", ["U4", [("a", "<i4"), ("b", "<f8")]])
def test_an_array_of_another_kind_is_refused(name, kind):
    other = np.zeros(arrays_of()[name].shape, kind)
    with pytest.raises((InvalidArraysError, ValueError)):
        unpack(stored(arrays_of() | {name: other}), 4, 4)


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("network_hidden_1", np.s_[:, :-1]),
        ("network_hidden_1", np.s_[:, :, :-1]),
        ("network_hidden_2", np.s_[:1]),
        ("network_hidden_2", np.s_[:, :, :-1]),
        ("network_output", np.s_[:, :-1]),
        ("network_output", np.s_[:1]),
        ("network_output", np.s_[:0]),
        ("network_output", np.s_[:, :1]),
        ("network_quantiles", np.s_[:, :-1]),
        ("maxent_coefficients", np.s_[1:]),
        ("maxent_terms", np.s_[1:]),
        ("roots", np.s_[:1]),
        ("group", np.s_[1:]),
        ("nodes", np.s_[:-1]),
        ("nodes", np.s_[:0]),
        ("area_points", np.s_[:-1]),
        ("area_points", np.s_[:, :0]),
        ("area_points", np.s_[0]),
        ("area_scale", np.s_[:-1]),
        ("area_centre", np.s_[:-1]),
        ("area_penalty", np.s_[:1]),
        ("held_out_present", np.s_[:0]),
        ("held_out_other", np.s_[:0]),
    ],
)
def test_a_part_cut_off_is_refused(name, cut):
    with pytest.raises(InvalidArraysError):
        unpack(arrays_of() | {name: arrays_of()[name][cut]}, 4, 4)


@pytest.mark.parametrize("n_predictors", [0, 1, 3, 5])
def test_a_card_with_other_predictors_is_refused(n_predictors):
    with pytest.raises((InvalidArraysError, KeyError)):
        unpack(arrays_of(), n_predictors, 4)


def test_a_half_sample_without_a_tree_is_refused():
    """Its spread would be divided by no trees."""
    arrays = arrays_of()
    arrays["group"] = np.where(arrays["group"] == 0, 1, arrays["group"])
    with pytest.raises(InvalidArraysError, match="an invalid forest"):
        unpack(arrays, 4, 4)


@pytest.mark.parametrize("part", ["records_present", "records_places"])
@pytest.mark.parametrize("n", [0, 5, 7])
def test_records_of_another_number_of_points_are_refused(part, n):
    right = arrays_of()[part]
    other = np.resize(right, (n, *right.shape[1:]))
    with pytest.raises(InvalidArraysError, match=r"^invalid records$"):
        unpack(arrays_of() | {part: other}, 4, 4)


def test_records_are_presences_or_not():
    with pytest.raises(InvalidArraysError, match=r"^invalid records$"):
        unpack(arrays_of() | {"records_present": np.array([0, 1, 2, 0, 1, 1])}, 4, 4)
    arrays = arrays_of()
    del arrays["records_present"]
    with pytest.raises(KeyError, match="records_present"):
        unpack(arrays, 4, 4)
