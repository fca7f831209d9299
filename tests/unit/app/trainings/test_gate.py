"""The promotion gate: paired differences by brute force, by simulation, and its sentences."""

from __future__ import annotations

import math
import os
from itertools import product

import numpy as np
import pytest

from app.trainings import gate
from app.trainings.held_out import HeldOut, PairedScores, pair, read_held_out
from ml.card import Metric, Validation
from tests.unit.cards import CARD


def brute_force(y, first, second):
    """AUC difference and its DeLong error by the definitions, one comparison after the other."""

    def psi(x, z):
        return 1.0 if x > z else 0.5 if x == z else 0.0

    ones, zeros = [i for i in range(len(y)) if y[i]], [i for i in range(len(y)) if not y[i]]
    aucs, v10, v01 = [], [], []
    for scores in (first, second):
        table = {(i, j): psi(scores[i], scores[j]) for i, j in product(ones, zeros)}
        aucs.append(math.fsum(table.values()) / len(table))
        v10.append([math.fsum(table[i, j] for j in zeros) / len(zeros) for i in ones])
        v01.append([math.fsum(table[i, j] for i in ones) / len(ones) for j in zeros])

    def covariance(a, b):
        mean_a, mean_b = math.fsum(a) / len(a), math.fsum(b) / len(b)
        return math.fsum((p - mean_a) * (q - mean_b) for p, q in zip(a, b, strict=True)) / (len(a) - 1)

    def s(r, t):
        return covariance(v10[r], v10[t]) / len(ones) + covariance(v01[r], v01[t]) / len(zeros)

    return aucs[0] - aucs[1], math.sqrt(max(0.0, s(0, 0) + s(1, 1) - 2 * s(0, 1)))


@pytest.mark.parametrize("seed", range(6))
def test_the_paired_difference_equals_the_definition_with_and_without_ties(seed):
    draw = np.random.default_rng(seed)
    y = (draw.random(70) < 0.35).astype(np.int64)
    truth = y + draw.normal(0, 1, 70)
    first, second = truth + draw.normal(0, 0.5, 70), truth + draw.normal(0, 1.5, 70)
    if seed % 2:
        first, second = first.round(0), second.round(0)
    result = gate.paired_difference(PairedScores(y, first, second))
    value, error = brute_force(y, first, second)
    assert result.value == pytest.approx(value, abs=1e-12)
    assert result.error == pytest.approx(error, abs=1e-12)


def test_the_error_is_the_spread_of_the_difference_over_samples():
    """The mean estimated variance of 2,000 samples lies near the variance of their differences."""
    draw = np.random.default_rng(8)
    y = np.repeat([1, 0], [60, 240])
    values, errors = [], []
    for _ in range(2_000):
        signal = y * 0.8 + draw.normal(0, 1, 300)
        found = gate.paired_difference(
            PairedScores(y, signal + draw.normal(0, 0.4, 300), signal + draw.normal(0, 0.8, 300))
        )
        values.append(found.value)
        errors.append(found.error)
    assert np.mean(np.square(errors)) == pytest.approx(np.var(values), rel=0.1)
    # 95 % intervals contain the mean difference; three standard errors of a share of 2,000
    covered = np.mean(np.abs(np.array(values) - np.mean(values)) < 1.96 * np.array(errors))
    assert abs(covered - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2_000)


def test_pairs_are_records_of_the_same_cell_and_label():
    one = HeldOut(np.array([1, 2, 3, 7, 9]), np.array([1, 1, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    two = HeldOut(np.array([1, 2, 3, 8, 9]), np.array([1, 0, 0, 0, 1]), np.array([0.6, 0.7, 0.8, 0.9, 1.0]))
    common = pair(one, two)
    # cell 2 is a presence in one and background in the other
    assert list(zip(common.y, common.first, common.second, strict=True)) == [
        (1, 0.1, 0.6),
        (0, 0.3, 0.8),
        (1, 0.5, 1.0),
    ]
    assert (common.n_presences, common.n_background) == (2, 1)


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_held_out_files_are_read_and_repeated_records_are_averaged(tmp_path):
    path = write(
        tmp_path / "a.npz",
        cell=np.array([5, 5, 5, 2, 4]),
        y=np.array([1, 1, 0, 0, 1], np.uint8),
        score=np.array([0.2, 0.4, 0.9, 0.5, np.nan]),
        fold=np.array([0, 0, 0, 1, 1]),
    )
    read = read_held_out(path)
    assert read is not None
    assert read.cell.tolist() == [2, 5, 5]
    assert read.y.tolist() == [0, 0, 1]
    assert read.score == pytest.approx([0.5, 0.9, 0.3])


def test_a_missing_or_damaged_file_of_held_out_records_is_none(tmp_path):
    assert read_held_out(tmp_path / "nothing.npz") is None
    fine = write(tmp_path / "fine.npz", cell=np.array([1]), y=np.array([1]), score=np.array([0.5]))
    (tmp_path / "short.npz").write_bytes(fine.read_bytes()[:-30])
    (tmp_path / "text.npz").write_text("no archive")
    os.mkfifo(tmp_path / "pipe.npz")
    write(tmp_path / "member.npz", cell=np.array([1]), y=np.array([1]))
    write(tmp_path / "length.npz", cell=np.array([1, 2]), y=np.array([1]), score=np.array([0.5]))
    write(tmp_path / "label.npz", cell=np.array([1]), y=np.array([2]), score=np.array([0.5]))
    write(tmp_path / "kind.npz", cell=np.array([1.5]), y=np.array([1]), score=np.array([0.5]))
    for name in ("short", "text", "pipe", "member", "length", "label", "kind"):
        assert read_held_out(tmp_path / f"{name}.npz") is None, name


def held_out(scores, seed=0, n=(40, 400)):
    """Held-out records with a signal of the given strength."""
    draw = np.random.default_rng(seed)
    y = np.repeat([1, 0], n)
    return HeldOut(np.arange(len(y)), y, y * scores + draw.normal(0, 1, len(y)))


def card(auc, low, high):
    return CARD.model_copy(update={"metrics": {"auc_roc": Metric(value=auc, low=low, high=high)}})


def test_better_worse_and_equal():
    strong, weak = held_out(3.0), held_out(0.8)
    one, two = card(0.9, 0.8, 0.95), card(0.7, 0.6, 0.8)
    better = gate.compare(one, two, strong, weak)
    assert (better.verdict, better.method, better.n_presences, better.n_background) == ("better", "paired", 40, 400)
    assert better.low is not None and better.low > 0
    assert better.sentence.startswith(
        "Better on the 40 presences and 400 background cells that both versions were tested on: its AUC is 0."
    )
    worse = gate.compare(two, one, weak, strong)
    assert worse.verdict == "worse"
    assert worse.difference == pytest.approx(-better.difference)
    same = gate.compare(one, two, weak, weak)
    assert (same.verdict, same.difference, same.low, same.high) == ("equal", 0, 0, 0)
    assert same.sentence.startswith("No difference shown on the 40 presences")
    assert better.warning == worse.warning == ""


def test_too_few_common_presences_fall_back_on_the_cards():
    one, two = card(0.90, 0.86, 0.94), card(0.70, 0.64, 0.76)
    few = held_out(2.0, n=(19, 400))
    report = gate.compare(one, two, few, few)
    assert (report.verdict, report.method, report.n_presences) == ("better", "independent", 19)
    assert "taken as independent because the versions share only 19 tested presences" in report.sentence
    # by hand: half widths 0.04 and 0.06, joined 0.0721 around 0.20
    assert (report.low, report.high) == (pytest.approx(0.2 - 0.0721110, 1e-5), pytest.approx(0.2 + 0.0721110, 1e-5))
    missing = gate.compare(card(0.75, 0.65, 0.85), two, None, few)
    assert "the records that this version was tested on are not stored here" in missing.sentence
    none = gate.compare(card(0.75, 0.65, 0.85), two, HeldOut(few.cell + 10**6, few.y, few.score), few)
    assert (none.verdict, none.method) == ("equal", "independent")
    assert "share no tested presences" in none.sentence
    many = held_out(2.0, n=(20, 400))
    assert gate.compare(one, two, many, many).method == "paired"


def test_other_folds_are_not_compared():
    strong = held_out(3.0)
    one, two = card(0.9, 0.8, 0.95), card(0.7, 0.6, 0.8)
    blocks = Validation(method="spatial blocks", folds=5, block_size_km=100.0, note="x")

    def compare(**changes):
        return gate.compare(
            one.model_copy(update={"validation": blocks.model_copy(update=changes)}),
            two.model_copy(update={"validation": blocks}),
            strong,
            held_out(0.8),
        )

    assert compare().verdict == compare(block_size_km=125.0).verdict == compare(block_size_km=80.0).verdict == "better"
    for changes in (
        {"folds": 10},
        {"block_size_km": 126.0},
        {"block_size_km": 79.0},
        {"method": "stratified", "block_size_km": None},
    ):
        report = compare(**changes)
        assert report.verdict == "unknown"
        assert report.sentence.startswith("Not comparable: this version was tested with ")
        assert report.sentence.count("5 folds (spatial blocks of 100 km)") == 1


def test_first_version_and_versions_without_a_score():
    first = gate.compare(card(0.8, 0.7, 0.9), None, None, None)
    assert (first.verdict, first.warning) == ("first", "")
    unscored = CARD.model_copy(update={"metrics": {}})
    report = gate.compare(card(0.8, 0.7, 0.9), unscored, None, None)
    assert report.verdict == "unknown"
    assert report.difference is None


def test_a_candidate_that_is_not_better_than_chance_has_a_warning():
    report = gate.compare(card(0.62, 0.48, 0.76), None, None, None)
    assert report.warning == (
        "The cross-validated AUC of this version is so uncertain that chance cannot be ruled out: do not use it for "
        "decisions."
    )
    assert gate.compare(card(0.49, 0.4, 0.6), None, None, None).warning.endswith("do not use it for decisions.")
