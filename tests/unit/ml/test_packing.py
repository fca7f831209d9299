"""Blends as flat arrays: the same answers, and nothing unsound let through to compiled code."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.compiled import FALLING, LEVEL, LINEAR, RISING
from ml.cutoff import HeldOutSuitability
from ml.forest import walk_rows
from ml.levels import level_order, recode
from ml.members import Blend, logistic
from ml.novelty import Area
from ml.packing import Contents, UnsoundError, pack, unpack
from tests.unit.ml.blends import INTERCEPT, SLOPE, elsewhere, fitted, group, typical, without

REFERENCE = [np.linspace(-2, 2, 9, dtype=np.float32)] * 2 + [np.empty(0, np.float32), np.full(3, 5, np.float32)]

AREA = Area(
    points=np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32),
    scale=np.array([0.5, 1.5, 1, 0], np.float32),
    centre=np.array([0.1, -2, 0, 5], np.float32),
    penalty=np.array([0, 0, 0.3, 0], np.float32),
    threshold=0.4,
)
HELD_OUT = HeldOutSuitability(np.array([0.2, 0.6, 0.6, 0.9], np.float32), np.array([0.1, 0.15, 0.7], np.float32))


def _arrays(blend=None, area=AREA, held_out=HELD_OUT):
    return dict(pack(Contents(blend or fitted()[1], REFERENCE, area, held_out)))


def _stored(arrays):
    """The same arrays after a file of them was written and read."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


@pytest.mark.parametrize("parts", [(), ("maxent",), ("network",), ("maxent", "network")])
def test_a_blend_comes_back_as_it_was(parts):
    blend = without(fitted()[1], *parts)
    found = unpack(_stored(_arrays(blend)), 4)
    again, reference = found.blend, found.reference
    np.testing.assert_array_equal(again.suitability(elsewhere()), blend.suitability(elsewhere()))
    assert (again.maxent is None) == (blend.maxent is None)
    assert (again.network is None) == (blend.network is None)
    for one, two in zip(reference, REFERENCE, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_area_and_the_held_out_records_come_back_as_they_were():
    found = unpack(_stored(_arrays()), 4)
    assert found.area.threshold == AREA.threshold
    for name in ("points", "scale", "centre", "penalty"):
        np.testing.assert_array_equal(getattr(found.area, name), getattr(AREA, name))
    for row in elsewhere(20):
        assert found.area.locate(row) == AREA.locate(row)
    np.testing.assert_array_equal(found.held_out.present, HELD_OUT.present)
    np.testing.assert_array_equal(found.held_out.other, HELD_OUT.other)
    older = unpack(_stored(_arrays(area=None, held_out=None)), 4)
    assert (older.area, older.held_out) == (None, None)


def test_without_a_calibration_the_answer_is_the_forests_share():
    """As models of the first format are stored."""
    blend = Blend(fitted()[1].forest)
    arrays = _arrays(blend)
    del arrays["calibration"]
    share = np.empty(200)
    forest = blend.forest
    walk_rows(forest.splits, forest.shares, forest.leaves, forest.starts, elsewhere(), share)
    np.testing.assert_allclose(unpack(arrays, 4).blend.suitability(elsewhere()), share, atol=1e-9)


@pytest.mark.parametrize("species", [0, 1])
@pytest.mark.parametrize("categorical", [True, False])
def test_the_flat_blend_answers_like_the_fitted_members(species, categorical):
    model, blend = fitted(species, categorical)
    for rows in (group().rows, elsewhere()):
        expected = logistic(INTERCEPT + SLOPE * model.score(rows))
        assert np.ptp(expected) > 0.3
        np.testing.assert_allclose(blend.suitability(recode(rows, model.order)), expected, atol=1e-5)


def test_codes_are_in_the_order_of_the_species_taste():
    model, blend = fitted()
    order = model.order[2]
    assert sorted(order) == [0, 1, 2, 3]
    assert order.tolist() != [0, 1, 2, 3]
    assert order[1] == 0 and order[2] == 3
    # in the other order the same codes mean other levels
    wrong = np.abs(blend.suitability(elsewhere()) - logistic(INTERCEPT + SLOPE * model.score(elsewhere())))
    assert wrong.max() > 0.05


def test_codes_nobody_knows_stay_and_are_answered_alike_by_both():
    model, blend = fitted()
    rows = elsewhere(40)
    rows[:, 2] = np.tile([4, 77], 20)
    np.testing.assert_array_equal(recode(rows, model.order), rows)
    expected = logistic(INTERCEPT + SLOPE * model.score(rows))
    np.testing.assert_allclose(blend.suitability(rows), expected, atol=1e-5)


def test_terms_that_are_zero_are_left_out():
    model, blend = fitted()
    assert 0 < len(blend.maxent.terms) == np.count_nonzero(model.maxent.coef_) < len(model.maxent.terms_)
    np.testing.assert_array_equal(blend.network.reference, recode(typical()[None], model.order)[0])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=1, max_size=60), st.integers(0, 99))
def test_levels_are_ordered_by_how_much_presences_prefer_them(records, seed):
    y, codes = np.array(records).T
    weight = np.where(y == 1, 0, np.random.default_rng(seed).random(len(y))) + 1e-9
    rows = np.column_stack([np.zeros(len(y)), codes]).astype(np.float32)
    [new] = level_order(rows, y, weight, (1,)).values()
    assert sorted(new) == list(range(codes.max() + 1))
    ratio = [((y == 1) & (codes == k)).sum() + 1 for k in range(len(new))] / (
        1 + y.sum() * np.bincount(codes, weight, len(new)) / weight.sum()
    )
    assert (np.diff(ratio[np.argsort(new)]) >= -1e-12).all()
    np.testing.assert_array_equal(recode(rows, {1: new})[:, 1], new[codes])
    assert rows[:, 1].tolist() == codes.tolist()


def test_without_categories_nothing_is_recoded():
    rows = elsewhere(3)
    assert level_order(rows, np.array([1, 0, 0]), np.ones(3), ()) == {}
    assert recode(rows, {}) is rows


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
    ("maxent_terms.kind", 0, LEVEL + 1),
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
]


_WHAT = r"^((a (forest|MaxEnt-type model|network|calibration|reference))|an area of applicability|held-out records)$"


@pytest.mark.parametrize(("name", "index", "value"), ENTRIES)
def test_a_forged_entry_is_refused(name, index, value):
    arrays = _arrays()
    unpack(arrays, 4)
    _forge(arrays, name, index(arrays) if callable(index) else index, value)
    with pytest.raises(UnsoundError, match=_WHAT):
        unpack(arrays, 4)


@pytest.mark.parametrize(("kind", "knot"), [(RISING, 1.0), (RISING, -0.1), (FALLING, 0.0), (FALLING, 1.1)])
def test_a_hinge_that_divides_by_nothing_is_refused(kind, knot):
    arrays = _forge(_forge(_arrays(), "maxent_terms.kind", 0, kind), "maxent_terms.knot", 0, knot)
    with pytest.raises(UnsoundError, match="MaxEnt"):
        unpack(arrays, 4)
    # a knot that no hinge uses is not looked at
    unpack(_forge(arrays, "maxent_terms.kind", 0, LINEAR), 4)


@pytest.mark.parametrize(
    "name",
    sorted(set(_arrays()) - {"calibration", "maxent_terms", "network_output", "area_points", "held_out_present"}),
)
def test_an_array_that_is_missing_or_of_another_shape_is_refused(name):
    arrays = _arrays()
    del arrays[name]
    with pytest.raises(KeyError, match=name):
        unpack(arrays, 4)
    right = _arrays()[name]
    # a reference and held-out records may have any length
    longer = [] if name.startswith(("reference", "held_out")) else [np.concatenate([np.atleast_1d(right)] * 2)]
    for other in (*longer, right[None], np.zeros((0, 7, 0))):
        with pytest.raises((UnsoundError, ValueError)):
            unpack(arrays | {name: other}, 4)


@pytest.mark.parametrize(
    "name",
    ["nodes", "roots", "group", "maxent_terms", "maxent_low", "network_hidden_1", "area_points", "held_out_other"],
)
@pytest.mark.parametrize("kind", ["U4", [("a", "<i4"), ("b", "<f8")]])
def test_an_array_of_another_kind_is_refused(name, kind):
    other = np.zeros(_arrays()[name].shape, kind)
    with pytest.raises((UnsoundError, ValueError)):
        unpack(_stored(_arrays() | {name: other}), 4)


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
    with pytest.raises(UnsoundError):
        unpack(_arrays() | {name: _arrays()[name][cut]}, 4)


@pytest.mark.parametrize("n_predictors", [0, 1, 3, 5])
def test_a_card_with_other_predictors_is_refused(n_predictors):
    with pytest.raises((UnsoundError, KeyError)):
        unpack(_arrays(), n_predictors)


def test_a_part_the_blend_lacks_is_not_asked_for():
    arrays = _arrays(Blend(fitted()[1].forest), None, None)
    assert sorted(arrays) == [
        "calibration",
        "group",
        "nodes",
        *(f"reference_{j}" for j in range(4)),
        "roots",
        "weights",
    ]


def test_a_half_sample_without_a_tree_is_refused():
    """Its spread would be divided by no trees."""
    arrays = _arrays()
    arrays["group"] = np.where(arrays["group"] == 0, 1, arrays["group"])
    with pytest.raises(UnsoundError, match="a forest"):
        unpack(arrays, 4)
